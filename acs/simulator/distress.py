"""The HeNB's side of 5.7.3.1: when it leaves the standard path, and what is left when every path fails."""

from __future__ import annotations

from typing import Protocol

from acs.cwmp import events as ev
from acs.cwmp import messages as m
from acs.devices import device_key
from acs.distress import may_ask, may_send
from acs.simulator.distress_channels import Distress, DistressPath
from acs.simulator.emergency import may_begin
from acs.simulator.pace import Pace
from acs.simulator.stages import Stages, Trigger
from acs.simulator.tamper import ActiveTamper

__all__ = ["HELD_BACK", "DistressSide"]

HELD_BACK = 300.0
"""Seconds after which the standard path is tried again for what may not go over a distress channel."""


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

    def shut_down(self, trigger: Trigger = ...) -> None: ...

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
            self.stages.on(Trigger.CALLED)
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
            self.stages.on(Trigger.FATAL_UNTOLD if self.fatal else Trigger.ALARM_UNTOLD)
        self.stages.on(Trigger.SILENCE)
        self.stages.on(Trigger.STANDARD_FAILS)

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
            self.shut_down(Trigger.EXHAUSTED)
