"""Resynchronisation: the alarm list is rebuilt from the device's CurrentAlarm (TR-181 FaultMgmt).

Due after every boot, since the tables are cleared then and alarms may end without a clearing event,
and when events of a ring were lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from sqlalchemy import Connection, update

from acs.alarms.alarm_list import (
    MAX_ALARMS,
    active_alarms,
    announce,
    apply_event,
    find_alarm,
    get_alarm,
    reset_rings,
)
from acs.alarms.intake import AlarmEvent
from acs.alarms.model import Alarm, AlarmChange
from acs.alarms.outbox import notify
from acs.alarms.provisioning import fault_management_paths
from acs.alarms.vocabulary import severity
from acs.cwmp import messages as m
from acs.devices import Device
from acs.store.tables import alarms

__all__ = ["CLEARED_BY_REBOOT", "RESYNC", "apply_resync", "current_alarms", "resync_request"]

CLEARED_BY_REBOOT = "cleared-by-reboot"
RESYNC = "alarm-resync"
"""The purpose of a command whose answer is for ``apply_resync``."""
_ROW = re.compile(r"[\w.-]*\.FaultMgmt\.CurrentAlarm\.(\d{1,9})\.(\w+)\Z", re.ASCII)


def resync_request(device: Device) -> m.GetParameterValues:
    """Return the request whose answer ``apply_resync`` wants."""
    base = device.fault_management or fault_management_paths(device.root)[0]
    return m.GetParameterValues((f"{base}CurrentAlarm.",))


def current_alarms(parameters: Iterable[m.ParameterValue]) -> list[dict[str, str]]:
    """Return the rows of CurrentAlarm in ``parameters`` that have an AlarmIdentifier."""
    rows: dict[int, dict[str, str]] = {}
    for value in parameters:
        found = _ROW.match(value.name)
        if found is not None:
            text = value.value.strip()
            rows.setdefault(int(found[1]), {})[found[2]] = (
                text[:64] if found[2] == "AlarmIdentifier" else text
            )
    return [row for _, row in sorted(rows.items()) if row.get("AlarmIdentifier")][:MAX_ALARMS]


def apply_resync(
    conn: Connection,
    device: Device,
    parameters: Iterable[m.ParameterValue],
    *,
    keep_open: frozenset[int] = frozenset(),
    now: float,
) -> list[AlarmChange]:
    """Make the list agree with CurrentAlarm.

    Active alarms that the device no longer has are cleared with reason ``resync``; those in ``keep_open``
    (ids: security alarms of an open case) stay active and are marked ``cleared-by-reboot``, because
    a reboot makes an alarm vanish without removing its cause. Alarms that the list lacks are raised,
    those whose severity or problem is another now are changed.
    """
    rows = current_alarms(parameters)
    present = {row["AlarmIdentifier"] for row in rows}
    changes: list[AlarmChange] = []
    for alarm in active_alarms(conn, device.id):
        if alarm.alarm_identifier in present or alarm.detector.startswith("HeMS:"):
            continue
        if alarm.id in keep_open:
            conn.execute(update(alarms).where(alarms.c.id == alarm.id).values(clear_reason=CLEARED_BY_REBOOT))
            continue
        changes.append(_cleared(conn, alarm.id, now=now))
    for row in rows:
        found = find_alarm(conn, device.id, row["AlarmIdentifier"])
        if found is None or not found.active or _differs(found, row):
            change = apply_event(conn, device, _as_event(row), now=now)
            changes += [change] if change else []
    announce(conn, device, changes, now=now)
    reset_rings(conn, device)
    if changes:
        reason = {
            "reason": "resynchronised with the device",
            "alarmListAlignmentRequirement": "ALIGNMENT_NOT_REQUIRED",
        }
        notify(conn, device, "notifyAlarmListRebuilt", reason, now=now)
    return changes


def _differs(alarm: Alarm, row: dict[str, str]) -> bool:
    """Whether the device tells something else of an active alarm than the list does."""
    event = _as_event(row)
    told = (severity(event.perceived_severity), event.specific_problem)
    return bool(alarm.clear_reason) or told != (alarm.perceived_severity, alarm.specific_problem)


def _cleared(conn: Connection, alarm_id: int, *, now: float) -> AlarmChange:
    values = {
        "state": "cleared",
        "perceived_severity": "CLEARED",
        "cleared_at": now,
        "clear_reason": "resync",
    }
    conn.execute(update(alarms).where(alarms.c.id == alarm_id).values(**values))
    return AlarmChange("cleared", get_alarm(conn, alarm_id))


def _as_event(row: dict[str, str]) -> AlarmEvent:
    """Return a row of CurrentAlarm as the NewAlarm event that was missed."""
    return AlarmEvent(
        table="CurrentAlarm",
        instance=0,
        event_time=row.get("AlarmRaisedTime", "")[:64],
        alarm_identifier=row["AlarmIdentifier"],
        notification_type="NewAlarm",
        event_type=row.get("EventType", "")[:64],
        probable_cause=row.get("ProbableCause", "")[:64],
        specific_problem=row.get("SpecificProblem", "")[:128],
        perceived_severity=row.get("PerceivedSeverity", "")[:64],
        managed_object_instance=row.get("ManagedObjectInstance", "")[:512],
        additional_text=row.get("AdditionalText", "")[:256],
        additional_information=row.get("AdditionalInformation", "")[:256],
    )
