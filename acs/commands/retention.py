"""Forgetting commands that were settled long ago."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from acs.store.tables import commands

__all__ = ["prune_commands"]

_SETTLED = ("succeeded", "failed", "expired", "cancelled")


def prune_commands(conn: Connection, *, before: float, limit: int) -> int:
    """Delete up to ``limit`` commands of no case that were settled before then; return how many.

    The commands of a case go with their case.
    """
    old = (
        select(commands.c.id)
        .where(commands.c.case_id.is_(None), commands.c.state.in_(_SETTLED), commands.c.settled_at < before)
        .limit(limit)
    )
    return conn.execute(delete(commands).where(commands.c.id.in_(old))).rowcount
