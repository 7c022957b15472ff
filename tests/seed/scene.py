"""The scene of acceptance tests: HeMS and HeNB under virtual time, and what can be seen of both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from acs import alarms as al
from acs import measures as ms
from acs import remediation as rm
from acs import subscriptions as sub
from acs.commands import enqueue
from acs.cwmp import messages as m
from acs.enforcement import measure_body
from acs.security import Sealer
from acs.simulator import TAMPERS
from acs.simulator.faultmgmt import SUPPORTED_ALARMS
from acs.simulator.henb_gw import HenbGateway
from acs.simulator.segw import SecurityGateway
from acs.simulator.subscribers import SubscriberInformation
from acs.southbound import transactions as tx
from tests.world import World

__all__ = ["EVERYTHING", "EXPEDITED", "FAULTS", "Said", "Scene", "provisioned"]

FAULTS = "Device.FaultMgmt."
EXPEDITED = "0 Expedited"
SEALER = Sealer(bytes(32))
DN = "DC=test"
SYSTEMS = {"segw": "SEGW", "mme": "GATEWAY", "subscribers": "SUBSCRIBER", "other": "OTHER"}
EVERYTHING = {"standard", "trigger", "IPsec2", "Internet", "AirInterface"}
"""Every path there may be, both ways."""
NEVER = 10_000


@dataclass(frozen=True)
class Said:
    """One message: when, who sent it ("HeNB" or "HeMS"), over which path, with the HeMS of which URL."""

    at: float
    who: str
    path: str
    message: m.Message
    node: str = ""

    @property
    def method(self) -> str:
        return type(self.message).__name__


class Network:
    """What carries measures out in the operator's network, as stand-ins without their sockets."""

    def __init__(self) -> None:
        self.segw = SecurityGateway(("", 0))
        self.mme = HenbGateway()
        self.subscribers = SubscriberInformation()
        self.other: list[str] = []

    def carry_out(self, system: str, order: dict[str, Any]) -> None:
        """Do what a system is told."""
        if system == "other":
            self.other.append(order["operation"])
        else:
            getattr(self, system).carry_out(order["operation"], order["device"], order)


