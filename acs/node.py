"""The composition root: builds one node from its settings, starts it, stops it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from time import time
from typing import Any

import msgspec
import structlog
from aiohttp import web
from prometheus_client import generate_latest
from sqlalchemy import make_url

from acs.datamodel import install_profiles, load_profiles
from acs.errors import AcsError
from acs.files import (
    PM_FILE,
    Arrivals,
    DiskStorage,
    FileUrls,
    Integrity,
    Storage,
    TrustedSigners,
    UploadKeeper,
    open_storage,
)
from acs.housekeeping import Housekeeper
from acs.northbound import Northbound
from acs.observability import Metrics
from acs.remediation import Engine, Environment, Policy, load_policy
from acs.security import Secrets, check_secret, write_private
from acs.settings import Settings
from acs.southbound import (
    BulkCollector,
    DeviceTls,
    Dispatcher,
    Endpoint,
    FileServer,
    Guard,
    HttpWay,
    NotificationServer,
    PmFiles,
    Southbound,
    StunServer,
    UdpWay,
    Way,
    XmppWay,
    bind,
)
from acs.store import Store
from acs.watch import AuditKeeper, Watch

__all__ = ["Node"]

_log = structlog.get_logger(__name__)


class Node:
    """One ACS process. ``start`` returns when it serves; ``stop`` when everything is finished.

    ``store``, ``env``, ``storage``, ``arrivals`` and ``metrics`` are there after ``start``.
    """

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self._clock = clock
        self._tasks: list[asyncio.Task[None]] = []
        self._stack = AsyncExitStack()
        self._ready = False
        self.management_port = 0
        self.northbound_port: int | None = None
        self.stun_port: int | None = None
        self.notification_port: int | None = None
        self._stun: StunServer | None = None
        self.store: Store
        self.env: Environment
        self.storage: Storage
        self.arrivals: Arrivals
        self.southbound: Southbound

    @property
    def url(self) -> str:
        """How devices reach this node."""
        return self.settings.url or f"https://{self.settings.names[0]}:{self.southbound.port}"

    async def start(self) -> None:
        """Open everything. Raises ``AcsError`` with a remedy where that is impossible."""
        try:
            await self._start()
        except BaseException:
            await self._close()
            raise
        _log.info("serving", url=self.url, database=self.store.dialect, policy=self.env.policy.version)

    async def _start(self) -> None:
        settings = self.settings
        secrets = Secrets.load_or_create(settings.data)
        password = make_url(settings.database_url).password
        if password is not None:
            check_secret(str(password), "the database's password", shortest=1)
        install_profiles(load_profiles(settings.data))
        policy = load_policy(settings.policy)
        self.store = await Store.open(settings.database_url, clock=self._clock)
        self._stack.push_async_callback(self.store.close)
        self.storage = open_storage(settings.file_storage, settings.data)
        if isinstance(self.storage, DiskStorage):
            await asyncio.to_thread(self.storage.sweep)
        self.arrivals = Arrivals(self.store, self.storage)
        self.arrivals.on(PM_FILE, PmFiles(self.store, settings, self.metrics).arrived)
        self.env = Environment(policy, self._file_url, self._upload_url)
        endpoint = Endpoint(self.store, settings, secrets, self.env, self.metrics)
        self.southbound = Southbound(settings, endpoint)
        self._urls = FileUrls(secrets.file_url_key, lambda: self.url, lifetime=settings.file_url_lifetime)
        collector = BulkCollector(
            self.store,
            settings,
            secrets,
            env=self.env,
            metrics=self.metrics,
            vendors=endpoint.vendors,
            revocations=endpoint.revocations,
        )
        collector.register(self.southbound.app)
        files = FileServer(
            self.store,
            self.storage,
            self._urls,
            settings=settings,
            nonce_key=secrets.nonce_key,
            integrity=Integrity(self.storage, TrustedSigners(settings.data)),
            minimal_versions=policy.minimal_versions,
            vendors=endpoint.vendors,
            metrics=self.metrics,
        )
        self.southbound.app.add_routes(files.routes())
        self._stack.push_async_callback(endpoint.tracer.close)
        self._stack.push_async_callback(self.southbound.stop)
        await endpoint.admission.refresh()
        await self.southbound.start()
        await self._start_management()
        await self._start_northbound()
        await self._start_stun(secrets)
        await self._start_notifications(secrets)
        self._run(Engine(self.store, self.env).run(), "remediation")
        self._run(self._dispatcher(secrets).run(), "connection requests")
        self._run(self.southbound.follow_vendors(), "vendor CAs")
        self._run(endpoint.admission.run(), "admission")
        self._run(endpoint.tracer.run(), "traces")
        keep = self._retention(policy), settings.bulk_retention_days * 86400
        uploads = UploadKeeper(
            self.store,
            self.storage,
            retention=settings.upload_retention_days * 86400,
            longest=settings.upload_timeout,
        )
        housekeeper = Housekeeper(
            self.store,
            *keep,
            uploads=uploads,
            trace_retention=settings.trace_retention_days * 86400,
            trace_quota=settings.trace_quota,
        )
        self._run(housekeeper.run(), "housekeeping")
        self._run(self.arrivals.run(), "uploads")
        self._run(AuditKeeper(self.store, settings).run(), "audit checkpoints")
        southbound, env = self.southbound, self.env
        watch = Watch(self.store, settings, secrets, southbound=southbound, env=env, metrics=self.metrics)
        self._run(watch.run(), "certificates and secrets")
        self._write_ports()
        self._ready = True

    def _dispatcher(self, secrets: Secrets) -> Dispatcher:
        settings = self.settings
        for name in ("connection_request_basic", "connection_request_any_certificate"):
            if getattr(settings, name):
                _log.warning("LABS ONLY: connection requests can be listened to", setting=name)
        guard = Guard(settings.connection_request_networks)
        self._stack.callback(guard.close)
        vendors = None if settings.connection_request_any_certificate else self.southbound.endpoint.vendors
        http = HttpWay(guard, DeviceTls(vendors), basic=settings.connection_request_basic)
        ways: list[Way] = [http]
        if self._stun is not None:
            ways.append(UdpWay(guard, self._stun.send, self._clock))
        xmpp = XmppWay.from_settings(settings)
        if xmpp is not None:
            ways.append(xmpp)
            self._run(xmpp.stream.run(), "XMPP")
        limit = settings.connection_requests_at_once
        return Dispatcher(self.store, secrets, self.metrics, ways, in_flight=limit)

    async def _start_notifications(self, secrets: Secrets) -> None:
        if self.settings.notification_port is None:
            return
        server = NotificationServer(self.store, secrets, self.metrics)
        await server.start(self.settings.host, self.settings.notification_port)
        self._stack.callback(server.stop)
        self.notification_port = server.port
        self._run(server.work(), "lightweight notifications")

    async def _start_stun(self, secrets: Secrets) -> None:
        if self.settings.stun_port is None:
            return
        self._stun = StunServer(self.store, secrets, self.metrics)
        await self._stun.start(self.settings.host, self.settings.stun_port)
        self._stack.callback(self._stun.stop)
        self.stun_port = self._stun.port
        self._run(self._stun.keep(), "UDP bindings")

    def _retention(self, policy: Policy) -> float:
        """Return the retention in seconds; recurrences have to be remembered for as long as they count."""
        seconds = self.settings.retention_days * 86400
        if seconds < policy.limits.recurrence_window:
            raise AcsError(
                f"the setting retention_days is {self.settings.retention_days:g}, but the policy counts"
                f" recurrences over {policy.limits.recurrence_window:g} s; keep longer, or count over less"
            )
        return seconds

    def _file_url(self, device_id: int, name: str, now: float) -> str:
        return self._urls.url(device_id, name, now)

    def _upload_url(self, device_id: int, file_type: str, command_key: str, now: float) -> str:
        return self._urls.upload_url(device_id, file_type, command_key, now)

    def _run(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.append(task)
        self._stack.push_async_callback(self._end, task)

    @staticmethod
    async def _end(task: asyncio.Task[None]) -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    def _write_ports(self) -> None:
        ports = {
            "pid": os.getpid(),
            "url": self.url,
            "port": self.southbound.port,
            "http_port": self.southbound.http_port,
            "management_port": self.management_port,
            "northbound_port": self.northbound_port,
            "stun_port": self.stun_port,
            "notification_port": self.notification_port,
        }
        write_private(self.settings.data / "node.json", msgspec.json.encode(ports))

    async def _start_northbound(self) -> None:
        settings = self.settings
        if settings.northbound_port is None:
            return
        northbound = Northbound(self.store, settings, self.env, self.metrics)
        self._stack.push_async_callback(northbound.runner.cleanup)
        await northbound.runner.setup()
        self.northbound_port = await bind(
            northbound.runner,
            settings.northbound_host,
            settings.northbound_port,
            northbound.context(),
            "northbound_port",
        )

    async def _start_management(self) -> None:
        app = web.Application()
        app.router.add_get("/metrics", self._metrics_page)
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/readyz", self._readiness)
        runner = web.AppRunner(app, access_log=None, handle_signals=False)
        self._stack.push_async_callback(runner.cleanup)
        await runner.setup()
        self.management_port = await bind(
            runner,
            self.settings.management_host,
            self.settings.management_port,
            None,
            "management_port",
        )

    async def _metrics_page(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self.metrics.registry), content_type="text/plain")

    async def _health(self, _: web.Request) -> web.Response:
        stopped = [task.get_name() for task in self._tasks if task.done()]
        status = 500 if stopped else 200
        return web.json_response({"status": "failed" if stopped else "ok", "stopped": stopped}, status=status)

    async def _readiness(self, _: web.Request) -> web.Response:
        if not self._ready:
            return web.json_response({"status": "starting or stopping"}, status=503)
        try:
            async with asyncio.timeout(2):
                await self.store.read(lambda conn: conn.exec_driver_sql("SELECT 1").scalar())
        except Exception as error:  # noqa: BLE001 - whatever it is, the node is not ready
            return web.json_response({"status": "the store does not answer", "why": str(error)}, status=503)
        return web.json_response({"status": "ok"})

    async def stop(self) -> None:
        """Let open sessions finish, then close everything; nothing that was acknowledged is lost."""
        await self._close()
        _log.info("stopped")

    async def _close(self) -> None:
        self._ready = False
        await self._stack.aclose()
