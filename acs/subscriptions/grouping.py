"""Many alarms as one message, for managers that ask for it: what goes together, and when. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from acs.errors import AcsError

__all__ = [
    "AT_ONCE",
    "DECISION_NEEDED",
    "LABELS",
    "Grouping",
    "Row",
    "check_grouping",
    "group_key",
    "labels_of",
    "plan",
]

LABELS = ("device", "oui", "manufacturer", "product_class", "site", "event_type", "probable_cause")
"""What may be grouped by: what does not change while an alarm lasts."""
DECISION_NEEDED = "decisionNeeded"
"""What the body of a notification has as true that asks people to decide: it waits for no group."""
AT_ONCE = ""
"""In place of a group: told by itself at once, with whatever its device has in line before it."""
_OF_ALARM = {"event_type": "alarmType", "probable_cause": "probableCause"}
_LONGEST_WAIT, _LONGEST_INTERVAL = 3600.0, 86_400.0


class Grouping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Alarms that are alike in ``by`` are told in one message; none named: all in one. Times in seconds.

    ``wait``: from the first of a group to its message, for more to come. ``interval``: between two messages
    of one group. Nothing is told twice because time passes.
    """

    by: tuple[str, ...] = ()
    wait: Annotated[float, Meta(description="Seconds until the first message of a group.")] = 30.0
    interval: Annotated[float, Meta(description="Seconds between two messages of a group.")] = 300.0


def check_grouping(wanted: Grouping) -> None:
    """Raise ``AcsError`` for a grouping that makes no sense."""
    for each in wanted.by:
        if each not in LABELS:
            raise AcsError(f"alarms are not grouped by {each[:40]!r}; known are {', '.join(LABELS)}")
    if not 0 <= wanted.wait <= _LONGEST_WAIT:
        raise AcsError(f"a group waits 0 to {_LONGEST_WAIT:.0f} s for its first message")
    if not 0 <= wanted.interval <= _LONGEST_INTERVAL:
        raise AcsError(f"between two messages of a group are 0 to {_LONGEST_INTERVAL:.0f} s")


def group_key(wanted: Grouping, body: Mapping[str, Any], device: Mapping[str, str]) -> str | None:
    """Return the group of a notification, as JSON of its labels; None: it is told by itself; AT_ONCE.

    ``device``: what is known of it, by label.
    """
    if body.get(DECISION_NEEDED) is True:
        return AT_ONCE
    if "alarmId" not in body:
        return None
    labels = {
        name: str(body.get(_OF_ALARM[name], "") if name in _OF_ALARM else device.get(name, ""))
        for name in LABELS
        if name in wanted.by
    }
    return msgspec.json.encode(labels).decode()


def labels_of(key: str) -> dict[str, str]:
    """Return the labels of a group."""
    return msgspec.json.decode(key, type=dict[str, str])


@dataclass(frozen=True, slots=True)
class Row:
    """A notification in line: ``line`` is its device, whose order is kept; ``key`` as of ``group_key``."""

    id: int
    line: int
    key: str | None
    created_at: float


def plan(
    rows: Iterable[Row], sent_at: Mapping[str, float], wanted: Grouping, *, now: float
) -> tuple[list[int], dict[str, list[int]]]:
    """Return what may be told now: by themselves, in order, and by group, as the numbers of the rows.

    ``rows``: all that wait, the oldest first. ``sent_at``: when the last message of a group went. Of a device
    nothing is told before what came earlier: a row waits for those before it that are not of its own message.
    But where a row of a device is to be told at once, so are those before it, by themselves.
    """
    waiting = list(rows)
    at_once = {row.line: row.id for row in waiting if row.key == AT_ONCE}
    waiting = [
        Row(row.id, row.line, None, row.created_at) if row.id <= at_once.get(row.line, -1) else row
        for row in waiting
    ]
    due = _due(waiting, sent_at, wanted, now=now)
    begun: dict[int, str | None] = {}  # by line: of which message its rows are so far
    stopped: set[int] = set()
    alone: list[int] = []
    groups: dict[str, list[int]] = {}
    for row in waiting:
        if row.line in stopped:
            continue
        fits = begun.setdefault(row.line, row.key) == row.key
        if not fits or (row.key is not None and row.key not in due):
            stopped.add(row.line)
        elif row.key is None:
            alone.append(row.id)
        else:
            groups.setdefault(row.key, []).append(row.id)
    return alone, groups


def _due(rows: Sequence[Row], sent_at: Mapping[str, float], wanted: Grouping, *, now: float) -> set[str]:
    first: dict[str, float] = {}
    for row in rows:
        if row.key is not None:
            first.setdefault(row.key, row.created_at)
    return {
        key
        for key, at in first.items()
        if now >= at + wanted.wait and now >= sent_at.get(key, float("-inf")) + wanted.interval
    }
