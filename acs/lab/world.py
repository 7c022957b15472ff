"""A HeMS and a HeNB in one thread under virtual time: hours of ladder run in milliseconds.

Everything is real but the sockets and the clock: messages go through the codec as bytes, each POST is the
transaction that the endpoint would run, the HeNB is the simulator's. Whatever should get lost on the way is
chosen by the test.
"""

from __future__ import annotations

import random
import weakref
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import StaticPool

from acs import devices as dev
from acs import distress as ds
from acs import files as fl
from acs import remediation as rm
from acs.cwmp import messages as m
from acs.datamodel import golden_configuration
from acs.errors import AcsError
from acs.lab.managed_henb import VENDOR, ManagedHenb
from acs.remediation import Environment, parse_policy
from acs.settings import Settings
from acs.simulator import PRODUCT_CLASS
from acs.simulator.distress_channels import Distress, DistressPath
from acs.simulator.firmware import build_image
from acs.store.tables import metadata

SERIAL = "0005B9423901"
START = 1_800_000_000.0
"""When a world begins: 2027-01-15 08:00 UTC."""
DISTRESS_KEY = "the key of the distress channels"
DISTRESS_PATHS = tuple(ds.Path(kind, f"{kind.lower()}.example:7550") for kind in ds.KINDS)
_RESTLESS = (
    "the trial does not come to rest: something is done again and again in no time; does a playbook sleep for"
    " 0 s in a loop?"
)
POLICY = "extends: default\nname: test\nevidence: {files: []}\n"


def open_database() -> Connection:
    """Return a connection to an empty database in memory."""
    engine = create_engine("sqlite://", poolclass=StaticPool)

    @event.listens_for(engine, "connect")
    def _connect(raw: Any, _record: Any) -> None:
        raw.isolation_level = None

    @event.listens_for(engine, "begin")
    def _begin(conn: Connection) -> None:
        conn.exec_driver_sql("BEGIN")

    conn = engine.connect()
    metadata.create_all(conn)
    conn.commit()
    return conn


def _close(conn: Connection) -> None:
    conn.close()
    conn.engine.dispose()


def _nothing(_where: str) -> bool:
    return False


def _file_url(_device_id: int, name: str, _now: float) -> str:
    return f"https://acs/files/{name}"


def _upload_url(_device_id: int, _file_type: str, key: str, _now: float) -> str:
    return f"https://acs/uploads/{key}"


