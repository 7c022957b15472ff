"""When maintenance windows are open. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta, tzinfo

from acs.remediation.safety.limits import DAYS, KINDS, Window, minutes_of, zone_of

__all__ = ["opens_at", "windows_for"]


def windows_for(windows: Iterable[Window], groups: Iterable[str]) -> list[Window]:
    """Return the windows of the most particular of these groups that has any; none: it is always open."""
    mine, found = set(groups), list(windows)
    for kind in KINDS:
        names = {name for name in mine if name.partition(":")[0] == kind}
        fitting = [each for each in found if names.intersection(each.groups)]
        if fitting:
            return fitting
    return []


def opens_at(windows: Sequence[Window], now: float) -> float:
    """Return when the first of these windows is open: ``now`` where one is, or where there are none."""
    if not windows:
        return now
    return min(_opens_at(each, now) for each in windows)


def _opens_at(window: Window, now: float) -> float:
    zone = zone_of(window.zone)
    today = datetime.fromtimestamp(now, zone).date()
    days = {DAYS.index(each) for each in window.days}
    first, last = minutes_of(window.start), minutes_of(window.end)
    for ahead in range(-1, 9):  # one of yesterday may still be open; a week on each day has come
        day = today + timedelta(days=ahead)
        if day.weekday() not in days:
            continue
        start = _instant(day, first, zone)
        end = _instant(day if first < last else day + timedelta(days=1), last, zone)
        if now < end:
            return max(now, start)
    raise AssertionError("a week has every day")


def _instant(day: date, minutes: int, zone: tzinfo) -> float:
    """Return when a local clock shows this; where it is put forward over it, an hour later."""
    if minutes == 1440:
        day, minutes = day + timedelta(days=1), 0
    return datetime.combine(day, time(minutes // 60, minutes % 60), zone).timestamp()
