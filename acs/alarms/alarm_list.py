"""The alarm list: raise, change, clear, acknowledge; rings and lost events (TR-181 FaultMgmt)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from acs.alarms.holding import tell, told_apart
from acs.alarms.intake import AlarmEvent, event_time
from acs.alarms.model import Alarm, AlarmChange, Applied, alarm_from_row
from acs.alarms.outbox import alarm_body, notify
from acs.alarms.vocabulary import PROBABLE_CAUSES, event_type, probable_cause, severity
from acs.devices import Device, lock
from acs.errors import AcsError
from acs.store import signal
from acs.store.tables import alarm_events, alarms, devices

__all__ = [
    "acknowledge",
    "active_alarms",
    "apply",
    "assign_alarm",
    "clear_alarm",
    "find_alarm",
    "list_alarms",
    "raise_alarm",
    "release_alarms",
    "reset_rings",
    "suspect_alarms",
]

MAX_ALARMS = 1000
"""The most alarms, active and cleared, that are kept of one device."""
MAX_REMEMBERED = 2000
"""The most events by which a repeated one is recognised."""
FLOOD = "HeMS:alarm-flood"
"""The identifier of the alarm that a device has more alarms than are kept."""
_HEMS = "HeMS:"  # begins the detector of an alarm that this HeMS detected
# What is forgotten when a cleared alarm is raised again.
_AGAIN: dict[str, Any] = {
    "state": "active",
    "changed_at": None,
    "cleared_at": None,
    "clear_reason": "",
    "ack_state": "UNACKNOWLEDGED",
    "ack_user_id": "",
    "ack_at": None,
    "case_id": None,
}

_MINE = alarms.c.device_id == bindparam("device")
_BY_ID = select(alarms).where(alarms.c.id == bindparam("id_"))
_BY_IDENTIFIER = select(alarms).where(_MINE, alarms.c.alarm_identifier == bindparam("identifier"))
_ACTIVE = select(alarms).where(_MINE, alarms.c.state == "active").order_by(alarms.c.id)
_COUNT = select(func.count()).where(_MINE)
_ADD = insert(alarms).returning(alarms)
_CHANGE = update(alarms).where(alarms.c.id == bindparam("id_"))
_EVENT = select(alarm_events.c.id).where(
    alarm_events.c.device_id == bindparam("device_id"),
    alarm_events.c.alarm_identifier == bindparam("alarm_identifier"),
    alarm_events.c.event_time == bindparam("event_time"),
    alarm_events.c.notification_type == bindparam("notification_type"),
)
_ADD_EVENT = insert(alarm_events)
_OLD_EVENT = (
    select(alarm_events.c.id)
    .where(alarm_events.c.device_id == bindparam("device"))
    .order_by(alarm_events.c.id.desc())
    .offset(MAX_REMEMBERED)
    .limit(1)
)
_CHANGE_DEVICE = update(devices).where(devices.c.id == bindparam("device"))


def apply(conn: Connection, device: Device, events: Sequence[AlarmEvent], *, now: float) -> Applied:
    """Bring the alarm list up to date with ``events`` (oldest first); each event counts once.

    Writes one notification to the outbox for every change.
    """
    if not events:
        return Applied()
    fresh = [event for event in events if _remember(conn, device, event, now=now)]
    suspect = _track_rings(conn, device, events, fresh)
    found = [apply_event(conn, device, event, now=now) for event in fresh]
    changes = tuple(change for change in found if change is not None)
    announce(conn, device, changes, now=now)
    if fresh:
        _forget(conn, device)
    return Applied(changes, suspect)


def announce(conn: Connection, device: Device, changes: Sequence[AlarmChange], *, now: float) -> None:
    """Tell the managers of changes, unless they are held back, and wake whoever shows alarms."""
    if changes:
        tell(conn, device, changes, now=now)
        signal(conn, "alarms", str(device.id))


def _remember(conn: Connection, device: Device, event: AlarmEvent, *, now: float) -> bool:
    """Record the event; False when it was recorded before."""
    identity = {
        "device_id": device.id,
        "alarm_identifier": event.alarm_identifier,
        "event_time": event.event_time,
        "notification_type": event.notification_type,
    }
    if conn.execute(_EVENT, identity).first() is not None:
        return False
    told = {"perceived_severity": severity(event.perceived_severity), "source": event.source}
    conn.execute(_ADD_EVENT, {**identity, **told, "received_at": now})
    return True


def _forget(conn: Connection, device: Device) -> None:
    """Forget the oldest events of a device: no ring holds as many as are kept."""
    last = conn.execute(_OLD_EVENT, {"device": device.id}).scalar()
    if last is not None:
        mine = alarm_events.c.device_id == device.id
        conn.execute(delete(alarm_events).where(mine, alarm_events.c.id <= last))


def _values(event: AlarmEvent) -> dict[str, Any]:
    cause, code = probable_cause(event.probable_cause)
    return {
        "event_type": event_type(event.event_type),
        "probable_cause": cause,
        "probable_cause_code": code,
        "specific_problem": event.specific_problem,
        "perceived_severity": severity(event.perceived_severity),
        "managed_object_instance": event.managed_object_instance,
        "additional_text": event.additional_text,
        "additional_information": event.additional_information,
    }


def apply_event(conn: Connection, device: Device, event: AlarmEvent, *, now: float) -> AlarmChange | None:
    """Apply one event, whether or not it was seen before; the caller announces the change if it made one.

    A device has no say in what the HeMS detected.
    """
    found = find_alarm(conn, device.id, event.alarm_identifier)
    if found is not None and found.detector.startswith(_HEMS):
        return None
    return _change_of(conn, device, event, found, now=now)


def _change_of(
    conn: Connection, device: Device, event: AlarmEvent, found: Alarm | None, *, now: float
) -> AlarmChange | None:
    values = _values(event)
    at = event_time(event.event_time, now)
    if event.notification_type == "ClearedAlarm" or values["perceived_severity"] == "CLEARED":
        if found is None or not found.active:
            return None
        return _clear(conn, found, "device", at)
    if found is None:
        if _room(conn, device):
            return AlarmChange("new", _insert(conn, device, event.alarm_identifier, values, at=at))
        return _flooded(conn, device, now=now)
    if not found.active:
        return AlarmChange("new", _change(conn, found.id, raised_at=at, **_AGAIN, **values))
    return AlarmChange("changed", _change(conn, found.id, changed_at=at, clear_reason="", **values))


def _room(conn: Connection, device: Device) -> bool:
    """Tell whether the device may have one more alarm; the one cleared longest ago makes room for it."""
    if conn.execute(_COUNT, {"device": device.id}).scalar_one() < MAX_ALARMS:
        return True
    mine = alarms.c.device_id == device.id
    cleared = select(alarms.c.id).where(mine, alarms.c.state == "cleared").order_by(alarms.c.cleared_at)
    oldest = conn.execute(cleared.limit(1)).scalar()
    if oldest is None:
        return False
    conn.execute(delete(alarms).where(alarms.c.id == oldest))
    return True


def _flooded(conn: Connection, device: Device, *, now: float) -> AlarmChange | None:
    """One alarm in place of those that have no room: that there are so many is what is wrong."""
    values: dict[str, Any] = {
        "event_type": "OPERATIONAL_VIOLATION",
        "probable_cause": "DENIAL_OF_SERVICE",
        "probable_cause_code": PROBABLE_CAUSES["DENIAL_OF_SERVICE"],
        "specific_problem": "ALARM_FLOOD",
        "perceived_severity": "MAJOR",
        "managed_object_instance": "",
        "additional_text": f"the device has {MAX_ALARMS} active alarms; further ones are left out",
        "additional_information": "",
    }
    found = find_alarm(conn, device.id, FLOOD)
    if found is None:
        detector = f"{_HEMS}{FLOOD}"
        return AlarmChange("new", _insert(conn, device, FLOOD, values, at=now, detector=detector))
    if found.active:
        return None
    return AlarmChange("new", _change(conn, found.id, raised_at=now, **_AGAIN, **values))


def _insert(
    conn: Connection,
    device: Device,
    identifier: str,
    values: dict[str, Any],
    *,
    at: float,
    detector: str = "",
) -> Alarm:
    row = {
        "device_id": device.id,
        "alarm_identifier": identifier,
        "state": "active",
        "raised_at": at,
        "detector": detector or f"HeNB:{device.device_key}",
        **values,
    }
    return alarm_from_row(conn.execute(_ADD, row).mappings().one())


def _change(conn: Connection, alarm_id: int, **values: Any) -> Alarm:
    conn.execute(_CHANGE, {"id_": alarm_id, **values})
    return get_alarm(conn, alarm_id)


def _clear(conn: Connection, alarm: Alarm, reason: str, at: float) -> AlarmChange:
    cleared = {"state": "cleared", "perceived_severity": "CLEARED", "cleared_at": at, "clear_reason": reason}
    return AlarmChange("cleared", _change(conn, alarm.id, **cleared))


def raise_alarm(
    conn: Connection,
    device: Device,
    *,
    identifier: str,
    event_type: str,
    probable_cause: str,
    perceived_severity: str,
    specific_problem: str,
    additional_text: str,
    detector: str,
    now: float,
) -> AlarmChange | None:
    """Raise an alarm that the HeMS itself detected (S1 L27); None when it is active already."""
    found = find_alarm(conn, device.id, identifier)
    if found is not None and found.active:
        return None
    values: dict[str, Any] = {
        "event_type": event_type,
        "probable_cause": probable_cause,
        "probable_cause_code": PROBABLE_CAUSES.get(probable_cause),
        "specific_problem": specific_problem,
        "perceived_severity": perceived_severity,
        "managed_object_instance": "",
        "additional_text": additional_text[:256].replace("\0", "\ufffd"),  # which PostgreSQL does not take
        "additional_information": "",
    }
    if found is None:
        alarm = _insert(conn, device, identifier, values, at=now, detector=detector)
    else:
        alarm = _change(conn, found.id, raised_at=now, **_AGAIN, **values)
    change = AlarmChange("new", alarm)
    announce(conn, device, [change], now=now)
    return change


def clear_alarm(
    conn: Connection, device: Device, alarm_id: int, reason: str, *, now: float
) -> AlarmChange | None:
    """Clear an alarm on the HeMS's side, for example after a verified remediation; None when it is clear."""
    alarm = get_alarm(conn, alarm_id)
    if not alarm.active:
        return None
    change = _clear(conn, alarm, reason, now)
    announce(conn, device, [change], now=now)
    return change


