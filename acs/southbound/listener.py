"""The sockets that devices reach: CWMP at ``/`` and ``/acs``, files at ``/files/``."""

from __future__ import annotations

import asyncio
import ipaddress
import resource
import ssl
from collections.abc import Iterable
from functools import partial
from typing import Any

import structlog
from aiohttp import web

from acs.distress import DISTRESS
from acs.errors import AcsError
from acs.loops import tried_again
from acs.settings import Settings
from acs.southbound.connections import Bounds, Connections, Stage
from acs.southbound.endpoint import CHANNEL, Endpoint
from acs.southbound.front import Front
from acs.southbound.guarded import HTTP, Guarded
from acs.southbound.limits import Buckets
from acs.southbound.server_certificate import ServerCertificate
from acs.southbound.tls import Listening
from acs.southbound.vendors import VendorCA

__all__ = ["Southbound", "bind"]

_FIRST = 15.0  # seconds until something has to come on a new connection
_CLOSING = 10.0  # seconds that a peer may take to close what was closed
_BURST = 10  # seconds' worth of an address's rate that it may use at once
_DELAY = 10.0  # seconds that a connection waits at most whose device connects too often
_DEVICE_BURST = 30  # seconds' worth of new connections that a device may open at once
_OWN_FILES = 256  # that a node needs beside connections
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
        self.front: Front | None = None
        self._tls: list[Listening] = []
        self.certificate = ServerCertificate(settings)
        self._distress: web.AppRunner | None = None
        self._distress_front: Front | None = None
        self.distress_routes: list[web.RouteDef] = []
        """What the listener of distress channels serves besides sessions."""
        self.distress_port: int | None = None
        self.port = 0
        self.http_port: int | None = None
        self.app = web.Application(client_max_size=settings.max_body)
        for path in ("/", "/acs"):
            self.app.router.add_post(path, endpoint.handle)

    async def start(self) -> None:
        """Open the listeners."""
        settings = self._settings
        vendors = self.endpoint.vendors
        await asyncio.to_thread(self.certificate.make)
        await asyncio.to_thread(vendors.refresh, strict=True)
        tls = Listening(settings, vendors.cas)
        self._tls = [tls]
        vendors.changed = self._trust
        await self.endpoint.revocations.refresh()
        if not vendors.cas:
            _log.warning("no vendor CA is trusted yet; devices can't use certificates. See: acs trust add")
        self._runner = web.AppRunner(self.app, shutdown_timeout=5, handle_signals=False, **HTTP)
        await self._runner.setup()
        spare = settings.distress_connections if settings.distress_port is not None else 0
        most = _files_for(settings.max_connections + spare)
        spare = min(spare, most // 2)
        self.front = self._make_front(most - spare)
        server = self._runner.server
        assert server is not None
        handler = partial(Guarded, server, loop=asyncio.get_running_loop(), **HTTP)
        self.port = self.front.listen(settings.host, settings.port, tls.context, "port", handler)
        if settings.insecure_http_port is not None:
            _log.warning("LABS ONLY: devices may connect without TLS", setting="insecure_http_port")
            self.http_port = self.front.listen(
                settings.host, settings.insecure_http_port, None, "insecure_http_port", handler
            )

        if settings.distress_port is not None:
            await self._start_distress(settings.distress_port, spare)

    async def _start_distress(self, port: int, connections: int) -> None:
        """Open the listener of distress channels: its own port and certificate, few methods (S1 L54).

        Its bounds are its own as well: it is there for when the standard listener is not well.
        """
        app = web.Application(client_max_size=self._settings.max_body)
        app[CHANNEL] = DISTRESS
        for path in ("/", "/acs"):
            app.router.add_post(path, self.endpoint.handle)
        app.add_routes(self.distress_routes)
        self._distress = web.AppRunner(app, shutdown_timeout=5, handle_signals=False, **HTTP)
        await self._distress.setup()
        server, tls = self._distress.server, Listening(self._settings, self.vendors, "distress")
        assert server is not None
        assert self.front is not None
        fronts = self.front, self._make_front(connections)
        self._distress_front = fronts[1]
        self._distress_front.familiar = self.front.familiar  # whoever came over the one is known at the other
        self.endpoint.metrics.connections.set_function(lambda: sum(len(each.connections) for each in fronts))
        self._tls.append(tls)
        handler = partial(Guarded, server, loop=asyncio.get_running_loop(), **HTTP)
        host = self._settings.distress_host or self._settings.host
        self.distress_port = self._distress_front.listen(host, port, tls.context, "distress_port", handler)

    def _trust(self, cas: Iterable[VendorCA]) -> None:
        trusted = list(cas)
        for each in self._tls:
            each.trust(trusted)

    def _make_front(self, most: int) -> Front:
        settings = self._settings
        delay = min(_DELAY, settings.idle_timeout)
        bounds = Bounds(
            total=most,
            strangers=min(settings.max_strangers, most),
            per_address=settings.address_connections,
            per_device=settings.device_connections,
            handshakes=settings.handshakes,
            seconds={
                Stage.DELAYED: delay + 1,
                Stage.SILENT: _FIRST,
                Stage.HANDSHAKE: settings.handshake_timeout,
                Stage.FRESH: min(_FIRST, settings.idle_timeout),
                Stage.HEAD: settings.header_timeout,
                Stage.BODY: settings.stall_timeout,
                Stage.IDLE: settings.idle_timeout,
                Stage.WRITING: settings.stall_timeout,
                Stage.CLOSING: _CLOSING,
            },
        )
        connections = Connections(bounds)
        self.endpoint.metrics.connections.set_function(lambda: len(connections))
        front = Front(
            connections,
            rate=Buckets(settings.address_rate, settings.address_rate * _BURST),
            strangers=Buckets(settings.stranger_rate, settings.stranger_rate / 4),
            identities=Buckets(
                settings.device_connection_rate, max(1, settings.device_connection_rate * _DEVICE_BURST)
            ),
            unlimited=[ipaddress.ip_network(each) for each in settings.unlimited_networks],
            handshake_timeout=settings.handshake_timeout,
            longest_delay=delay,
            metrics=self.endpoint.metrics,
        )
        front.handshake_failed = self.endpoint.admission.handshake_failed
        return front

    @property
    def vendors(self) -> list[VendorCA]:
        """The vendor CAs that are trusted now."""
        return self.endpoint.vendors.cas

    @property
    def crl_files(self) -> dict[str, float]:
        """The CRL files by name, and until when they tell who is good, in seconds since the epoch."""
        return self.endpoint.revocations.files

    def renew_certificate(self) -> float:
        """Make a new server certificate and show it in new handshakes; return until when it is valid."""
        self.certificate.make()
        self._trust(self.endpoint.vendors.cas)
        return self.certificate.until

    def follow_certificate(self) -> None:
        """Show the operator's certificate in new handshakes where it was renewed."""
        if self.certificate.refresh():
            self._trust(self.endpoint.vendors.cas)

    async def follow_vendors(self) -> None:
        """Take up vendor CAs that are added, and drop those that are removed. Runs until cancelled.

        From then on a CA that was removed vouches for nobody: not in new handshakes, not on resumed
        connections, not in sessions that are open.
        """
        while True:
            await asyncio.sleep(_VENDOR_POLL)
            # Where that fails, what was trusted stays trusted until the next look.
            with tried_again(_log, "the server certificate could not be read"):
                self.follow_certificate()
            with tried_again(_log, "the vendor CAs could not be read"):
                self.endpoint.vendors.refresh()
                await self.endpoint.revocations.refresh()

    async def stop(self) -> None:
        """Let open sessions finish, then close the listeners."""
        left = await self.endpoint.sessions.drain(self._settings.drain_timeout)
        if left:
            _log.warning("sessions were left unfinished; their devices will come again", count=left)
        fronts = [each for each in (self.front, self._distress_front) if each is not None]
        for each in fronts:
            each.close()
        for runner in (self._runner, self._distress):
            if runner is not None:
                await runner.cleanup()
        for each in fronts:
            await each.stop()
        await self.endpoint.revocations.close()


def _files_for(connections: int) -> int:
    """Ask the system for as many open files as the connections need; return how many it allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OWN_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    most = max(soft - _OWN_FILES, soft // 2)
    _log.warning(
        "fewer connections than the setting says: the system allows too few open files (ulimit -n)",
        setting="max_connections",
        allowed=most,
    )
    return most
