"""What a HeNB has to tell: events, changed parameters, the Inform, its own requests (TR-069 3.7.1)."""

from __future__ import annotations

from typing import Protocol

from acs.cwmp import events as ev
from acs.cwmp import messages as m
from acs.cwmp.versions import NAMESPACES, SUPPORTED
from acs.simulator.faultmgmt import date_time
from acs.simulator.stages import Stages, Trigger
from acs.simulator.tree import ParameterTree

__all__ = ["INFO", "SERVER", "InformingSide"]

INFO = "Device.DeviceInfo."
SERVER = "Device.ManagementServer."
_FORCED = (
    "Device.RootDataModelVersion",
    f"{INFO}HardwareVersion",
    f"{INFO}SoftwareVersion",
    f"{INFO}ProvisioningCode",
    f"{SERVER}ParameterKey",
    f"{SERVER}ConnectionRequestURL",
    f"{SERVER}AliasBasedAddressing",
)
_ACTIVE = (
    f"{INFO}SoftwareVersion",
    f"{SERVER}ConnReqJabberID",
    f"{SERVER}UDPConnectionRequestAddress",
    f"{SERVER}NATDetected",
)


class _Informer(Protocol):
    """What is needed of the device."""

    device_id: m.DeviceId
    state: str
    tree: ParameterTree
    stages: Stages
    cwmp_version: int
    retry_count: int
    fault_management_path: str
    events: list[m.Event]
    changed: dict[str, None]
    attributes: dict[str, int]
    outgoing: list[m.Message]
    talking_to: str
    _retrying: bool
    _retry_at: float

    @property
    def acs_url(self) -> str: ...

    @property
    def alarm_untold(self) -> bool: ...

    @property
    def fatal(self) -> bool: ...

    @property
    def wants_to_talk(self) -> bool: ...

    def add_event(self, event: m.Event) -> None: ...

    def clock(self, now: float) -> float: ...

    def distress_event(self) -> tuple[m.Event, ...]: ...

    def held_back(self, now: float) -> bool: ...

    def may_request(self, message: m.Message) -> bool: ...

    def notification(self, name: str) -> int: ...

    def _tell(self, names: list[str]) -> None: ...

    def _value(self, name: str) -> m.ParameterValue: ...


class InformingSide:
    """The part of a ``HeNB`` that tells its ACS what happens."""

    __slots__ = ()

    def add_event(self: _Informer, event: m.Event) -> None:
        """Have an event told in the next Inform; single events once."""
        if event not in self.events:
            self.events.append(event)

    def connection_requested(self: _Informer) -> None:
        """A connection request came in (TR-069 3.2.2)."""
        if self.state == "running":
            self.add_event(m.Event(ev.CONNECTION_REQUEST))

    @property
    def called(self: _Informer) -> bool:
        """Whether a connection request has not led to a session yet."""
        return m.Event(ev.CONNECTION_REQUEST) in self.events

    def report(self: _Informer, name: str, value: str) -> None:
        """Change a parameter of the device's own; the ACS hears of it as its notification attribute says."""
        if self.tree.value(name) != value:
            self.tree.set(name, value)
            self._tell([name])

    def _tell(self: _Informer, names: list[str]) -> None:
        """Note changed parameters; those with active notification open a session."""
        for name in names:
            notification = self.notification(name)
            if notification:
                self.changed[name] = None
            if notification in (2, 5, 6):
                self.add_event(m.Event(ev.VALUE_CHANGE))

    def notification(self: _Informer, name: str) -> int:
        """Return the notification attribute of a parameter, set on itself or on what is above it."""
        if name in _ACTIVE and name not in self.attributes:
            return 2  # forced, or by default (TR-181 Issue 2)
        path = name
        while path:
            if path in self.attributes:
                return self.attributes[path]
            path = path.rstrip(".")
            path = path[: path.rindex(".") + 1] if "." in path else ""
        return 0

    @property
    def wants_to_talk(self: _Informer) -> bool:
        """Whether it has something to tell, or a broken session to repeat."""
        return self._retrying or bool(self.events)

    def wants_session(self: _Informer, now: float) -> bool:
        """Whether a session is to be opened now."""
        if self.state != "running" or not self.wants_to_talk or now < self._retry_at:
            return False
        return self._retrying or not self.held_back(now)

    def inform(self: _Informer, now: float) -> m.Inform:
        """Return the Inform that opens the session."""
        self.talking_to = self.acs_url
        if self.changed:
            self.add_event(m.Event(ev.VALUE_CHANGE))
        if self.alarm_untold:
            self.stages.on(Trigger.FATAL_REPORT if self.fatal else Trigger.REPORT)
        names = list(dict.fromkeys((*_FORCED, *self.changed)))
        # A heartbeat is told alone, and after everything else (TR-069 Annex O).
        others = tuple(each for each in self.events if each.code != ev.HEARTBEAT)
        return m.Inform(
            self.device_id,
            (others or tuple(self.events)) + self.distress_event(),
            1,
            date_time(self.clock(now)),
            self.retry_count,
            tuple(self._value(name) for name in names),
        )

    def _value(self: _Informer, name: str) -> m.ParameterValue:
        found = self.tree.get(name)
        assert found is not None, name
        return m.ParameterValue(name, *found)

    def informed(self: _Informer, inform: m.Inform) -> None:
        """The InformResponse came: what it told is delivered."""
        for event in inform.events:
            if ev.acknowledged_by(event.code) == "InformResponse" and event in self.events:
                self.events.remove(event)
        for value in inform.parameters:
            if value.name in self.changed and self.tree.value(value.name) == value.value:
                del self.changed[value.name]
        if any(self.notification(name) in (2, 5, 6) for name in self.changed):
            self.add_event(m.Event(ev.VALUE_CHANGE))  # what changed while the Inform was under way
        if not (self.alarm_untold or self.fatal):
            self.stages.on(Trigger.ALARM_DELIVERED)

    @property
    def namespace(self: _Informer) -> str:
        """The CWMP namespace of its messages."""
        return NAMESPACES[min(self.cwmp_version, 2)]

    def header(self: _Informer) -> m.Header:
        """Return the header of its Inform: CWMP 1.3 tells how long it waits, 1.4 what it speaks."""
        return m.Header(
            id="1",
            session_timeout=60 if self.cwmp_version >= 3 else None,
            supported_cwmp_versions=SUPPORTED if self.cwmp_version >= 4 else (),
        )

    def next_request(self: _Informer) -> m.Message | None:
        """Return what the device itself wants to call in this session."""
        return next((each for each in self.outgoing if self.may_request(each)), None)

    def answered(self: _Informer, request: m.Message) -> None:
        """The ACS answered the device's own request."""
        self.outgoing.remove(request)
        response = m.response_of(type(request)).__name__
        more = any(type(each) is type(request) for each in self.outgoing)
        self.events = [each for each in self.events if not _heard(each, request, response, more=more)]

    @property
    def alarm_untold(self: _Informer) -> bool:
        """Whether an alarm waits to be delivered."""
        return any(name.startswith(self.fault_management_path) for name in self.changed)


def _heard(event: m.Event, request: m.Message, response: str, *, more: bool) -> bool:
    """Tell whether the answer to ``request`` ends an event; a single one stays while more are to come."""
    if ev.acknowledged_by(event.code) != response:
        return False
    if ev.is_cumulative(event.code):
        assert isinstance(request, m.TransferComplete | m.DUStateChangeComplete)
        return event.command_key == request.command_key
    return not more
