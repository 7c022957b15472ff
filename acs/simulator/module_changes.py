"""When deployment units of a simulated HeNB change, and how that is told (TR-069 A.4.1.10, A.4.2.3)."""

from __future__ import annotations

from typing import Protocol

from acs.cwmp import events as ev
from acs.cwmp import messages as m
from acs.simulator.cpe import Cpe
from acs.simulator.faultmgmt import date_time
from acs.simulator.modules import Operation
from acs.simulator.pace import Pace

__all__ = ["PENDING", "ModuleChanges"]

PENDING = "modules "
"""Begins the name of what is due when deployment units are to be changed; the CommandKey follows."""


class _Changer(Cpe, Protocol):
    """What changing deployment units needs of a device beside what its RPCs need."""

    pace: Pace
    _due: list[tuple[float, str]]

    def add_event(self, event: m.Event) -> None:
        """Have an event told in the next Inform."""


class ModuleChanges:
    """The part of a ``HeNB`` that changes deployment units after a session."""

    __slots__ = ()

    def schedule_modules(self: _Changer, operations: tuple[Operation, ...], key: str, now: float) -> None:
        """Change deployment units as soon as the session is over."""
        self.modules.pending[key] = operations
        self._due.append((now + self.pace.install, f"{PENDING}{key}"))

    def change_modules(self: _Changer, key: str, now: float) -> None:
        """Change what was scheduled under ``key``, each operation for itself, and have it told."""
        operations = self.modules.pending.pop(key, ())
        results = tuple(self.modules.perform(each, date_time(now)) for each in operations)
        self.record("ChangeDUState", key, now)
        self.outgoing.append(m.DUStateChangeComplete(results, key))
        self.add_event(m.Event(ev.DU_STATE_CHANGE_COMPLETE))
        self.add_event(m.Event("M ChangeDUState", key))
