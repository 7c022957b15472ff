"""Notifications for the Type 2 interface, written in the transaction of what they tell (TS 28.532)."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, bindparam, delete, insert, select

from acs.alarms.model import Alarm
from acs.devices import Device
from acs.store import signal
from acs.store.tables import deliveries, outbox
from acs.subscriptions import fan_out

__all__ = ["alarm_body", "notify"]

_ADD = insert(outbox).returning(outbox.c.id)
MAX_KEPT = 10_000
"""The most notifications about one device that are kept when all who wanted them have been told."""
_NOW_AND_THEN = 100  # notifications after which that is looked at
_OLD = (
    select(outbox.c.id)
    .where(outbox.c.device_id == bindparam("device"))
    .order_by(outbox.c.id.desc())
    .offset(MAX_KEPT)
    .limit(1)
)


def notify(
    conn: Connection,
    device: Device | None,
    notification_type: str,
    body: dict[str, Any],
    *,
    to: Literal["all", "marking", "holding"] = "all",
    now: float,
) -> None:
    """Put one notification in the outbox: delivered at least once, in order per device.

    ``to``: all subscriptions, those that are told of what is held back, or those that are not.

    Whoever changes an alarm holds the lock on its device, so that numbers come in the order of commits.
    """
    device_id = device.id if device else None
    text = msgspec.json.encode({"notificationType": notification_type, "eventTime": now, **body}).decode()
    values = {"device_id": device_id, "notification_type": notification_type, "body": text, "created_at": now}
    made = conn.execute(_ADD, values).scalar_one()
    if device_id is not None and made % _NOW_AND_THEN == 0:
        _forget(conn, device_id)
    fan_out(conn, made, device_id, notification_type, body, to=to)
    signal(conn, "outbox", str(device.id) if device else "")


def _forget(conn: Connection, device_id: int) -> None:
    """Forget the oldest notifications about a device that nobody is to be told: it may cause any number."""
    last = conn.execute(_OLD, {"device": device_id}).scalar()
    if last is not None:
        waiting = select(deliveries.c.outbox_id).where(deliveries.c.outbox_id == outbox.c.id)
        mine = outbox.c.device_id == device_id
        conn.execute(delete(outbox).where(mine, outbox.c.id <= last, ~waiting.exists()))


def alarm_body(device: Device, alarm: Alarm) -> dict[str, Any]:
    """Return the body of a notification about ``alarm``.

    A security alarm bears serviceUser, serviceProvider and securityAlarmDetector and has its
    SpecificProblem in additionalInformation, as NotifyNewSecAlarm wants it (TS 28.532).
    """
    managed = f"ManagedElement={device.device_key}"
    body: dict[str, Any] = {
        "alarmId": f"{device.device_key}:{alarm.alarm_identifier}",
        "objectInstance": alarm.managed_object_instance or managed,
        "alarmType": alarm.event_type,
        "probableCause": alarm.probable_cause,
        "perceivedSeverity": alarm.perceived_severity,
        "additionalText": alarm.additional_text,
    }
    if alarm.security:
        body |= {
            "serviceUser": _field(alarm.additional_information, "user") or "unknown",
            "serviceProvider": managed,
            "securityAlarmDetector": alarm.detector,
            "additionalInformation": {"specificProblem": alarm.specific_problem},
        }
    else:
        body["specificProblem"] = alarm.specific_problem
    return body


def _field(text: str, name: str) -> str:
    """Return the value of ``name`` in ``a=1;b=2`` or ``a=1|b=2``."""
    for part in text.replace("|", ";").split(";"):
        key, _, value = part.partition("=")
        if key.strip() == name:
            return value.strip()
    return ""
