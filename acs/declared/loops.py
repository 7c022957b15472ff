"""Writers that fight: a parameter that has to be set again and again. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["MOST_WRITES", "WINDOW", "Write", "flapping"]

WINDOW = 86400.0  # seconds over which writes of a parameter are counted
MOST_WRITES = 5  # cases in which it was set within the window; the next one is refused


@dataclass(frozen=True, slots=True)
class Write:
    """A parameter that was set on a device: by whom, to what, when, and in which case."""

    path: str
    value: str
    source: str
    case_id: int
    at: float


def flapping(
    writes: Iterable[Write], planned: Iterable[tuple[str, str, str | None, str]], *, now: float
) -> list[str]:
    """Return, in a sentence each, which of the planned values do not stay.

    ``planned``: path, value, what the device has instead, and who wants it. ``writes`` are those of the
    device since it last lost its configuration. A parameter that was set in ``MOST_WRITES`` cases within
    ``WINDOW`` seconds has another writer: it is named where it is one of ours, else it is the device or
    someone outside.
    """
    recent: dict[str, list[Write]] = {}
    for write in writes:
        if write.at > now - WINDOW:
            recent.setdefault(write.path, []).append(write)
    found = []
    for path, value, actual, source in planned:
        before = recent.get(path, [])
        if len({each.case_id for each in before}) < MOST_WRITES:
            continue
        other = next((each for each in reversed(before) if each.source != source), None)
        if other is not None:
            rival = f"{other.source} sets it to {other.value[:64]!r}"
        else:
            has = "another value" if actual is None else repr(actual[:64])
            rival = f"the device, or someone who is not this ACS, sets it back to {has}"
        found.append(
            f"{path} does not stay: {source} has set it to {value[:64]!r} in {MOST_WRITES} cases within"
            f" {WINDOW / 3600:g} hours, and {rival}"
        )
    return found
