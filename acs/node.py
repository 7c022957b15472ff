"""The composition root: builds one node from its settings, starts it, stops it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from time import time
from typing import Any, TypeVar

import msgspec
import structlog
from aiohttp import web
from sqlalchemy import Connection, make_url

from acs.alarms import set_inhibitions
from acs.datamodel import install_profiles, installed_profiles, load_profiles
from acs.devices import missing_models
from acs.distress import call_in_vain, parse_template
from acs.enforcement import Enforcer
from acs.files import (
    PM_FILE,
    Arrivals,
    Disk,
    FileUrls,
    Integrity,
    Storage,
    TrustedSigners,
    UploadKeeper,
    open_storage,
)
from acs.holding import HoldWatch
from acs.housekeeping import Housekeeper
from acs.management import Management
from acs.northbound import Deliverer, Northbound
from acs.observability import Metrics
from acs.reload import Reloader, Rules, read_rules
from acs.remediation import Engine, Environment
from acs.security import Sealer, Secrets, check_secret, write_private
from acs.settings import Settings
from acs.silence import SilenceWatch
from acs.southbound import (
    BulkCollector,
    DeviceTls,
    Dispatcher,
    Endpoint,
    FileServer,
    Guard,
    HttpWay,
    Medium,
    NotificationServer,
    PmFiles,
    Southbound,
    StunServer,
    TriggerSender,
    UdpMedium,
    UdpWay,
    Way,
    XmppMedium,
    XmppWay,
    coap_medium,
    guarded,
    listen_for_managers,
)
from acs.store import Store, confirm_master_key
from acs.watch import AuditKeeper, Watch

__all__ = ["Node"]

_log = structlog.get_logger(__name__)
T = TypeVar("T")


def _proved(request: web.Request, who: str) -> None:
    guarded(request).proved(who)


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
        self._by_rules: list[Any] = []
        self._reloader: Reloader | None = None
        self._last_reload: dict[str, Any] | None = None
        self.management: Management | None = None
        self.northbound: Northbound | None = None
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

    @property
    def distress_url(self) -> str:
        """How devices reach this node's listener of distress channels."""
        settings = self.settings
        name = (settings.distress_names or settings.names)[0]
        return settings.distress_url or f"https://{name}:{self.southbound.distress_port}"

    async def start(self) -> None:
        """Open everything. Raises ``AcsError`` with a remedy where that is impossible."""
        try:
            await self._start()
        except BaseException:  # cancelled, or something can't be opened: what is open already is closed
            await self._close()
            raise
        _log.info("serving", url=self.url, database=self.store.dialect, policy=self.env.policy.version)

    async def _start(self) -> None:
        secrets = Secrets.load_or_create(self.settings.data)
        rules = read_rules(self.settings)
        for problem in rules.problems:  # it keeps no node from starting
            _log.error("a playbook can't be used", why=problem)
        install_profiles(load_profiles(self.settings.data))
        await self._open_store(secrets)
        await self.store.write(set_inhibitions, rules.policy.inhibit)
        for source, name in (await self.store.read(missing_models, installed_profiles())).items():
            _log.warning("a profile names a data model that is not there", profile=source, model=name)
        paths = parse_template(self.settings.distress_paths)
        if paths and self.settings.distress_port is None:
            _log.warning("triggers go out, but this node listens for no session over a distress channel")
        self.env = Environment(
            rules.policy,
            self._file_url,
            self._upload_url,
            library=rules.library,
            distress_file_url=self._distress_file_url if self.settings.distress_port is not None else None,
            distress_paths=paths,
            roles=frozenset(self.settings.roles),
        )
        await self._open_southbound(secrets)
        disk = Disk(self.settings.data, 0)
        self.metrics.disk_free.set_function(disk.free)
        here = self.settings.database_url.startswith("sqlite")
        self.management = Management(
            self.store, self.metrics, self._stopped_tasks, disk.free if here else None
        )
        await self.management.start(self.settings.management_host, self.settings.management_port)
        self._stack.push_async_callback(self.management.stop)
        await self._start_northbound(secrets)
        await self._start_stun(secrets)
        await self._start_notifications(secrets)
        self._begin_work(secrets)
        self._follow(rules)
        self._write_ports()
        self.management.ready = True

    async def _open_store(self, secrets: Secrets) -> None:
        settings = self.settings
        password = make_url(settings.database_url).password
        if password is not None:
            check_secret(str(password), "the database's password", shortest=1)
        self.store = await Store.open(settings.database_url, clock=self._clock)
        self._stack.push_async_callback(self.store.close)
        await self.store.write(confirm_master_key, secrets.check)
        self.storage = open_storage(settings.file_storage, settings.data, reserve=settings.disk_reserve)
        self.arrivals = Arrivals(self.store, self.storage)
        self.arrivals.on(PM_FILE, PmFiles(self.store, settings, self.metrics).arrived)

    async def _open_southbound(self, secrets: Secrets) -> None:
        settings = self.settings
        endpoint = self._ruled(Endpoint(self.store, settings, secrets, self.env, self.metrics))
        self.southbound = Southbound(settings, endpoint)
        key, lifetime = secrets.file_url_key, settings.file_url_lifetime
        self._urls = FileUrls(key, lambda: self.url, lifetime=lifetime)
        self._distress_urls = FileUrls(key, lambda: self.distress_url, lifetime=lifetime)
        collector = BulkCollector(
            self.store,
            settings,
            secrets,
            env=self.env,
            metrics=self.metrics,
            vendors=endpoint.vendors,
            revocations=endpoint.revocations,
            admission=endpoint.admission,
        )
        self._ruled(collector).register(self.southbound.app)
        files = FileServer(
            self.store,
            self.storage,
            self._urls,
            settings=settings,
            nonce_key=secrets.nonce_key,
            integrity=Integrity(self.storage, TrustedSigners(settings.data)),
            env=self.env,
            vendors=endpoint.vendors,
            revocations=endpoint.revocations,
            admission=endpoint.admission,
            metrics=self.metrics,
        )
        self.southbound.app.add_routes(self._ruled(files).routes())
        self.southbound.distress_routes = files.fetch_routes()
        self._stack.push_async_callback(endpoint.tracer.close)
        self._stack.push_async_callback(self.southbound.stop)
        await endpoint.admission.refresh()
        await self.southbound.start()

    def _begin_work(self, secrets: Secrets) -> None:
        """Start what goes on beside the answers to devices."""
        southbound, endpoint = self.southbound, self.southbound.endpoint
        watch = self._ruled(
            Watch(
                self.store, self.settings, secrets, southbound=southbound, env=self.env, metrics=self.metrics
            )
        )
        engine = self._ruled(Engine(self.store, self.env, lambda: endpoint.turns.room))
        self._run(engine.run(), "remediation")
        self._run(self._deliverer(secrets).run(), "notifications of managers")
        self._run(self._enforcer(secrets).run(), "measures")
        self._run(self._dispatcher(secrets).run(), "connection requests")
        self._run(southbound.follow_vendors(), "vendor CAs")
        self._run(endpoint.admission.run(), "admission")
        self._run(endpoint.turned_away.run(), "devices that were sent away")
        self._run(endpoint.tracer.run(), "traces")
        self._run(self._housekeeper().run(), "housekeeping")
        self._run(self.arrivals.run(), "uploads")
        self._run(AuditKeeper(self.store, self.settings).run(), "audit checkpoints")
        self._run(watch.run(), "certificates and secrets")
        self._run(self._ruled(SilenceWatch(self.store, self.env, self.metrics)).run(), "silent devices")
        self._run(self._ruled(HoldWatch(self.store, self.env)).run(), "silences")

    def _ruled(self, user: T) -> T:
        """Note that this goes by policy and playbooks, as its attribute ``env``."""
        self._by_rules.append(user)
        return user

    def _housekeeper(self) -> Housekeeper:
        settings = self.settings
        uploads = UploadKeeper(
            self.store,
            self.storage,
            retention=settings.upload_retention_days * 86400,
            longest=settings.upload_timeout,
        )
        return Housekeeper(
            self.store,
            self.settings.retention_days * 86400,
            settings.bulk_retention_days * 86400,
            uploads=uploads,
            trace_retention=settings.trace_retention_days * 86400,
            trace_quota=settings.trace_quota,
        )

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
        media: list[Medium] = [UdpMedium(guard)]
        coap = coap_medium(guard, self.store)
        if coap is not None:
            media.append(coap)
        if xmpp is not None:
            media.append(XmppMedium(xmpp, secrets))
        self._run(TriggerSender(self.store, secrets, media, self.metrics).run(), "distress triggers")
        limit = settings.connection_requests_at_once
        return Dispatcher(
            self.store, secrets, self.metrics, ways, in_flight=limit, in_vain=self._called_in_vain
        )

    def _called_in_vain(self, conn: Connection, device_id: int, attempts: int, now: float) -> None:
        hourly = self.env.policy.distress.triggers_per_hour
        call_in_vain(conn, device_id, attempts, self.env.distress_paths, hourly=hourly, now=now)

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

    def _follow(self, rules: Rules) -> None:
        """Have policy and playbooks read anew when that is asked for."""
        users = (self, *self._by_rules)
        reloader = Reloader(self.store, self.settings, rules, users, told=self._reloaded)
        self._run(reloader.run(), "reloading")
        self._reloader = reloader

    def _reloaded(self, at: float, changed: str, error: str) -> None:
        self._last_reload = {"at": at, "changed": changed, "error": error}
        self._write_ports()

    def reload(self) -> None:
        """Have policy and playbooks read anew; what is wrong is logged, and changes nothing."""
        if self._reloader is not None:  # one that only starts reads them anyway
            self._reloader.ask()

    def _file_url(self, device_id: int, name: str, now: float) -> str:
        return self._urls.url(device_id, name, now)

    def _distress_file_url(self, device_id: int, name: str, now: float) -> str:
        return self._distress_urls.url(device_id, name, now)

    def _upload_url(self, device_id: int, file_type: str, command_key: str, now: float) -> str:
        return self._urls.upload_url(device_id, file_type, command_key, now)

    def _stopped_tasks(self) -> list[str]:
        return [task.get_name() for task in self._tasks if task.done()]

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
            "distress_port": self.southbound.distress_port,
            "management_port": self.management.port if self.management else None,
            "northbound_port": self.northbound_port,
            "stun_port": self.stun_port,
            "notification_port": self.notification_port,
            "policy": self.env.policy.version,
            "policy_file": _absolute(self.settings.policy),
            "playbooks": _absolute(self.settings.playbooks),
            "reload": self._last_reload,
        }
        write_private(self.settings.data / "node.json", msgspec.json.encode(ports))

    async def _start_northbound(self, secrets: Secrets) -> None:
        settings = self.settings
        if settings.northbound_port is None:
            return
        northbound = self.northbound = self._ruled(
            Northbound(self.store, settings, secrets, self.env, self.metrics, proved=_proved)
        )
        await northbound.runner.setup()
        context = northbound.context()
        front, self.northbound_port = listen_for_managers(northbound.runner, settings, context, self.metrics)
        self._stack.push_async_callback(front.stop)
        self._stack.push_async_callback(northbound.runner.cleanup)
        self._stack.callback(front.close)
        self._run(northbound.run(), "managers' certificate")

    def _deliverer(self, secrets: Secrets) -> Deliverer:
        settings = self.settings
        if settings.subscription_insecure_http:
            _log.warning("LABS ONLY: managers may be told over http", setting="subscription_insecure_http")
        return Deliverer(
            self.store,
            settings,
            Sealer(secrets.store_key),
            self.metrics,
            url=lambda: f"https://{settings.names[0]}:{self.northbound_port or settings.northbound_port}",
            system_dn=self.env.system_dn,
        )

    def _enforcer(self, secrets: Secrets) -> Enforcer:
        guard = Guard(self.settings.measure_networks, setting="measure_networks")
        self._stack.callback(guard.close)
        sealer = Sealer(secrets.store_key)
        return Enforcer(self.store, self.settings, sealer, self.metrics, guard, system_dn=self.env.system_dn)

    async def stop(self) -> None:
        """Let open sessions finish, then close everything; nothing that was acknowledged is lost."""
        await self._close()
        _log.info("stopped")

    async def _close(self) -> None:
        if self.management is not None:
            self.management.ready = False
        await self._stack.aclose()


def _absolute(path: Path | None) -> str | None:
    return None if path is None else str(path.absolute())
