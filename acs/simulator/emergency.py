"""The HeNB's side of 5.7.3.2: the fail-safe image, what it can do, how the HeNB comes back (S1 L80-L84)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from acs.cwmp import events as ev
from acs.cwmp import messages as m
from acs.simulator import rpc
from acs.simulator.cpe import Cpe
from acs.simulator.distress_channels import Distress
from acs.simulator.firmware import Banks
from acs.simulator.pace import Pace
from acs.simulator.rpc_files import FIRMWARE
from acs.simulator.stages import Stages, Trigger
from acs.simulator.tamper import ActiveTamper
from acs.simulator.tree import radio_off

__all__ = ["ASK", "DISCOVERY", "FAIL_SAFE_METHODS", "Emergency", "EmergencySide", "may_begin"]

FAIL_SAFE_METHODS = ("Download", "GetRPCMethods", "Reboot")
"""What a fail-safe image lets an ACS call; it calls RequestDownload and TransferComplete itself (S1 L82)."""
ASK = "emergency"
"""The name of what is due when the fail-safe image asks again."""
DISCOVERY = "discovery"
"""The name of what is due when discovery and registration have taken too long."""


def may_begin(*, available: bool, fault: bool, exchange: bool, connected: bool) -> bool:
    """Tell whether a HeNB begins emergency remediation: the guard of S1 L82.

    ``fault``: it has detected a potential security fault; ``exchange``: it reaches the HeMS over the standard
    path or a distress channel; ``connected``: its connection to the HeNB-GW/MME is active.
    """
    return available and fault and not exchange and connected


@dataclass(slots=True)
class Emergency:
    """The fail-safe image at work. Times in seconds, before the HeNB's pace is applied.

    ``broken``: the image in the protected bank does not boot. ``sessions``: how many it has until
    it gives up; ``pause`` between two requests for software; ``discovery``: how long registration may take.
    ``vendor_event``: it knows no RequestDownload and asks by an event of its Inform. ``why``: why it failed.
    """

    broken: bool = False
    vendor_event: bool = False
    sessions: int = 5
    pause: float = 60.0
    discovery: float = 7200.0
    running: bool = False
    discovering: bool = False
    installed: bool = False
    why: str = ""
    tries: int = 0
    until: float = 0.0


class _InEmergency(Cpe, Protocol):
    """What is needed of the device."""

    device_id: m.DeviceId
    state: str
    pace: Pace
    banks: Banks
    stages: Stages
    tampers: list[ActiveTamper]
    events: list[m.Event]
    changed: dict[str, None]
    distress: Distress
    emergency: Emergency
    emergency_available: bool
    _due: list[tuple[float, str]]

    @property
    def redirected(self) -> bool: ...

    def add_event(self, event: m.Event) -> None: ...

    def shut_down(self, trigger: Trigger = ...) -> None: ...

    def ask_for_software(self, now: float) -> None: ...

    def emergency_failed(self, why: str) -> None: ...

    def _leave_fail_safe(self, now: float) -> None: ...

    def _discovery_session(self, *, ok: bool) -> None: ...

    def _forget(self) -> None: ...

    def _restart(self, events: list[m.Event], seconds: float, now: float) -> None: ...


class EmergencySide:
    """The part of a ``HeNB`` that helps itself when nobody can be reached."""

    __slots__ = ()

    @property
    def fail_safe(self: _InEmergency) -> bool:
        """Whether the fail-safe image runs, with its own credentials and few procedures."""
        return self.emergency.running

    def begin_emergency(self: _InEmergency, now: float) -> None:
        """Reset, and boot the fail-safe image from its protected bank (S1 L82)."""
        if not self.emergency_available:
            self.shut_down(Trigger.EXHAUSTED)
            return
        self.stages.on(Trigger.EMERGENCY)
        emergency = self.emergency
        emergency.tries, emergency.why, emergency.installed = 0, "", False
        emergency.discovering = False
        self.distress.over, self.distress.good, self.distress.called = None, None, False
        for active in self.tampers:
            active.survives("factory_reset")
        self._forget()
        radio_off(self.tree)
        if emergency.broken:
            self.emergency_failed("the fail-safe image does not boot")
            return
        emergency.running = self.banks.fail_safe = True
        self._restart([m.Event(ev.BOOTSTRAP), m.Event(ev.BOOT)], self.pace.boot, now)

    def emergency_booted(self: _InEmergency, now: float) -> None:
        """A boot is over: the fail-safe image asks for software, new software looks at itself."""
        emergency = self.emergency
        if emergency.running:
            self.stages.on(Trigger.FAILSAFE_BOOTED)
            self.ask_for_software(now)
        elif emergency.discovering:
            if any(active.tamper.software for active in self.tampers):
                self.emergency_failed("the new software is manipulated as well")
            else:
                self._due.append((emergency.until, DISCOVERY))

    def ask_for_software(self: _InEmergency, now: float) -> None:  # noqa: ARG002 - as what is due is called
        """Have the next session ask for a software image."""
        if self.emergency.vendor_event:
            self.add_event(m.Event(f"X {self.device_id.oui} EMERGENCY"))
            return
        request = m.RequestDownload(FIRMWARE)
        if request not in self.outgoing:
            self.outgoing.append(request)
        self.add_event(m.Event(ev.REQUEST_DOWNLOAD))

    def handle_fail_safe(self: _InEmergency, request: m.Message, now: float) -> m.Message:
        """Answer a request as the fail-safe image does: only predefined basic procedures (S1 L82)."""
        name = m.method_name(request)
        if isinstance(request, m.GetRPCMethods):
            return m.GetRPCMethodsResponse(FAIL_SAFE_METHODS)
        if name not in FAIL_SAFE_METHODS:
            return m.Fault(9000, f"Method not supported by the fail-safe image: {name}")
        if isinstance(request, m.Download):
            if request.file_type != FIRMWARE:
                return m.Fault(9001, "Request denied: the fail-safe image loads software alone")
            self.stages.on(Trigger.DOWNLOAD)
        return rpc.handle(self, request, now)

    def fail_safe_downloaded(self: _InEmergency, version: str, told: list[m.Event]) -> None:
        """Keep the image that was loaded, for the boot after that is told; the protected bank stays."""
        self.banks.install(version)
        self.emergency.installed = True
        for event in told:
            self.add_event(event)

    def emergency_session(self: _InEmergency, now: float, *, ok: bool) -> None:
        """A session of emergency remediation or of the discovery after it is over, or failed."""
        emergency = self.emergency
        if emergency.discovering:
            self._discovery_session(ok=ok)
        if not emergency.running or self.state != "running":
            return
        emergency.tries += 1
        over = emergency.tries >= emergency.sessions
        if emergency.installed and (ok or over):
            self._leave_fail_safe(now)
        elif emergency.installed or (ok and len(self.transfers)):
            pass  # TransferComplete is told again; the image is on its way
        elif over:
            self.emergency_failed("it was given no software")
        elif ok:
            self._due.append((now + emergency.pause * self.pace.retry_scale, ASK))

    def _leave_fail_safe(self: _InEmergency, now: float) -> None:
        """Reboot with the downloaded image, which performs discovery and registration (S1 L82)."""
        emergency = self.emergency
        self.stages.on(Trigger.INSTALLED)
        emergency.running = self.banks.fail_safe = False
        emergency.discovering, emergency.tries, emergency.until = True, 0, now + emergency.discovery
        self._forget()
        self._restart([m.Event(ev.BOOTSTRAP), m.Event(ev.BOOT)], self.pace.install + self.pace.boot, now)

    def _discovery_session(self: _InEmergency, *, ok: bool) -> None:
        """One step of discovery: the initial HeMS leads on to the serving one, which registers it."""
        emergency = self.emergency
        emergency.tries = 0 if ok else emergency.tries + 1
        if ok and not self.redirected:
            emergency.discovering, self.distress.ended = False, ""
            self._due = [each for each in self._due if each[1] != DISCOVERY]
        elif emergency.tries >= emergency.sessions:
            self.emergency_failed("it could not register")

    def emergency_failed(self: _InEmergency, why: str) -> None:
        """Shut down: emergency remediation has failed as well (S1 L84)."""
        self.emergency.why = why
        self.shut_down(Trigger.EMERGENCY_FAILED)