def assign_alarm(conn: Connection, alarm_id: int, case_id: int | None) -> None:
    """Note that ``case_id`` was opened for the alarm, until it is raised again; None: it needs a new one."""
    conn.execute(_CHANGE, {"id_": alarm_id, "case_id": case_id})


def release_alarms(conn: Connection, device_id: int, case_id: int) -> None:
    """Note that ``case_id`` ended without having treated its alarms: those still active need a new one."""
    treated = (alarms.c.device_id == device_id, alarms.c.case_id == case_id)
    conn.execute(update(alarms).where(*treated).values(case_id=None))


def acknowledge(conn: Connection, device: Device, alarm_id: int, *, who: str, now: float) -> Alarm:
    """Acknowledge an alarm in the name of ``who`` (TS 32.111-2 acknowledgeAlarms)."""
    lock(conn, device.id)
    alarm = _change(conn, alarm_id, ack_state="ACKNOWLEDGED", ack_user_id=who, ack_at=now)
    body = {**alarm_body(device, alarm), "ackState": "ACKNOWLEDGED", "ackUserId": who}
    notify(conn, device, "notifyAckStateChanged", body, to=told_apart(conn, alarm_id), now=now)
    return alarm


def _track_rings(
    conn: Connection, device: Device, events: Iterable[AlarmEvent], fresh: Sequence[AlarmEvent]
) -> bool:
    """Follow the rings of the event tables; True when an instance was jumped over.

    An event that is told again (it is not ``fresh``) goes back in the ring without loss.
    """
    rings: dict[str, int] = msgspec.json.decode(device.alarm_rings or "{}")
    suspect = False
    for event in events:
        last = rings.get(event.table)
        # The next instance, the first one after the ring's end, or the same one of a ring of one.
        suspect |= last is not None and event.instance not in (last, last + 1, 1) and event in fresh
        rings[event.table] = event.instance
    values: dict[str, Any] = {"alarm_rings": msgspec.json.encode(rings).decode()}
    if suspect:
        values["alarms_suspect"] = True
    conn.execute(_CHANGE_DEVICE, {"device": device.id, **values})
    return suspect


