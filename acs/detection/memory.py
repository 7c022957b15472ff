"""What detection remembers of a device between two Informs: small, bounded, changed only by news."""

from __future__ import annotations

import msgspec

__all__ = ["MOST_BOOTS", "MOST_PATHS", "Anchor", "Memory", "memory_of", "memory_text"]

MOST_PATHS = 50
MOST_BOOTS = 32


class Anchor(msgspec.Struct, frozen=True, array_like=True):
    """A clock's offset (device less HeMS, seconds), or an UpTime, at a time of ours; measured from here."""

    offset: float
    at: float


class Memory(msgspec.Struct, frozen=True, omit_defaults=True):
    """``states``: what each check came to last.

    ``version`` runs since ``version_at`` by right; ``odd_version`` was seen at ``odd_at`` without;
    ``expected`` was loaded elsewhere, as the managers say.
    ``unset``: its CurrentTime is that of a clock that was never set. ``uptime``: what UpTime was last.
    ``withheld``: AdminState was not set to true because of what is found.
    ``baseline``: what was first seen of what must not change. ``deviating``: declared parameters that
    somebody else changed. ``absent``: what the device did not know when it was asked, under ``absent_for``.
    ``accepted``: checks whose finding a person took as right, until they find nothing once; of C-11 how far
    away (metres) that was.
    """

    states: dict[str, str] = {}
    version: str = ""
    version_at: float = 0.0
    odd_version: str = ""
    odd_at: float = 0.0
    expected: str = ""
    baseline: dict[str, str] = {}
    clock: Anchor | None = None
    clock_strikes: int = 0
    unset: bool = False
    uptime: Anchor | None = None
    withheld: bool = False
    boots: tuple[float, ...] = ()
    deviating: tuple[str, ...] = ()
    counters: dict[str, int] = {}
    counters_at: float = 0.0
    read_at: float = 0.0
    tested_at: float = 0.0
    absent: tuple[str, ...] = ()
    absent_for: str = ""
    accepted: dict[str, float] = {}


def memory_of(text: str) -> Memory:
    """Read a memory; an empty text is an empty one."""
    return msgspec.json.decode(text, type=Memory) if text else Memory()


def memory_text(memory: Memory) -> str:
    """Return a memory as it is stored."""
    return msgspec.json.encode(memory).decode()
