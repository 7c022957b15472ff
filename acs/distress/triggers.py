"""Triggers as rows: asked for by a case in its transaction, sent by the one node that claims them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, delete, func, insert, or_, select, update

from acs.devices import Device
from acs.distress.paths import Path
from acs.store import signal
from acs.store.tables import devices, distress_triggers

__all__ = [
    "CLAIM",
    "DueTrigger",
    "claim_triggers",
    "due_triggers",
    "last_result",
    "prune_triggers",
    "request_trigger",
    "trigger_sent",
]

_HOUR = 3600.0
_PATIENCE = 60.0  # seconds after which a trigger that was not sent is of no use to its case
CLAIM = 30.0
"""Seconds after which a claimed trigger is another node's, since its own has died; sending takes less."""


@dataclass(frozen=True, slots=True)
class DueTrigger:
    """A trigger that waits to be sent."""

    id: int
    device_id: int
    device_key: str
    kind: str
    method: str
    address: str
    requested_at: float


def request_trigger(
    conn: Connection, device: Device, path: Path, *, case_id: int | None, hourly: int, now: float
) -> int | None:
    """Have a trigger sent over ``path``; return its id, None when the device had ``hourly`` within the hour.

    It tells the device nothing but to come (S1 L54).
    """
    recent = select(func.count()).where(
        distress_triggers.c.device_id == device.id, distress_triggers.c.requested_at > now - _HOUR
    )
    if conn.execute(recent).scalar_one() >= hourly:
        return None
    made = conn.execute(
        insert(distress_triggers)
        .values(
            device_id=device.id,
            case_id=case_id,
            kind=path.kind,
            method=path.method,
            address=path.address,
            requested_at=now,
        )
        .returning(distress_triggers.c.id)
    )
    signal(conn, "distress", str(device.id))
    return int(made.scalar_one())


def due_triggers(conn: Connection, *, now: float, limit: int) -> list[DueTrigger]:
    """Return the triggers to send, the oldest first.

    Those are left out that are too old, of blocked devices, or claimed by a node that may be at work.
    """
    return [DueTrigger(**row) for row in conn.execute(_due(now).limit(limit)).mappings()]


def claim_triggers(conn: Connection, *, now: float, limit: int) -> list[DueTrigger]:
    """Take triggers to send; until ``CLAIM`` seconds have passed nobody else is given them."""
    query = _due(now).limit(limit).with_for_update(of=distress_triggers, skip_locked=True)
    found = [DueTrigger(**row) for row in conn.execute(query).mappings()]
    if found:
        taken = distress_triggers.c.id.in_([each.id for each in found])
        conn.execute(update(distress_triggers).where(taken).values(claimed_at=now))
    return found


def _due(now: float) -> Select[Any]:
    columns = (distress_triggers.c[name] for name in ("id", "device_id", "kind", "method", "address"))
    claimed = distress_triggers.c.claimed_at
    return (
        select(*columns, distress_triggers.c.requested_at, devices.c.device_key)
        .join_from(distress_triggers, devices, devices.c.id == distress_triggers.c.device_id)
        .where(
            distress_triggers.c.sent_at.is_(None),
            distress_triggers.c.requested_at > now - _PATIENCE,
            or_(claimed.is_(None), claimed <= now - CLAIM),
            devices.c.admission != "blocked",
        )
        .order_by(distress_triggers.c.id)
    )


def trigger_sent(conn: Connection, trigger_id: int, result: str, *, now: float) -> None:
    """Note what came of a trigger."""
    where = distress_triggers.c.id == trigger_id
    conn.execute(update(distress_triggers).where(where).values(sent_at=now, result=result[:200]))


def last_result(conn: Connection, case_id: int) -> str:
    """Return what came of the last trigger of a case, in a few words, empty where it was not sent yet."""
    mine = distress_triggers.c.case_id == case_id
    query = select(distress_triggers.c.result).where(mine).order_by(distress_triggers.c.id.desc()).limit(1)
    return str(conn.execute(query).scalar() or "")


def prune_triggers(conn: Connection, *, before: float, limit: int) -> int:
    """Delete up to ``limit`` triggers that were asked for before then; return how many."""
    old = select(distress_triggers.c.id).where(distress_triggers.c.requested_at < before).limit(limit)
    ids = [row.id for row in conn.execute(old)]
    if not ids:
        return 0
    return conn.execute(delete(distress_triggers).where(distress_triggers.c.id.in_(ids))).rowcount
