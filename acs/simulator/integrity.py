"""How a HeNB is tampered with, how it finds out, and what its diagnostic test tells (S1 L13, L28)."""

from __future__ import annotations

from typing import Protocol

from acs.cwmp import events as ev
from acs.cwmp import messages as m
from acs.simulator.demand import Fault
from acs.simulator.faultmgmt import FaultManagement
from acs.simulator.firmware import Banks
from acs.simulator.pace import Pace
from acs.simulator.stages import Stages, Trigger
from acs.simulator.tamper import TAMPERS, ActiveTamper, Tamper, parse_until
from acs.simulator.tree import ParameterTree

__all__ = ["SELF_TEST", "IntegritySide"]

SELF_TEST = "Device.SelfTestDiagnostics."
_CHECKS = ("sw", "cfg", "clk", "ant", "case", "hw", "tre")


class _Guarded(Protocol):
    """What is needed of the device."""

    tree: ParameterTree
    pace: Pace
    banks: Banks
    boots: int
    stages: Stages
    tampers: list[ActiveTamper]
    fault_management: FaultManagement
    _due: list[tuple[float, str]]

    @property
    def fail_safe(self) -> bool: ...

    def present(self, active: ActiveTamper) -> bool: ...

    def defend(self) -> None: ...

    def check_integrity(self, now: float, *, booted: bool = False) -> None: ...

    def raise_alarm(self, found: Tamper, now: float) -> str: ...

    def add_event(self, event: m.Event) -> None: ...

    def take_fault(self, method: str, *, hang: bool = False) -> Fault | None: ...

    def _tell(self, names: list[str]) -> None: ...


class IntegritySide:
    """The part of a ``HeNB`` that watches over its own integrity."""

    __slots__ = ()

    @property
    def fatal(self: _Guarded) -> bool:
        """Whether it has found a breach that it can't restore itself from (S1 L45)."""
        return any(active.tamper.fatal and active.alarm_identifier for active in self.tampers)

    def tamper(self: _Guarded, name: str, now: float, *, until: str = "", silent: bool = False) -> None:
        """Tamper with the device; ``until`` says from which rung on that can be undone.

        ``silent``: it raises no alarm.
        """
        tamper = TAMPERS[name]
        self.tampers.append(ActiveTamper(tamper, parse_until(until, tamper), silent=silent, since=now))
        if tamper.parameter:
            self.tree.set(tamper.parameter, tamper.value)
        if tamper.software:
            self.banks.modified = True
        self.check_integrity(now)

    def repair(self: _Guarded) -> None:
        """Let a person undo on site what was done to it, while it is switched off."""
        for parameter in [each.tamper.parameter for each in self.tampers if each.tamper.parameter]:
            self.tree.set(parameter, self.tree.template.values[parameter][0])
        self.tampers.clear()
        self.banks.modified = False

    def present(self: _Guarded, active: ActiveTamper) -> bool:
        """Whether the manipulation is still there."""
        tamper = active.tamper
        if tamper.parameter:
            return self.tree.value(tamper.parameter) == tamper.value
        return self.banks.modified if tamper.software else True

    def clock(self: _Guarded, now: float) -> float:
        """Return the time that its own clock tells (S1 L17)."""
        return now + sum(
            (now - active.since) * active.tamper.drift_ppm / 1e6
            for active in self.tampers
            if self.present(active)
        )

    def defend(self: _Guarded) -> None:
        """Let manipulations that are still strong undo what was done against them."""
        for active in self.tampers:
            if active.defends and active.tamper.parameter:
                self.tree.set(active.tamper.parameter, active.tamper.value)
            if active.until == "never" and active.tamper.software:
                self.banks.modified = True

    def check_integrity(self: _Guarded, now: float, *, booted: bool = False) -> None:
        """Raise an alarm for each manipulation found, end those whose cause is gone (S1 L13).

        The fail-safe image knows of no alarms (S1 L82); the software that it loads looks at itself.
        """
        if self.fail_safe:
            return
        if booted:
            self.defend()
        for active in list(self.tampers):
            if not self.present(active):
                self.tampers.remove(active)
                if active.alarm_identifier:
                    self._tell(self.fault_management.clear_alarm(active.alarm_identifier, active.tamper, now))
            elif not active.alarm_identifier and not active.silent:
                active.alarm_identifier = self.raise_alarm(active.tamper, now)

    def raise_alarm(self: _Guarded, found: Tamper, now: float) -> str:
        """Raise an alarm of something found, and have it told (S1 L22); return its AlarmIdentifier."""
        identifier, names = self.fault_management.raise_alarm(found, self.boots, now)
        self.stages.on(Trigger.FAULT_DETECTED)
        self._tell(names)
        return identifier

    def start_self_test(self: _Guarded, now: float) -> None:
        """Begin the diagnostic test; it ends with 8 DIAGNOSTICS COMPLETE (S1 L28), unless it hangs."""
        self._due = [each for each in self._due if each[1] != "self test"]
        if self.take_fault("SelfTestDiagnostics", hang=True) is not None:
            return
        self._due.append((now + self.pace.self_test, "self test"))

    def _finish_self_test(self: _Guarded) -> None:
        failed = {active.tamper.check: active.tamper for active in self.tampers if self.present(active)}
        parts = ["v=1", "test=SEC"]
        for check in _CHECKS:
            verdict = "OK"
            if check in failed:
                verdict = "OPEN" if check == "case" else "FAIL"
                verdict += f":{failed[check].detail}" if failed[check].detail else ""
            parts.append(f"{check}={verdict}")
        self.tree.set(f"{SELF_TEST}DiagnosticsState", "Complete")
        self.tree.set(f"{SELF_TEST}Results", ";".join(parts))
        self.stages.on(Trigger.TEST_DONE)
        self.add_event(m.Event(ev.DIAGNOSTICS_COMPLETE))
