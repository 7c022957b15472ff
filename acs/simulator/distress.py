"""The HeNB's side of 5.7.3.1: the trigger, the second path to the HeMS, and what is left when both fail."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from acs.cwmp import events as ev
from acs.cwmp import messages as m
from acs.devices import device_key
from acs.distress import Trigger, TriggerError, TriggerMemory, may_ask, may_send, parse_trigger
from acs.simulator.emergency import may_begin
from acs.simulator.pace import Pace
from acs.simulator.stages import Stages
from acs.simulator.stages import Trigger as Move
from acs.simulator.tamper import ActiveTamper

if TYPE_CHECKING:
    from acs.distress.coap import Recipient

__all__ = ["HELD_BACK", "Distress", "DistressPath", "DistressSide"]

HELD_BACK = 300.0
"""Seconds after which the standard path is tried again for what may not go over a distress channel."""


@dataclass(frozen=True, slots=True)
class DistressPath:
    """One predefined distress channel: its kind, and where the HeMS listens for it."""

    kind: str
    url: str = ""


@dataclass(slots=True)
class Distress:
    """What a HeNB has and knows of its distress channels; with no ``paths`` it has none (S1 L53).

    ``over`` is the path that the next session goes over, None: the standard one; ``good`` the one that
    carried the last, as long as the standard path does not work. The tries say how often something fails in
    a row before it counts as not working; ``fatal_tries``: before a HeNB with a fatal breach and with no
    other way to tell of it shuts down.
    """

    paths: tuple[DistressPath, ...] = ()
    key: str = ""
    connected: bool = True
    """Whether the connection to the HeNB-GW/MME is active."""
    alarm_tries: int = 3
    silence_tries: int = 5
    path_tries: int = 2
    download_tries: int = 3
    fatal_tries: int = 10
    over: int | None = None
    good: int | None = None
    called: bool = False
    again_at: float = 0.0
    downloads_failed: int = 0
    """In a row, while the standard path does not work."""
    reason: str = ""
    ended: str = ""
    refused: dict[str, int] = field(default_factory=dict)
    memory: TriggerMemory = field(default_factory=TriggerMemory)
    recipient: Recipient | None = None
    """What remembers the CoAP messages that it has taken."""
    _first: int = 0
    _tries: int = 0
    _tried: set[int] = field(default_factory=set)

    def start(self, reason: str) -> None:
        """Go over to the distress channels, because of ``reason``."""
        self.reason, self._tries, self._tried = reason, 0, set()
        self.over = self.good if self.good is not None else self._first

    def failed(self) -> bool:
        """Note that a session over a path failed; return whether there is still one to try."""
        assert self.over is not None
        self._tries += 1
        if self._tries < self.path_tries:
            return True
        self._tried.add(self.over)
        untried = [number for number in range(len(self.paths)) if number not in self._tried]
        self._tries, self.over = 0, untried[0] if untried else None
        return bool(untried)

    def worked(self, again_at: float) -> None:
        """Note that a session went well; the next one tries the standard path first (S1 L62).

        For what has to wait for the standard path that is tried again at ``again_at``.
        """
        self.good, self.over, self.called, self.again_at = self.over, None, False, again_at
        if self.good is None:
            self.reason = ""

    def take(self, data: bytes, kind: str, user: str, now: float) -> bool:
        """Tell whether to obey a datagram that came over the path of ``kind``."""
        try:
            trigger = parse_trigger(data, self.key)
        except TriggerError:
            return self._refuse("no genuine trigger")
        return not self._obey(trigger, kind, user, now)

    def take_coap(self, data: bytes, kind: str, user: str, now: float) -> tuple[bool, bytes]:
        """Tell whether to obey a CoAP message that came over the path of ``kind``, and its answer."""
        try:
            from acs.distress.coap import Recipient
        except ImportError:  # the extra coap is not installed
            return self._refuse("no genuine trigger"), b""
        if self.recipient is None:
            self.recipient = Recipient(self.key, user)
        heard = self.recipient.hear(data, lambda trigger: self._obey(trigger, kind, user, now))
        if not heard.genuine:
            again = heard.why in ("repeated", "sent again")
            self._refuse("repeated" if again else "no genuine trigger")
        return heard.trigger is not None, heard.answer

    def _obey(self, trigger: Trigger, kind: str, user: str, now: float) -> str:
        """Have a genuine trigger obeyed; return why it is not, if it is not."""
        why = "of another device" if trigger.un != user else self.memory.refuse(trigger, now)
        if why:
            self._refuse(why)
            return why
        self.call(kind)
        return ""

    def call(self, kind: str) -> None:
        """Note a call that proved itself; where the standard path fails, that of ``kind`` is the first."""
        self._first = next((n for n, path in enumerate(self.paths) if path.kind == kind), 0)
        self.called = True

    def _refuse(self, why: str) -> bool:
        self.refused[why] = self.refused.get(why, 0) + 1
        return False


class _Distressed(Protocol):
    """What is needed of the device."""

    device_id: m.DeviceId
    state: str
    pace: Pace
    events: list[m.Event]
    outgoing: list[m.Message]
    retry_count: int
    distress: Distress
    emergency_available: bool
    tampers: list[ActiveTamper]
    stages: Stages
    _retry_at: float

    @property
    def alarm_untold(self) -> bool: ...

    @property
    def called(self) -> bool: ...

    def connection_requested(self) -> None: ...

    def clock(self, now: float) -> float: ...

    def held_back(self, now: float) -> bool: ...

    def _called(self, now: float) -> None: ...

    def begin_emergency(self, now: float) -> None: ...

    def shut_down(self, trigger: Move = ...) -> None: ...

    @property
    def fatal(self) -> bool: ...

    def _exhausted(self, now: float) -> None: ...

    def _leave_standard_path(self) -> None: ...

    def _distress_reason(self) -> str: ...


class DistressSide:
    """The part of a ``HeNB`` that reaches its HeMS in another way."""

    __slots__ = ()

    def session_path(self: _Distressed) -> DistressPath | None:
        """Return the distress channel that the next session goes over; None for the standard path."""
        over = self.distress.over
        return None if over is None else self.distress.paths[over]

    def triggered(self: _Distressed, data: bytes, kind: str, now: float) -> bool:
        """Take a datagram that came over the distress channel of ``kind``; return whether it was obeyed.

        It makes the HeNB open a session, over the standard path at first (S1 L54, L62).
        """
        user = device_key(self.device_id.oui, self.device_id.serial_number)
        if self.state != "running" or not self.distress.take(data, kind, user, self.clock(now)):
            return False
        self._called(now)
        return True

    def coap_triggered(self: _Distressed, data: bytes, kind: str, now: float) -> tuple[bool, bytes]:
        """Take a CoAP message that came over the distress channel of ``kind``, as ``triggered`` does.

        Returns whether it was obeyed, and its answer; that is empty where it gets none.
        """
        user = device_key(self.device_id.oui, self.device_id.serial_number)
        if self.state != "running":
            return False, b""
        obeyed, answer = self.distress.take_coap(data, kind, user, self.clock(now))
        if obeyed:
            self._called(now)
        return obeyed, answer

    def called_over(self: _Distressed, kind: str, now: float) -> None:
        """Take a call that came over the distress channel of ``kind`` and proved itself, as over XMPP."""
        if self.state == "running":
            self.distress.call(kind)
            self._called(now)

    def _called(self: _Distressed, now: float) -> None:
        self.connection_requested()
        if self.distress.over is None:
            self.stages.on(Move.CALLED)
        self._retry_at = now

    def distress_event(self: _Distressed) -> tuple[m.Event, ...]:
        """Return what the Inform tells of the distress channel that it goes over."""
        over = self.distress.over
        if over is None:
            return ()
        return (m.Event(f"X {self.device_id.oui} DISTRESS", self.distress.paths[over].kind),)

    def may_be_asked(self: _Distressed, request: m.Message) -> bool:
        """Tell whether the HeMS may ask for that now: over a distress channel for little (S1 L54)."""
        return self.distress.over is None or may_send(request)

    def may_request(self: _Distressed, request: m.Message) -> bool:
        """Tell whether the HeNB may call that now; the rest is kept for a session over the standard path."""
        return self.distress.over is None or may_ask(request)

    def held_back(self: _Distressed, now: float) -> bool:
        """Tell whether all that it has to tell waits for the standard path, and for its next try."""
        distress = self.distress
        if distress.good is None or distress.over is not None or now >= distress.again_at:
            return False
        answers = {m.response_of(type(each)).__name__ for each in self.outgoing if not may_ask(each)}
        return bool(self.events) and all(ev.acknowledged_by(each.code) in answers for each in self.events)

    def distress_moments(self: _Distressed, now: float) -> list[float]:
        """Return when something that is held back is due."""
        return [self.distress.again_at] if self.held_back(now) else []

    def distress_failed(self: _Distressed, now: float) -> None:
        """Note that a session failed, and go on over a distress channel where it is time for that."""
        distress = self.distress
        if not distress.paths and not self.emergency_available:
            if self.fatal and self.retry_count >= distress.fatal_tries:
                self._exhausted(now)
            return
        if distress.over is not None:
            if distress.failed():
                self._retry_at = now + 5 * self.pace.retry_scale
            else:
                self._exhausted(now)
            return
        reason = self._distress_reason()
        if reason and distress.paths:
            self._leave_standard_path()
            distress.start(reason)
            self._retry_at = now
        elif reason:
            distress.reason = reason
            self._exhausted(now)

    def software_came(self: _Distressed, *, ok: bool) -> None:
        """Note whether software that it was told to load over the second path came (S1 L66)."""
        failed = not ok and self.distress.good is not None
        self.distress.downloads_failed = self.distress.downloads_failed + 1 if failed else 0

    def second_path_ended(self: _Distressed, now: float) -> None:
        """A session went well, yet where software fails over the second path as well nothing is left."""
        distress = self.distress
        if distress.good is None:
            distress.downloads_failed = 0
        idle = self.state == "running" and not self.outgoing
        if idle and self.tampers and distress.downloads_failed >= distress.download_tries:
            distress.downloads_failed = 0
            self._exhausted(now)

    def _leave_standard_path(self: _Distressed) -> None:
        if self.alarm_untold:
            self.stages.on(Move.FATAL_UNTOLD if self.fatal else Move.ALARM_UNTOLD)
        self.stages.on(Move.SILENCE)
        self.stages.on(Move.STANDARD_FAILS)

    def _distress_reason(self: _Distressed) -> str:
        """Return why the second path is to be used now, empty where the standard one is tried again."""
        if self.distress.called:
            return "called, and the standard path does not work"  # S1 L78
        if self.called and self.retry_count >= self.distress.alarm_tries:
            return "called over the standard path, and it does not work"  # S1 L78
        if self.distress.good is not None:
            return self.distress.reason
        if self.alarm_untold and self.retry_count >= self.distress.alarm_tries:
            return "an alarm can't be told"  # S1 L32, L46
        if self.distress.connected and self.retry_count >= self.distress.silence_tries:
            return "connected to the network, but not to the HeMS"  # S1 L76
        return ""

    def _exhausted(self: _Distressed, now: float) -> None:
        """Nothing reaches the HeMS: emergency remediation, or an immediate shut-down (S1 L66, L82)."""
        connected = self.distress.connected
        if may_begin(
            available=self.emergency_available, fault=bool(self.tampers), exchange=False, connected=connected
        ):
            self.distress.ended = "emergency"
            self.begin_emergency(now)
        else:
            self.distress.ended = "shut down"
            self.shut_down(Move.EXHAUSTED)
