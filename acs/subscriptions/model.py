"""What a subscription is: who is told what, where, and how that goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from acs.subscriptions.grouping import Grouping

__all__ = [
    "NOTIFICATION_TYPES",
    "SEVERITIES",
    "Backlog",
    "DeadLetter",
    "Filter",
    "Group",
    "Page",
    "Subscription",
    "Waiting",
]

NOTIFICATION_TYPES = (
    "notifyNewAlarm",
    "notifyNewSecAlarm",
    "notifyChangedAlarm",
    "notifyClearedAlarm",
    "notifyAckStateChanged",
    "notifyComments",
    "notifyPotentialFaultyAlarmList",
    "notifyAlarmListRebuilt",
)
"""TS 28.532. ``notifyNewSecAlarm`` is a notifyNewAlarm that bears a securityAlarmDetector."""
SEVERITIES = ("CRITICAL", "MAJOR", "MINOR", "WARNING", "INDETERMINATE")


class Filter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a manager wants to be told; an empty list: everything.

    ``severities`` holds for new alarms alone: who was not told of an alarm may well be told that it
    became worse, and one that was told must learn that it became better.
    ``held_back``: of alarms that a silence or another alarm holds back it is told nothing until they come
    out (``omit``), or at once, with the mark ``heldBack`` (``mark``).
    """

    notification_types: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    held_back: Literal["omit", "mark"] = "omit"

    @property
    def marks(self) -> bool:
        """Whether it is told of what is held back, too."""
        return self.held_back == "mark"

    def wants(self, notification_type: str, body: Mapping[str, Any], groups: Sequence[str]) -> bool:
        """Tell whether a notification about a device of these groups is wanted.

        That the alarm list was rebuilt is wanted always: without it a manager would not know what it missed.
        """
        if notification_type == "notifyAlarmListRebuilt" and body.get("alarmListAlignmentRequirement") == (
            "ALIGNMENT_REQUIRED"
        ):
            return not self.groups or bool(set(self.groups) & set(groups))
        kinds = {notification_type}
        if notification_type == "notifyNewAlarm" and "securityAlarmDetector" in body:
            kinds.add("notifyNewSecAlarm")
        if self.notification_types and not kinds & set(self.notification_types):
            return False
        new = notification_type == "notifyNewAlarm"
        if new and self.severities and body.get("perceivedSeverity") not in self.severities:
            return False
        return not self.groups or bool(set(self.groups) & set(groups))


@dataclass(frozen=True, slots=True)
class Subscription:
    """A manager that is told; its secrets are not in here."""

    id: int
    owner: str
    consumer_reference: str
    filter: Filter
    grouping: Grouping | None
    ca: str
    created_at: float
    failures: int
    retry_at: float | None
    last_error: str
    delivered: int
    delivered_at: float | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A notification that a subscription has to be told. ``line``: within one the order is kept."""

    id: int
    line: int
    device_key: str
    notification_type: str
    body: str
    created_at: float
    attempts: int


@dataclass(frozen=True, slots=True)
class Group:
    """Notifications told in one message: ``ids`` of all, ``kinds`` how many of each, ``shown`` the newest.

    ``lines``: of how many devices; ``first_at``, ``last_at``: when the oldest and the newest came.
    """

    key: str
    ids: tuple[int, ...]
    lines: int
    kinds: dict[str, int]
    first_at: float
    last_at: float
    shown: tuple[Waiting, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """What one node may deliver now: ``waiting`` by themselves, the oldest first, and ``groups``."""

    subscription: Subscription
    secret_sealed: bytes
    bearer_sealed: bytes | None
    waiting: tuple[Waiting, ...]
    groups: tuple[Group, ...] = ()


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A notification that was given up, since the manager refused it again and again."""

    id: int
    device_id: int
    notification_type: str
    attempts: int
    dead_at: float
    error: str


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much a subscription has to be told still, and since when the oldest waits."""

    subscription_id: int
    waiting: int
    oldest_at: float | None
    dead: int
