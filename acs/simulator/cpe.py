"""What the RPCs need of a device."""

from __future__ import annotations

from typing import Protocol

from acs.cwmp import messages as m
from acs.simulator.modules import Modules, Operation
from acs.simulator.transfer import Transfers
from acs.simulator.tree import ParameterTree

__all__ = ["Cpe"]


class Cpe(Protocol):
    """A device, as the RPCs see it."""

    cwmp_version: int
    tree: ParameterTree
    attributes: dict[str, int]
    access_lists: dict[str, tuple[str, ...]]
    transfers: Transfers
    modules: Modules
    options: dict[str, m.OptionStruct]
    outgoing: list[m.Message]
    connection_request_password: str

    def notification(self, name: str) -> int:
        """Return the notification attribute of a parameter."""

    def values_changed(self, names: list[str], now: float) -> None:
        """Take note of parameters that were set."""

    def start_self_test(self, now: float) -> None:
        """Begin the diagnostic test."""

    def schedule_inform(self, seconds: float, key: str, now: float) -> None:
        """Open a session after a while."""

    def schedule_modules(self, operations: tuple[Operation, ...], key: str, now: float) -> None:
        """Change deployment units after the session."""

    def after_session(self, method: str, key: str) -> None:
        """Put a reboot or reset off until the session is over."""

    def record(self, method: str, key: str, now: float) -> None:
        """Remember that something was really done."""
