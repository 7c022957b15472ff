"""A HeMS and a HeNB in one thread under virtual time: hours of ladder run in milliseconds.

Everything is real but the sockets and the clock: messages go through the codec as bytes, each POST is the
transaction that the endpoint would run, the HeNB is the simulator's. Whatever should get lost on the way is
chosen by the test.
"""

from __future__ import annotations

import hashlib
import random
import weakref
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Concatenate, ParamSpec, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, create_engine, event, select
from sqlalchemy.pool import StaticPool

from acs import alarms as al
from acs import bulkdata as bd
from acs import devices as dev
from acs import distress as ds
from acs import files as fl
from acs import remediation as rm
from acs.cwmp import decode, encode
from acs.cwmp import messages as m
from acs.datamodel import golden_configuration
from acs.remediation import Environment, parse_policy
from acs.settings import Settings
from acs.simulator import PRODUCT_CLASS, HeNB, Pace
from acs.simulator.delivery import Delivery
from acs.simulator.distress import Distress, DistressPath
from acs.simulator.firmware import ImageError, build_image, verify_image
from acs.simulator.transfer import Transfer
from acs.southbound import transactions as tx
from acs.southbound.authentication import Proof, Refused
from acs.southbound.roles import channel_for
from acs.store.tables import metadata, outbox

PACE = Pace(boot=45, factory_reset=90, self_test=10, install=30, retry_scale=1.0)
VENDOR = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SERIAL = "0005B9423901"
START = 1_800_000_000.0
"""When a world begins: 2027-01-15 08:00 UTC."""
P = ParamSpec("P")
T = TypeVar("T")
DISTRESS_KEY = "the key of the distress channels"
DISTRESS_PATHS = tuple(ds.Path(kind, f"{kind.lower()}.example:7550") for kind in ds.KINDS)
POLICY = "extends: default\nname: test\nevidence: {files: []}\n"


class LostError(Exception):
    """A message did not arrive."""


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