def reset_rings(conn: Connection, device: Device) -> None:
    """Forget where the rings stood: the device booted and its tables are empty, or they were read anew."""
    conn.execute(_CHANGE_DEVICE, {"device": device.id, "alarm_rings": "{}", "alarms_suspect": False})


def suspect_alarms(conn: Connection, device_id: int, *, suspect: bool) -> None:
    """Note whether the list may lack alarms of the device: its next Inform has them read anew."""
    conn.execute(_CHANGE_DEVICE, {"device": device_id, "alarms_suspect": suspect})


def find_alarm(conn: Connection, device_id: int, identifier: str) -> Alarm | None:
    """Return the alarm that the device knows by ``identifier``."""
    named = {"device": device_id, "identifier": identifier}
    row = conn.execute(_BY_IDENTIFIER, named).mappings().first()
    return alarm_from_row(row) if row else None


def get_alarm(conn: Connection, alarm_id: int) -> Alarm:
    """Return the alarm of this id; ``AcsError`` when there is none."""
    row = conn.execute(_BY_ID, {"id_": alarm_id}).mappings().first()
    if row is None:
        raise AcsError(f"there is no alarm {alarm_id}; see: acs alarms list")
    return alarm_from_row(row)


def active_alarms(conn: Connection, device_id: int) -> list[Alarm]:
    """Return the active alarms of a device, the oldest first."""
    return [alarm_from_row(row) for row in conn.execute(_ACTIVE, {"device": device_id}).mappings()]


def list_alarms(
    conn: Connection,
    *,
    device_id: int | None = None,
    state: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Alarm]:
    """Return alarms, the newest first; those with an id below ``before``."""
    query = select(alarms).order_by(alarms.c.id.desc()).limit(limit)
    if device_id is not None:
        query = query.where(alarms.c.device_id == device_id)
    if state is not None:
        query = query.where(alarms.c.state == state)
    if before is not None:
        query = query.where(alarms.c.id < before)
    return [alarm_from_row(row) for row in conn.execute(query).mappings()]
