"""The section ``safety`` of a policy: how much may be disturbed at once, when, and when to stop. Data."""

from __future__ import annotations

from datetime import tzinfo
from functools import lru_cache
from typing import Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

__all__ = [
    "KINDS",
    "Canary",
    "Day",
    "GroupLimit",
    "Safety",
    "StopRule",
    "Window",
    "safety_problems",
    "zone_of",
]

KINDS = ("site", "group", "version", "model", "fleet")
"""Kinds of groups that have limits, the most particular first."""
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = get_args(Day)
MOST_AT_ONCE = 10_000
MOST_WINDOWS = 100


class GroupLimit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many devices of a group may be treated disruptively at once.

    At most ``concurrent``, and at most ``percent`` of the group's devices; but ``at_least`` as many are never
    too many by the percentage. None: no limit of that kind.
    """

    concurrent: int | None = None
    percent: float | None = None
    at_least: int = 1


class Canary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first ``cases`` of a kind have to succeed before more than so many are at work; 0: no canaries.

    A kind is a procedure for a probable cause at a model. Success counts for ``memory`` seconds.
    """

    cases: int = 3
    memory: float = 86400


class StopRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A group is stopped when so many cases of it failed within ``window`` seconds, ``percent`` of all."""

    failures: int = 5
    percent: float = 50
    window: float = 3600


class Window(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A weekly maintenance window: on ``days`` from ``start`` to ``end``, local time of ``zone``.

    One that ends before it starts ends on the next day. ``groups``: of which devices, say ``fleet`` or
    ``site:Berlin``.
    """

    start: str
    end: str
    days: list[Day] = msgspec.field(default_factory=lambda: list(DAYS))
    zone: str = "UTC"
    groups: list[str] = msgspec.field(default_factory=lambda: ["fleet"])


def _default_limits() -> dict[str, GroupLimit]:
    return {
        "fleet": GroupLimit(concurrent=50),
        "model": GroupLimit(percent=10, at_least=10),
        "site": GroupLimit(percent=10),
    }


class Safety(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What keeps a storm of alarms from becoming a storm of reboots.

    ``methods`` are the RPCs that disturb a device, ``parameters`` (patterns) those whose setting does.
    ``urgent`` procedures are never held. ``limits``: by kind of group (fleet, site, model, version, group) or
    for one alone (``site:Berlin``), which goes before. A case that had its slot for ``slot_seconds`` counts
    no longer.
    """

    methods: list[str] = msgspec.field(
        default_factory=lambda: ["Reboot", "FactoryReset", "Download", "ScheduleDownload", "ChangeDUState"]
    )
    parameters: list[str] = msgspec.field(default_factory=lambda: ["*.AdminState", "*.RFTxStatus"])
    urgent: list[str] = msgspec.field(default_factory=lambda: ["P3", "EM"])
    limits: dict[str, GroupLimit] = msgspec.field(default_factory=_default_limits)
    canary: Canary = Canary()
    stop: StopRule = StopRule()
    windows: list[Window] = []
    slot_seconds: float = 7200


@lru_cache(maxsize=64)
def zone_of(name: str) -> tzinfo:
    """Return a time zone by its name in the IANA database. Raises ``LookupError`` for one that is unknown."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise LookupError(name) from error


def minutes_of(text: str) -> int:
    """Return ``HH:MM`` as minutes of the day; 24:00 is 1440. Raises ``ValueError``."""
    hours, colon, minutes = text.partition(":")
    if not (colon and len(hours) == len(minutes) == 2 and (hours + minutes).isdecimal()):
        raise ValueError(text)
    found = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or found > 1440:
        raise ValueError(text)
    return found


def safety_problems(safety: Safety) -> list[str]:
    """Return a sentence for whatever can't be meant."""
    found = _limit_problems(safety.limits)
    if safety.canary.cases < 0 or not safety.canary.memory > 0:
        found.append("safety.canary: cases is 0 or more, memory a positive number of seconds")
    stop = safety.stop
    if stop.failures < 1 or not 0 < stop.percent <= 100 or not stop.window > 0:
        found.append("safety.stop: failures is 1 or more, percent at most 100, window a positive number")
    if not safety.slot_seconds > 0:
        found.append(f"safety.slot_seconds is {safety.slot_seconds}; a positive number is needed")
    if len(safety.windows) > MOST_WINDOWS:
        found.append(f"safety.windows: there are {len(safety.windows)}; {MOST_WINDOWS} are allowed")
    for number, window in enumerate(safety.windows, 1):
        found += [f"safety.windows, number {number}: {problem}" for problem in _window_problems(window)]
    return found


def _limit_problems(limits: dict[str, GroupLimit]) -> list[str]:
    found = []
    for name, limit in limits.items():
        if name not in KINDS and not _particular(name):
            known = ", ".join(reversed(KINDS))
            found.append(
                f"safety.limits: {name!r} is no group; known are {known} and, for example, site:NAME"
            )
        if limit.concurrent is not None and not 1 <= limit.concurrent <= MOST_AT_ONCE:
            found.append(f"safety.limits.{name}.concurrent is {limit.concurrent}; it is 1 to {MOST_AT_ONCE}")
        if limit.percent is not None and not 0 < limit.percent <= 100:
            found.append(
                f"safety.limits.{name}.percent is {limit.percent}; it is more than 0 and at most 100"
            )
        if limit.at_least < 1:
            found.append(f"safety.limits.{name}.at_least is {limit.at_least}; 1 or more is needed")
    if (fleet := limits.get("fleet")) is None or fleet.concurrent is None:
        found.append("safety.limits.fleet.concurrent is missing; the whole fleet has a limit always")
    return found


def _particular(name: str) -> bool:
    kind, colon, rest = name.partition(":")
    return bool(colon and rest) and kind in KINDS and kind != "fleet"


def _window_problems(window: Window) -> list[str]:
    found = []
    for what, text in (("start", window.start), ("end", window.end)):
        try:
            minutes_of(text)
        except ValueError:
            found.append(f"{what} is {text!r}; it is HH:MM, for example 01:30")
    if window.start == window.end:
        found.append("it ends when it starts; for a whole day say 00:00 and 24:00")
    try:
        zone_of(window.zone)
    except LookupError:
        found.append(f"the time zone {window.zone!r} is unknown here, for example Europe/Berlin is known")
    if not window.days:
        found.append("days is empty")
    found += [
        f"{name!r} is no group; say fleet or, for example, site:NAME"
        for name in window.groups
        if name != "fleet" and not _particular(name)
    ]
    return found
