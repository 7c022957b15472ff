"""The sockets that devices reach: CWMP at ``/`` and ``/acs``, files at ``/files/``."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web

from acs.errors import AcsError
from acs.settings import Settings
from acs.southbound.endpoint import Endpoint
from acs.southbound.tls import load_vendors, server_context, vendor_files

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
        self._context: ssl.SSLContext | None = None
        self._trusted: set[Path] = set()
        self.port = 0
        self.http_port: int | None = None
        self.app = web.Application(client_max_size=settings.max_body)
        for path in ("/", "/acs"):
            self.app.router.add_post(path, endpoint.handle)

    async def start(self) -> None:
        """Open the listeners."""
        settings = self._settings
        self._context = await asyncio.to_thread(server_context, settings)
        self._trusted = set(vendor_files(settings))
        if not self._trusted:
            _log.warning("no vendor CA is trusted yet; devices can't use certificates. See: acs trust add")
        self._runner = web.AppRunner(
            self.app, access_log=None, keepalive_timeout=_KEEPALIVE, shutdown_timeout=5, handle_signals=False
        )
        await self._runner.setup()
        self.port = await bind(self._runner, settings.host, settings.port, self._context, "port")
        if settings.insecure_http_port is not None:
            _log.warning("LABS ONLY: devices may connect without TLS", setting="insecure_http_port")
            self.http_port = await bind(
                self._runner, settings.host, settings.insecure_http_port, None, "insecure_http_port"
            )

    async def follow_vendors(self) -> None:
        """Trust vendor CAs that are added while the node runs. Runs until cancelled."""
        while True:
            await asyncio.sleep(_VENDOR_POLL)
            for path in sorted(set(vendor_files(self._settings)) - self._trusted):
                self._trusted.add(path)
                self._trust(path)

    def _trust(self, path: Path) -> None:
        assert self._context is not None
        try:
            load_vendors(self._context, [path])
        except AcsError as error:
            _log.error("a vendor CA can't be trusted", why=str(error))
        else:
            _log.info("vendor CA added", file=path.name)

    async def stop(self) -> None:
        """Let open sessions finish, then close the listeners."""
        left = await self.endpoint.sessions.drain(self._settings.drain_timeout)
        if left:
            _log.warning("sessions were left unfinished; their devices will come again", count=left)
        if self._runner is not None:
            await self._runner.cleanup()
