"""The sockets that devices reach: CWMP at ``/`` and ``/acs``, files at ``/files/``."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import structlog
from aiohttp import web

from acs.errors import AcsError
from acs.settings import Settings
from acs.southbound.endpoint import Endpoint
from acs.southbound.tls import Listening, make_certificate

__all__ = ["Southbound", "bind"]

_KEEPALIVE = 75.0  # seconds a connection may idle between two messages
_VENDOR_POLL = 5.0
_log = structlog.get_logger(__name__)


async def bind(runner: web.AppRunner, host: str, port: int, context: ssl.SSLContext | None, name: str) -> int:
    """Listen; return the port. Raises ``AcsError`` that names address and setting."""
    site = web.TCPSite(runner, host, port, ssl_context=context, backlog=4096)
    try:
        await site.start()
    except OSError as error:
        raise AcsError(f"can't listen on {host}:{port} (setting {name}): {error}") from error
    server: Any = site._server  # aiohttp has no other way to the port that was taken
    return int(server.sockets[0].getsockname()[1])


class Southbound:
    """The listeners of one node; ``port`` and ``http_port`` are known after ``start``."""

    def __init__(self, settings: Settings, endpoint: Endpoint) -> None:
        self._settings, self.endpoint = settings, endpoint
        self._runner: web.AppRunner | None = None
        self._tls: Listening | None = None
        self.port = 0
        self.http_port: int | None = None
        self.app = web.Application(client_max_size=settings.max_body)
        for path in ("/", "/acs"):
            self.app.router.add_post(path, endpoint.handle)

    async def start(self) -> None:
        """Open the listeners."""
        settings = self._settings
        vendors = self.endpoint.vendors
        await asyncio.to_thread(make_certificate, settings)
        await asyncio.to_thread(vendors.refresh, strict=True)
        self._tls = Listening(settings, vendors.cas)
        vendors.changed = self._tls.trust
        if not vendors.cas:
            _log.warning("no vendor CA is trusted yet; devices can't use certificates. See: acs trust add")
        self._runner = web.AppRunner(
            self.app, access_log=None, keepalive_timeout=_KEEPALIVE, shutdown_timeout=5, handle_signals=False
        )
        await self._runner.setup()
        self.port = await bind(self._runner, settings.host, settings.port, self._tls.context, "port")
        if settings.insecure_http_port is not None:
            _log.warning("LABS ONLY: devices may connect without TLS", setting="insecure_http_port")
            self.http_port = await bind(
                self._runner, settings.host, settings.insecure_http_port, None, "insecure_http_port"
            )

    async def follow_vendors(self) -> None:
        """Take up vendor CAs that are added, and drop those that are removed. Runs until cancelled.

        From then on a CA that was removed vouches for nobody: not in new handshakes, not on resumed
        connections, not in sessions that are open.
        """
        while True:
            await asyncio.sleep(_VENDOR_POLL)
            try:
                self.endpoint.vendors.refresh()
            except Exception:  # noqa: BLE001 - what was trusted stays trusted until the next look
                _log.exception("the vendor CAs could not be read; they are read again")

    async def stop(self) -> None:
        """Let open sessions finish, then close the listeners."""
        left = await self.endpoint.sessions.drain(self._settings.drain_timeout)
        if left:
            _log.warning("sessions were left unfinished; their devices will come again", count=left)
        if self._runner is not None:
            await self._runner.cleanup()
