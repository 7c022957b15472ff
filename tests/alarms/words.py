"""Alarm events and the parameters they come as, in terse words."""

from __future__ import annotations

from typing import Any

from acs import alarms as al
from acs.cwmp import messages as m

NOW = 1_800_000_000.0
TIME = "2027-01-15T08:00:{:02d}Z"
USUAL = {
    "NotificationType": "NewAlarm",
    "EventType": "Integrity Violation",
    "ProbableCause": "Information Modification Detected",
    "SpecificProblem": "FILE",
    "PerceivedSeverity": "Critical",
    "ManagedObjectInstance": "Device.Services.FAPService.1",
    "AdditionalText": "a file",
    "AdditionalInformation": "user=root;file=/bin/x",
}


def row(path: str, **values: str | None) -> list[m.ParameterValue]:
    """Return the parameters of a row; a value of None is left out."""
    facts = {"AlarmIdentifier": "A1", "EventTime": TIME.format(0), **USUAL, **values}
    return [m.ParameterValue(path + name, value) for name, value in facts.items() if value is not None]


def event(identifier: str = "A1", kind: str = "NewAlarm", **values: Any) -> al.AlarmEvent:
    """Return an event; ``at`` is the second of its time, ``at=None`` leaves the time out."""
    at = values.pop("at", 0)
    facts: dict[str, Any] = {
        "table": "ExpeditedEvent",
        "instance": 1,
        "event_time": "" if at is None else TIME.format(at),
        "alarm_identifier": identifier,
        "notification_type": kind,
        "event_type": USUAL["EventType"],
        "probable_cause": USUAL["ProbableCause"],
        "specific_problem": "FILE",
        "perceived_severity": "Cleared" if kind == "ClearedAlarm" else "Critical",
        "managed_object_instance": "",
        "additional_text": "a file",
        "additional_information": "user=root;file=/bin/x",
    }
    return al.AlarmEvent(**{**facts, **values})


def current(number: int, identifier: str, root: str = "Device.", **values: str) -> list[m.ParameterValue]:
    """Return the parameters of a row of CurrentAlarm."""
    facts = {
        "AlarmIdentifier": identifier,
        "AlarmRaisedTime": TIME.format(0),
        **{name: value for name, value in USUAL.items() if name != "NotificationType"},
        **values,
    }
    base = f"{root}FaultMgmt.CurrentAlarm.{number}."
    return [m.ParameterValue(base + name, value) for name, value in facts.items()]
