"""Forgetting alarms that ended long ago, their events, and notifications that nobody waits for."""

from __future__ import annotations

from sqlalchemy import Column, Connection, Table, and_, delete, select

from acs.store.tables import alarm_events, alarms, deliveries, outbox

__all__ = ["prune_alarms"]


def prune_alarms(conn: Connection, *, before: float, limit: int) -> int:
    """Delete up to ``limit`` rows of each kind that are older than ``before``; return how many in all.

    Active alarms stay, however old. A notification stays while it waits for a subscription, or
    is among what was given up.
    """
    ended = and_(alarms.c.state == "cleared", alarms.c.cleared_at < before)
    waiting = select(deliveries.c.outbox_id).where(deliveries.c.outbox_id == outbox.c.id)
    told = and_(outbox.c.created_at < before, ~waiting.exists())
    return (
        _prune(conn, alarms, alarms.c.id, ended, limit)
        + _prune(conn, alarm_events, alarm_events.c.id, alarm_events.c.received_at < before, limit)
        + _prune(conn, outbox, outbox.c.id, told, limit)
    )


def _prune(conn: Connection, table: Table, key: Column[int], old: object, limit: int) -> int:
    found = select(key).where(old).limit(limit)  # type: ignore[arg-type] # any SQL condition
    return conn.execute(delete(table).where(key.in_(found))).rowcount
