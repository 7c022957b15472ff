"""Alarm events out of an Inform's ParameterList: pure, by suffix, for every layout of FaultMgmt.

``Device.FaultMgmt.``, ``InternetGatewayDevice.FaultMgmt.`` and TR-196 Issue 1's
``….Services.FAPService.{i}.FaultMgmt.`` differ only in what stands before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from acs.cwmp import messages as m

__all__ = ["AlarmEvent", "Extract", "event_time", "extract", "parse_time"]

_ROW = re.compile(
    r"(?P<root>[\w.-]*\.FaultMgmt\.)(?P<table>ExpeditedEvent|QueuedEvent)\.(?P<instance>\d{1,9})\.(?P<name>\w+)\Z",
    re.ASCII,
)
_REQUIRED = ("NotificationType", "EventType", "ProbableCause", "PerceivedSeverity")
MAX_EVENTS = 256
"""The most events and incomplete rows taken of one message; a resynchronisation tells the rest."""
_AHEAD = 86_400.0  # seconds that a device's clock may be ahead
_NOTIFICATIONS = ("NewAlarm", "ChangedAlarm", "ClearedAlarm")


@dataclass(frozen=True, slots=True)
class AlarmEvent:
    """One populated row of ExpeditedEvent or QueuedEvent, texts as the device sent them."""

    table: str
    instance: int
    event_time: str
    alarm_identifier: str
    notification_type: str
    event_type: str
    probable_cause: str
    specific_problem: str
    perceived_severity: str
    managed_object_instance: str
    additional_text: str
    additional_information: str

    @property
    def source(self) -> str:
        """Where it stood, for example ``ExpeditedEvent.3``."""
        return f"{self.table}.{self.instance}"


@dataclass(frozen=True, slots=True)
class Extract:
    """The events of one Inform and the paths of rows that came without all they need.

    ``more``: there were more of them than are taken of one message; the newest were.
    """

    events: tuple[AlarmEvent, ...] = ()
    incomplete: tuple[str, ...] = ()
    roots: frozenset[str] = field(default_factory=frozenset)
    more: bool = False


_NOTHING = Extract()


def parse_time(text: str, fallback: float) -> float:
    """Return a device's dateTime as seconds since the epoch; ``fallback`` when it says nothing usable."""
    if not text or text.startswith(("0001-01-01", "0000")):
        return fallback
    try:
        moment = datetime.fromisoformat(text.strip().replace(",", "."))
    except ValueError:
        return fallback
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def event_time(text: str, now: float) -> float:
    """Return when a device says that something happened; ``now`` where that has not been yet.

    What a device dates into the future would stand before all others in every list, and never be old. A year
    10000, which a time zone makes of 9999, could not be shown at all.
    """
    at = parse_time(text, now)
    return at if at <= now + _AHEAD else now


def extract(parameters: Iterable[m.ParameterValue], *, current_time: str = "") -> Extract:
    """Return the alarm events in ``parameters``, oldest first.

    ``current_time`` is the Inform's, used for a row without EventTime. Rows with an empty
    AlarmIdentifier or the Unknown Time are not populated (TR-181) and are left out.
    """
    rows: dict[tuple[str, str, int], dict[str, str]] = {}
    for value in parameters:
        if ".FaultMgmt." not in value.name:
            continue
        found = _ROW.match(value.name)
        if found is not None:
            key = (found["root"], found["table"], int(found["instance"]))
            rows.setdefault(key, {})[found["name"]] = value.value.strip()
    if not rows:
        return _NOTHING
    events: list[AlarmEvent] = []
    incomplete: list[str] = []
    for (root, table, instance), row in rows.items():
        if row.get("AlarmIdentifier") == "" or row.get("EventTime") == m.UNKNOWN_TIME:
            continue
        if "AlarmIdentifier" not in row or any(not row.get(name) for name in _REQUIRED):
            incomplete.append(f"{root}{table}.{instance}.")
            continue
        events.append(_event(table, instance, row, current_time))
    events.sort(key=lambda event: (parse_time(event.event_time, 0.0), event.table))
    return Extract(
        tuple(events[-MAX_EVENTS:]),
        tuple(incomplete[:MAX_EVENTS]),
        frozenset(root for root, _, _ in rows),
        more=max(len(events), len(incomplete)) > MAX_EVENTS,
    )


def _event(table: str, instance: int, row: dict[str, str], current_time: str) -> AlarmEvent:
    notification = row["NotificationType"]
    if notification not in _NOTIFICATIONS:
        notification = "ClearedAlarm" if "clear" in notification.lower() else "NewAlarm"
    return AlarmEvent(
        table=table,
        instance=instance,
        event_time=(row.get("EventTime") or current_time)[:64],
        alarm_identifier=row["AlarmIdentifier"][:64],
        notification_type=notification,
        event_type=row["EventType"][:64],
        probable_cause=row["ProbableCause"][:64],
        specific_problem=row.get("SpecificProblem", "")[:128],
        perceived_severity=row["PerceivedSeverity"][:64],
        managed_object_instance=row.get("ManagedObjectInstance", "")[:512],
        additional_text=row.get("AdditionalText", "")[:256],
        additional_information=row.get("AdditionalInformation", "")[:256],
    )
