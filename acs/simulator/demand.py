"""What a test asks of a simulated device, and what it can tell of itself afterwards."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Executed", "Fault"]


@dataclass(frozen=True, slots=True)
class Executed:
    """Something the device really did at the ACS's request: the method, its key, when."""

    method: str
    command_key: str
    at: float


@dataclass(slots=True)
class Fault:
    """A fault on demand: ``times`` requests of ``method`` fail with ``code``, or hang for ever.

    A diagnostic test is the method ``SelfTestDiagnostics``, which can only hang. On ``Download`` and
    ``Upload`` the code is that of the TransferComplete.
    """

    method: str
    code: int = 9002
    times: int = 1
    hang: bool = False