class Scene(World):
    """A world that notes every message on the wire in ``wire``."""

    def __init__(self, **options: Any) -> None:
        self.wire: list[Said] = []
        self.network = Network()
        super().__init__(**options)

    def _path(self) -> str:
        if self.henb.fail_safe:
            return "emergency"
        path = self.henb.session_path()
        return "standard" if path is None else path.kind

    def _say(self, who: str, message: m.Message | None) -> None:
        if message is not None:
            self.wire.append(Said(self.now, who, self._path(), message, self.henb.acs_url))

    def _open(self, inform: m.Inform) -> tx.Opened:
        self._say("HeNB", inform)
        return super()._open(inform)

    def _post(self, opened: tx.Opened, message: m.Message | None) -> tx.Reply:
        self._say("HeNB", message)
        reply = super()._post(opened, message)
        self._say("HeMS", reply.message)
        return reply

    # --- what is seen of the HeMS ---------------------------------------------------------

    @property
    def case(self) -> rm.Case:
        """The one case there is."""
        (case,) = self.cases()
        return case

    def asked(self, *, over: str = "") -> list[str]:
        """The requests of the HeMS, over any path or a certain one."""
        said = [each for each in self.wire if each.who == "HeMS" and over in ("", each.path)]
        return [each.method for each in said if not each.method.endswith("Response")]

    def requests(self, kind: type[m.Message]) -> list[Any]:
        """The requests of one kind that the HeMS made."""
        return [each.message for each in self.wire if each.who == "HeMS" and isinstance(each.message, kind)]

    def told(self, kind: str) -> list[dict[str, Any]]:
        """What the managers were told over Type 2: the bodies of one type of notification."""
        return [each for each in self.outbox() if each["notificationType"] == kind]

    def story(self) -> list[str]:
        """The timeline of the one case: what, detail and outcome of each entry in a line."""
        found = self.look(rm.timeline, self.case.id)
        return [" ".join(filter(None, (each.what, each.detail, each.outcome))) for each in found]

    def in_order(self, *beginnings: str) -> bool:
        """Whether the timeline has lines that begin so, in this order."""
        rest = iter(self.story())
        return all(any(line.startswith(each) for line in rest) for each in beginnings)

    def end(self) -> tuple[str, str, str | None]:
        """Procedure, state and outcome of the one case."""
        return self.case.procedure, self.case.state, self.case.outcome

    def every_alarm(self) -> list[al.Alarm]:
        """All alarms there ever were."""
        return self.look(al.list_alarms)

    def said(self, method: str) -> list[Said]:
        """The messages of one method, whoever sent them."""
        return [each for each in self.wire if each.method == method]

    # --- what is seen of the HeNB ---------------------------------------------------------

    def informs(self, event: str = "") -> list[Said]:
        """The Informs of the HeNB, all or those with a certain event."""
        said = [each for each in self.wire if each.method == "Inform"]
        return [each for each in said if not event or event in {one.code for one in each.message.events}]

    def stages(self) -> list[str]:
        """Where the HeNB went in clause 5.7 since it was provisioned."""
        return [each.target.name for each in self.henb.stages.history]

    def mechanisms(self, *, security: bool) -> set[str]:
        """How the HeNB reports its alarms: those of security, or the others."""
        tree, found = self.henb.tree, set()
        for row in range(1, len(SUPPORTED_ALARMS) + 1):
            base = f"{FAULTS}SupportedAlarm.{row}."
            if al.is_security(al.event_type(tree.value(f"{base}EventType"))) == security:
                found.add(tree.value(f"{base}ReportingMechanism"))
        return found

    def did(self) -> list[str]:
        """What the HeNB really executed: restarts and transfers."""
        return [each.method for each in self.henb.executed]

    # --- what happens ---------------------------------------------------------------------

    def alarm(self, tamper: str, *, seconds: float = 4000, **words: str) -> None:
        """Have the HeNB raise the alarm of a tampering, some words changed; nothing else is wrong with it."""
        self.henb.raise_alarm(replace(TAMPERS[tamper], **words), self.now)
        self.run(seconds)

    def ask(self, request: m.Message) -> None:
        """Have an operator ask the HeNB for something; it is called for that."""
        with self.conn.begin():
            enqueue(self.conn, self.device.id, request, command_key="asked", purpose="operator", now=self.now)

    def subscribe(self, name: str, *types: str) -> int:
        """Have a manager told of what happens from now on, over Type 2: all of it, or these types."""
        with self.conn.begin():
            made, _ = sub.add_subscription(
                self.conn,
                f"https://{name}.example/type2",
                sub.Filter(notification_types=types),
                sealer=SEALER,
                who="operator",
                owner=name,
                now=self.now,
            )
        return made.id

    def heard(self, manager: int) -> list[dict[str, Any]]:
        """What a manager is to be told, in order."""
        with self.conn.begin():
            page = sub.take_page(self.conn, manager, node="test", now=self.now)
            self.conn.get_transaction().rollback()
        return [] if page is None else [msgspec.json.decode(each.body) for each in page.waiting]

    def add_systems(self) -> None:
        """Have the HeMS know the systems of the network."""
        with self.conn.begin():
            for name, kind in SYSTEMS.items():
                url = f"https://{name}.example/measures"
                ms.add_target(self.conn, name, kind, url, sealer=SEALER, who="operator", now=self.now)

    def measure(self, name: str, *, who: str = "operator") -> None:
        """Have a person ask for a measure about the HeNB."""
        told = {"who": who, "because": "it is not remedied", "system_dn": DN, "now": self.now}
        device = self.device
        with self.conn.begin():
            ms.request_measures(self.conn, device, [name], **told)

    def undo(self, name: str) -> None:
        """Have two persons undo a measure."""
        device = self.device
        for who in ("anna@cli", "ben@cli"):
            with self.conn.begin():
                rm.undo(self.conn, device.id, [name], who=who, why="mended", env=self.env, now=self.now)

    def carry_out(self) -> list[tuple[str, str]]:
        """Have the network carry out what it is asked for; return which system does what."""
        found = []
        with self.conn.begin():
            for target in ms.list_targets(self.conn):
                orders = ms.take_orders(self.conn, target.id, node="test", now=self.now)
                for each in orders:
                    body = msgspec.json.decode(measure_body(each, system_dn=DN))
                    self.network.carry_out(target.name, body)
                    found.append((target.name, body["operation"]))
                done = dict.fromkeys((each.measure.id for each in orders), None)
                how = {"node": "test", "longest": 300.0, "jitter": 0.0, "system_dn": DN, "now": self.now}
                ms.settle(self.conn, target.id, done, **how)
        return found

    def after_the_alarm(self, happens: Callable[[], object]) -> None:
        """Have something happen at the end of the session in which a case was opened."""
        hold = self.session

        def session() -> None:
            hold()
            if self.cases():
                self.session = hold  # type: ignore[method-assign]
                happens()

        self.session = session  # type: ignore[method-assign]

    def cut_after_the_alarm(self, *cuts: str) -> None:
        """Have paths cut once the alarm is told."""
        self.after_the_alarm(lambda: self.cut.update(cuts))

    def wait(self, until: Callable[[], bool], *, seconds: int = 4000) -> None:
        """Let time pass until something holds; it is looked at now and then."""
        for _ in range(seconds // 15):
            if until():
                return
            self.run(15)
        raise AssertionError("it did not come")

    def help_itself(self, tamper: str, *, seconds: float = 4000) -> None:
        """Have a fault and no path until the HeNB helps itself; then all paths are there again."""
        self.cut = set(EVERYTHING)
        self.henb.tamper(tamper, self.now)
        self.wait(lambda: self.henb.fail_safe or self.henb.state == "off")
        self.cut.clear()
        self.run(seconds)

    def wait_for_a_trigger(self) -> None:
        """Have the HeNB take a second path only when the HeMS triggers it."""
        self.henb.distress.silence_tries = self.henb.distress.alarm_tries = NEVER


def provisioned(**options: Any) -> Scene:
    """Return a scene with a HeNB that is provisioned; what was said until then is forgotten.

    ``of``: another kind of scene. ``nodes``: the roles of HeMSs by their URL.
    """
    faults, nodes = options.pop("faults", []), options.pop("nodes", {})
    scene: Scene = options.pop("of", Scene)(**options)
    scene.nodes = {url: frozenset(roles) for url, roles in nodes.items()}
    scene.henb.faults = faults
    scene.boot()
    assert [each.outcome for each in scene.cases("provisioning")] == ["PROVISIONED"]
    scene.wire.clear()
    scene.henb.stages.history.clear()
    scene.channels.clear()
    return scene
