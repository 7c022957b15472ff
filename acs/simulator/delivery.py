"""Something that a HeNB sends to a collector by HTTP on its own: a bulk data report, a PM file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

__all__ = ["Delivery", "next_interval"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One HTTP request; ``what`` names what it is of, and is how the answer finds its way back."""

    what: str
    url: str
    body: bytes
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    username: str = ""
    password: str = ""


def next_interval(timing: tuple[str, str], now: float) -> float:
    """Return the end of the interval that ``now`` is in.

    ``timing`` is its length in seconds and a dateTime that gives the phase, as the device was told them.
    """
    interval = max(1, int(timing[0]))
    try:
        reference = datetime.fromisoformat(timing[1])
    except ValueError:
        return now + interval
    if reference.year == 1:  # the Unknown Time: the device chooses
        return now + interval
    start = (reference if reference.tzinfo else reference.replace(tzinfo=UTC)).timestamp()
    return start + ((now - start) // interval + 1) * interval