class World(ManagedHenb):
    """A HeMS, a HeNB that it manages, and the time of both; ``add`` brings other HeNBs.

    ``distress`` is how many distress channels there are.
    """

    def __init__(
        self,
        *,
        policy: str = POLICY,
        image: str | None = "2.0.0",
        golden: bool = True,
        lose: Callable[[str], bool] = _nothing,
        distress: int = 0,
        start: float = START,
        library: rm.Library | None = None,
        roles: Iterable[str] = ("serving",),
        **henb: Any,
    ) -> None:
        self.now = start
        self.conn = open_database()
        weakref.finalize(self, _close, self.conn)
        paths = DISTRESS_PATHS[:distress]
        self.env = Environment(
            parse_policy(policy),
            _file_url,
            _upload_url,
            library=rm.Library() if library is None else library,
            distress_paths=paths,
            roles=frozenset(roles),
        )
        self.settings = Settings()
        self.nodes, self.lose, self.image = {}, lose, b""
        self.uploads, self.served = {}, {}
        self.neighbours: list[Neighbour] = []
        super().__init__(SERIAL, random.Random(1), **henb)  # noqa: S311 - every run of a world is alike
        self.henb.distress = Distress(tuple(DistressPath(each.kind) for each in paths), DISTRESS_KEY)
        with self.conn.begin():
            if golden:
                dev.set_golden(
                    self.conn, "*", [m.ParameterValue(*each) for each in golden_configuration("henb")]
                )
            if image is not None:
                self._approve(image)

    def _approve(self, version: str) -> None:
        self.image = build_image(version, PRODUCT_CLASS, VENDOR, size=100)
        fl.add_file(
            self.conn,
            "image",
            file_type=fl.FIRMWARE,
            version=version,
            product_class="*",
            sha256="0" * 64,
            size=len(self.image),
            signer="the vendor",
            who="one",
            now=self.now,
        )
        fl.approve_file(self.conn, "image", who="another", now=self.now)

    def _everybody(self) -> tuple[ManagedHenb, ...]:
        return self, *self.neighbours

    def add(self, serial: str, **henb: Any) -> Neighbour:
        """Switch on another HeNB that the same HeMS manages; it is provisioned."""
        neighbour = Neighbour(self, serial, **henb)
        self.neighbours.append(neighbour)
        neighbour.henb.power_on(self.now, first=True)
        self.run(5)
        return neighbour

    def run(self, seconds: float) -> None:
        """Let everything happen that happens within so many seconds."""
        end = self.now + seconds
        for _ in range(5000):
            self._settle()
            wakes = [each.henb.next_wake(self.now) for each in self._everybody()]
            step = min(*wakes, self._hems_wake(), end - self.now)
            if self.now >= end:
                return
            self.now += max(step, 0.05)
        raise AcsError(_RESTLESS)

    def restart(self) -> None:
        """Have another node go on: it knows what the store holds and what its operator's files say."""
        env = replace(self.env, policy=parse_policy(self.env.policy.text))
        for each in self._everybody():
            each.env = env
        self.conn.info.clear()

    def boot(self, *, first: bool = True) -> None:
        """Switch the HeNB on and let it be provisioned."""
        self.henb.power_on(self.now, first=first)
        self.run(5)

    def tamper(self, name: str, *, until: str = "", silent: bool = False, seconds: float = 4000) -> None:
        """Tamper, and let everything happen that follows; ``silent``: the device raises no alarm."""
        self.henb.tamper(name, self.now, until=until, silent=silent)
        self.run(seconds)

    def _hems_wake(self) -> float:
        with self.conn.begin():
            waits = [each.wake_at for each in rm.list_cases(self.conn) if each.wake_at is not None]
            waits += [each for each in (rm.look_again_at(self.conn),) if each is not None]
            found = [dev.find(self.conn, each.key) for each in self._everybody()]
        calls = [each.connection_request_at or 0 for each in found if each is not None]
        waits += [each for each in calls if each > self.now]
        return max(0.0, min(waits, default=self.now + 3600) - self.now)

    def _settle(self) -> None:
        """Do what is due now, on both sides."""
        for _ in range(200):
            self.henb.tick(self.now)
            self._call()
            self._trigger()
            with self.conn.begin():
                if rm.in_line(self.conn):
                    rules, system_dn = self.env.policy.safety, self.env.system_dn
                    rm.give_out(self.conn, rules=rules, system_dn=system_dn, now=self.now)
                due = rm.due_cases(self.conn, now=self.now, limit=10)
                for case_id in due:
                    rm.advance(self.conn, case_id, env=self.env, now=self.now)
                for case_id in rm.put_off_cases(self.conn, limit=10):
                    rm.begin_put_off(self.conn, case_id, env=self.env, now=self.now)
            with self.conn.begin():
                free = rm.due_runs(self.conn, limit=10)
                for device_id in free:
                    rm.begin_runs(self.conn, device_id, env=self.env, now=self.now)
            busy = [each.act() for each in self._everybody()]
            if not any(busy) and not due and not free:
                return
        raise AcsError(_RESTLESS)

    def _call(self) -> None:
        """Send the connection requests that are due."""
        with self.conn.begin():
            for target in dev.due_connection_requests(self.conn, now=self.now, limit=5):
                key = dev.get(self.conn, target.device_id).device_key
                called = next(each for each in self._everybody() if each.key == key)
                cut = called.cut & {"standard", "call"}
                if called.henb.state == "running" and called.reachable and not cut:
                    called.henb.connection_requested()
                    dev.connection_request_sent(self.conn, target.device_id, now=self.now)
                else:
                    dev.connection_request_failed(self.conn, target.device_id, "no answer", now=self.now)
                ds.call_in_vain(
                    self.conn,
                    target.device_id,
                    target.attempts,
                    self.env.distress_paths,
                    hourly=self.env.policy.distress.triggers_per_hour,
                    now=self.now,
                )

    def _trigger(self) -> None:
        """Send the triggers of distress channels that are due."""
        with self.conn.begin():
            for each in ds.claim_triggers(self.conn, now=self.now, limit=5):
                ds.trigger_sent(self.conn, each.id, "sent", now=self.now)
                told = next(one for one in self._everybody() if one.key == each.device_key)
                trigger = ds.Trigger(int(self.now), each.id, each.device_key, f"{each.id:016x}")
                datagram = ds.build_trigger(trigger, DISTRESS_KEY, host=each.address)
                told.triggers.append((each.kind, datagram))
                if not told.cut & {"trigger", f"trigger {each.kind}"}:
                    told.henb.triggered(datagram, each.kind, self.now)


class Neighbour(ManagedHenb):
    """Another HeNB in a world: it has the world's HeMS and clock, and a state of its own."""

    def __init__(self, world: World, serial: str, **henb: Any) -> None:
        self._world = world
        self.conn, self.env, self.settings = world.conn, world.env, world.settings
        self.nodes, self.lose, self.image = world.nodes, world.lose, world.image
        self.uploads, self.served = world.uploads, world.served
        super().__init__(serial, random.Random(serial), **henb)  # noqa: S311 - as above

    @property
    def now(self) -> float:  # type: ignore[override] # it is the world's, who alone moves it
        """The world's time."""
        return self._world.now