class World:
    """``lose(where)`` decides what gets lost: "request" before the ACS, "answer" after its commit.

    ``distress`` is how many distress channels there are. What is in ``cut`` is cut: "standard" or of it
    only "call" or "session", a kind of distress channel, "trigger" for all of them, or that of a kind,
    "emergency".
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
        library = library or rm.Library()
        self.env = Environment(
            parse_policy(policy),
            _file_url,
            _upload_url,
            library=library,
            distress_paths=paths,
            roles=frozenset(roles),
        )
        self.nodes: dict[str, frozenset[str]] = {}
        """The roles of HeMSs that share this store, by their URL; "emergency": of the emergency one."""
        self._cuttable()
        self.neighbours: list[Neighbour] = []
        self.settings = Settings()
        self.lose = lose
        identity = m.DeviceId("ACME", "0005B9", PRODUCT_CLASS, SERIAL)
        chance = random.Random(1)  # noqa: S311 - every run of a world is alike
        self.henb = HeNB(identity, "1.0.0", PACE, "http://192.0.2.1/cr", chance, **henb)
        self.henb.distress = Distress(tuple(DistressPath(each.kind) for each in paths), DISTRESS_KEY)
        self._serial = SERIAL
        self.key = dev.device_key("0005B9", SERIAL)
        self.uploads: dict[str, bytes] = {}
        self.served: dict[str, bytes] = {}
        self.sessions = 0
        self.refused: list[str] = []
        self.reachable = True
        self.address = ""  # that the HeMS sees sessions come from; empty: it does not tell
        with self.conn.begin():
            if golden:
                dev.set_golden(
                    self.conn, "*", [m.ParameterValue(*each) for each in golden_configuration("henb")]
                )
            if image is not None:
                self._approve(image)

    def _cuttable(self) -> None:
        self.cut: set[str] = set()
        self.channel = ds.STANDARD
        self.channels: list[str] = []
        """The paths of the sessions so far: standard, or a kind of distress channel."""
        self.triggers: list[tuple[str, bytes]] = []

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

    # --- time ---------------------------------------------------------------------------

    def run(self, seconds: float) -> None:
        """Let everything happen that happens within so many seconds."""
        end = self.now + seconds
        for _ in range(5000):
            self._settle()
            wakes = [each.henb.next_wake(self.now) for each in (self, *self.neighbours)]
            step = min(*wakes, self._hems_wake(), end - self.now)
            if self.now >= end:
                return
            self.now += max(step, 0.05)
        raise AssertionError("the world does not come to rest")

    def restart(self) -> None:
        """Have another node go on: it knows what the store holds and what its operator's files say."""
        env = replace(self.env, policy=parse_policy(self.env.policy.text))
        for each in (self, *self.neighbours):
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
            found = [dev.find(self.conn, each.key) for each in (self, *self.neighbours)]
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
            with self.conn.begin():
                free = rm.due_runs(self.conn, limit=10)
                for device_id in free:
                    rm.begin_runs(self.conn, device_id, env=self.env, now=self.now)
            busy = [each.act() for each in (self, *self.neighbours)]
            if not any(busy) and not due and not free:
                return
        raise AssertionError("something goes round in circles")

    def act(self) -> bool:
        """Do one thing that the HeNB has to do now; False when there is none."""
        self.henb.tick(self.now)
        transfer = self.henb.transfer_due(self.now)
        delivery = self.henb.delivery_due(self.now)
        if self.henb.wants_session(self.now) and self.reachable:
            self.session()
        elif transfer is not None:
            self._transfer(transfer)
        elif delivery is not None:
            self.henb.delivered(delivery, self.now, stored=self.collect(delivery))
        else:
            return False
        return True

    def add(self, serial: str, **henb: Any) -> Neighbour:
        """Switch on another HeNB that the same HeMS manages; it is provisioned."""
        neighbour = Neighbour(self, serial, **henb)
        self.neighbours.append(neighbour)
        neighbour.henb.power_on(self.now, first=True)
        self.run(5)
        return neighbour

    def _transfer(self, transfer: Transfer) -> None:
        """Move a file in no time; what a device sends is kept in ``uploads`` by its URL."""
        if not transfer.is_download:
            content = self.uploads[transfer.url] = self.henb.upload_content(transfer, self.now)
            code, text = self._take_in(transfer, content)
            self.henb.uploaded(transfer, code, text, self.now)
        elif transfer.url in self.served:
            content = self.served[transfer.url]
            self.henb.downloaded(transfer, "", 0, "", self.now, content=content)
        else:
            version, code, text = "", 0, ""
            try:
                version = verify_image(self.image, PRODUCT_CLASS, VENDOR.public_key())
            except ImageError as error:
                code, text = error.fault_code, str(error)
            self.henb.downloaded(transfer, version, code, text, self.now)

    def _take_in(self, transfer: Transfer, content: bytes) -> tuple[int, str]:
        """Enter what the device sends, as the file server does; return the device's fault, 0 for none."""
        owner = self.device.id
        grant = fl.UploadGrant(
            owner, transfer.file_type, transfer.command_key, self.now + 600, key=transfer.url
        )
        room = fl.UploadLimits(size=2**20, device_quota=2**24, total_quota=2**30)
        stored = fl.Stored(hashlib.sha256(content).hexdigest(), len(content))
        try:
            with self.conn.begin():
                claim = fl.claim_upload(
                    self.conn,
                    grant,
                    limits=room,
                    declared=len(content),
                    name="",
                    media_type="",
                    address="192.0.2.1",
                    now=self.now,
                )
                fl.complete_upload(self.conn, claim, stored, now=self.now)
        except fl.TransferRefused as refused:
            return 9011, str(refused)[:256]
        return 0, ""

    def _call(self) -> None:
        """Send the connection requests that are due."""
        with self.conn.begin():
            for target in dev.due_connection_requests(self.conn, now=self.now, limit=5):
                key = dev.get(self.conn, target.device_id).device_key
                called = next(each for each in (self, *self.neighbours) if each.key == key)
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
            for each in ds.due_triggers(self.conn, now=self.now, limit=5):
                ds.trigger_sent(self.conn, each.id, "sent", now=self.now)
                told = next(one for one in (self, *self.neighbours) if one.key == each.device_key)
                trigger = ds.Trigger(int(self.now), each.id, each.device_key, f"{each.id:016x}")
                datagram = ds.build_trigger(trigger, DISTRESS_KEY, host=each.address)
                told.triggers.append((each.kind, datagram))
                if not told.cut & {"trigger", f"trigger {each.kind}"}:
                    told.henb.triggered(datagram, each.kind, self.now)

    # --- a session ----------------------------------------------------------------------

    def session(self) -> None:
        """Hold one session; what gets lost breaks it off."""
        self.sessions += 1
        path = self.henb.session_path()
        over = ds.STANDARD if path is None else path.kind
        self.channel = ds.STANDARD if path is None else ds.DISTRESS
        if self.henb.fail_safe:
            over = ds.EMERGENCY
        if over in self.cut or (over == ds.STANDARD and "session" in self.cut):
            self.henb.session_failed(self.now)
            return
        self.channels.append(over)
        try:
            self._talk()
        except LostError:
            self.henb.session_failed(self.now)
        except Refused as refused:
            self.refused.append(refused.reason)
            self.henb.session_failed(self.now)
        else:
            self.henb.session_ended(self.now)

    def _talk(self) -> None:
        henb = self.henb
        inform = henb.inform(self.now)
        opened = self._open(inform)
        henb.informed(inform)
        while (own := henb.next_request()) is not None:
            reply = self._post(opened, own)
            assert not isinstance(reply.message, m.Fault)
            henb.answered(own)
        reply = self._post(opened, None)
        while reply.message is not None:
            request = decode(
                encode(reply.message, namespace=m.CWMP_1_2, header=m.Header(id=reply.id))
            ).message
            reply = self._post(opened, henb.handle(request, self.now))

    def _open(self, inform: m.Inform) -> tx.Opened:
        if self.lose("request"):
            raise LostError
        envelope = decode(encode(inform, namespace=m.CWMP_1_2, header=m.Header(id="1")))
        proof = self._proof()
        node = "emergency" if proof.fail_safe else self.henb.acs_url
        roles = self.nodes.get(node, self.env.roles)
        self.channel = channel_for(proof, self.channel, roles)
        with self.conn.begin():
            opened = tx.open_session(
                self.conn,
                envelope.message,
                proof,
                namespace=envelope.namespace,
                settings=self.settings,
                env=self.env,
                now=self.now,
                channel=self.channel,
            )
        if self.lose("answer"):
            raise LostError
        return opened

    def _proof(self) -> Proof:
        if self.henb.fail_safe:
            name = dev.fail_safe_name("0005B9", self._serial, self.settings.realm)
            return Proof(names=(name,), fail_safe=True)
        if self._known():
            return Proof(device_key=self.key, address=self.address)
        return Proof(names=(self._name(),), address=self.address)

    def _known(self) -> bool:
        return self.look(dev.find, self.key) is not None

    def _name(self) -> str:
        return dev.certificate_name("0005B9", self._serial, self.settings.realm)

    def _post(self, opened: tx.Opened, message: m.Message | None) -> tx.Reply:
        if self.lose("request"):
            raise LostError
        received = None
        if message is not None:
            received = decode(encode(message, namespace=m.CWMP_1_2, header=m.Header(id="1")))
        with self.conn.begin():
            reply = tx.continue_session(
                self.conn,
                opened.device.id,
                opened.epoch,
                received,
                namespace=m.CWMP_1_2,
                env=self.env,
                now=self.now,
                channel=self.channel,
            )
        if self.lose("answer"):
            raise LostError
        return reply

    def collect(self, delivery: Delivery) -> bool:
        """Take a bulk data report; tell whether the device learns that it is stored."""
        if self.lose("request"):
            return False
        headers = {name.lower(): value for name, value in delivery.headers.items()}
        body = bd.decompress(delivery.body, headers.get("content-encoding", ""), limit=10**6)
        source = delivery.url.partition("?")[0].rpartition("/")[2]
        device = self.device
        dialect = self.look(bd.dialect_of, device.id, source)
        batch = bd.parse_message(body, headers, now=self.now, dialect=dialect)
        assert not batch.repairs
        with self.conn.begin():
            bd.store_reports(self.conn, device.id, source, batch.reports, quota=bd.Quota(), now=self.now)
        return not self.lose("answer")

    # --- looking ------------------------------------------------------------------------

    def look(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a reading function of the connection."""
        inside = self.conn.in_transaction()
        result = function(self.conn, *args, **kwargs)
        if not inside:
            self.conn.rollback()
        return result

    @property
    def device(self) -> dev.Device:
        """The HeNB as the HeMS knows it."""
        found = self.look(dev.find, self.key)
        assert found is not None
        return found

    def alarms(self) -> list[al.Alarm]:
        """Return the active alarms."""
        return self.look(al.active_alarms, self.device.id)

    def cases(self, kind: str = "remediation") -> list[rm.Case]:
        """Return the cases, the oldest first."""
        return self.look(rm.list_cases, kind=kind)[::-1]

    def journal(self, case: rm.Case) -> list[rm.Step]:
        """Return the steps of a case."""
        return self.look(rm.journal_of, case.id)

    def rungs(self, case: rm.Case) -> list[str]:
        """Return the rungs that a case climbed."""
        return [each.detail[6:] for each in self.journal(case) if each.detail.startswith("rung: ")]

    def outbox(self) -> list[dict[str, Any]]:
        """Return the bodies of all notifications in order."""
        rows = self.look(lambda conn: conn.execute(select(outbox).order_by(outbox.c.id)).all())
        return [msgspec.json.decode(row.body) for row in rows]

    def instruct(
        self, case: rm.Case, action: rm.Instruction, why: str = "because", *, who: str = "operator"
    ) -> bool:
        """Instruct a case as an operator does; False where that takes a second one."""
        with self.conn.begin():
            return rm.instruct(self.conn, case.id, action, who=who, why=why, env=self.env, now=self.now)

    def reach(self, why: str = "not heard of") -> rm.Case:
        """Have the HeNB reached that is not heard of."""
        device = self.device
        with self.conn.begin():
            return rm.reach(self.conn, device.id, who="operator", why=why, env=self.env, now=self.now)

    def comments(self) -> list[str]:
        """Return what the managers were told of cases."""
        return [each["commentText"] for each in self.outbox() if "commentText" in each]

    def run_playbook(self, name: str, *, why: str = "because") -> rm.Case | None:
        """Run an operator's playbook on the HeNB; the case, unless it has to wait."""
        script = self.env.library.get(name)
        device = self.device
        with self.conn.begin():
            return rm.run_playbook(
                self.conn, device.id, script, who="operator", why=why, env=self.env, now=self.now
            )


class Neighbour(World):
    """Another HeNB in a world: it has the world's HeMS and clock, and a state of its own."""

    def __init__(self, world: World, serial: str, **henb: Any) -> None:
        self._world = world
        identity = m.DeviceId("ACME", "0005B9", PRODUCT_CLASS, serial)
        chance = random.Random(serial)  # noqa: S311 - as above
        self.henb = HeNB(identity, "1.0.0", PACE, "http://192.0.2.1/cr", chance, **henb)
        self._serial = serial
        self.key = dev.device_key("0005B9", serial)
        self.conn, self.env, self.settings = world.conn, world.env, world.settings
        self.nodes = world.nodes
        self.lose, self.image = world.lose, getattr(world, "image", b"")
        self.uploads, self.served, self.refused = world.uploads, world.served, []
        self.sessions, self.reachable, self.neighbours, self.address = 0, True, [], ""
        self._cuttable()

    @property
    def now(self) -> float:  # type: ignore[override] # it is the world's, who alone moves it
        """The world's time."""
        return self._world.now
