"""Writers that fight: a parameter that has to be set again and again. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from acs.datamodel.conversion import is_true

__all__ = ["MOST_CONTESTED", "WINDOW", "Write", "flapping"]

WINDOW = 86400.0  # seconds over which contested writes of a parameter are counted
MOST_CONTESTED = 5  # times that it may be found otherwise than it was left, or be wanted by another writer


@dataclass(frozen=True, slots=True)
class Write:
    """A parameter that was set on a device: to what, by whom, in which case, when, and what it was before."""

    path: str
    value: str
    source: str
    case_id: int
    at: float
    was: str | None = None


def flapping(
    writes: Iterable[Write],
    planned: Iterable[tuple[str, str, str | None, str]],
    *,
    now: float,
    setters: Mapping[str, str] | None = None,
) -> list[str]:
    """Return, in a sentence each, which of the planned values do not stay.

    ``planned``: path, value, what the device has instead, and who wants it. ``writes`` are those of the
    device since it last lost its configuration, the oldest first. A write is contested where the parameter
    was not as the write before had left it, or where that one had another writer. The other writer is named
    where it is one of ours, else it is the device or someone outside. One writer with a new value is none.
    ``setters``: by path what gave a parameter the value it has, where no declared state did but this ACS.
    """
    recent: dict[str, dict[int, Write]] = {}
    for write in writes:
        if write.at > now - WINDOW:
            recent.setdefault(write.path, {})[write.case_id] = write
    found = []
    for path, value, actual, source in planned:
        story = [*recent.get(path, {}).values(), Write(path, value, source, -1, now, actual)]
        contested = [pair for pair in pairwise(story) if _contested(*pair)]
        if len(contested) >= MOST_CONTESTED and contested[-1][1] is story[-1]:
            found.append(_sentence(story, (setters or {}).get(path, "")))
    return found


def _contested(before: Write, after: Write) -> bool:
    return before.source != after.source or (after.was is not None and not _alike(before.value, after.was))


def _alike(one: str, other: str) -> bool:
    """Tell whether two texts may be spellings of one value."""
    if one.strip().lower() == other.strip().lower():
        return True
    truth = is_true(one)
    return truth is not None and truth is is_true(other)


def _sentence(story: list[Write], setter: str) -> str:
    last = story[-1]
    other = next((each for each in reversed(story) if each.source != last.source), None)
    if other is not None:
        rival = f"{other.source} sets it to {other.value[:64]!r}"
    elif setter and last.was is not None:
        rival = f"{setter} sets it to {last.was[:64]!r}"
    else:
        has = "another value" if last.was is None else repr(last.was[:64])
        rival = f"the device, or someone who is not this ACS, sets it back to {has}"
    often = f"{MOST_CONTESTED} times and more within {WINDOW / 3600:g} hours"
    return f"{last.path} does not stay: {last.source} sets it to {last.value[:64]!r}, {rival}, {often}"
