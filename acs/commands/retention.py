"""Giving up commands whose time is over, and forgetting those that were settled long ago."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from acs.commands.model import Command
from acs.commands.queue import expire
from acs.store.tables import command_is_open, commands

__all__ = ["expire_overdue", "prune_commands"]

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


def expire_overdue(conn: Connection, *, now: float, limit: int) -> list[Command]:
    """Give up to ``limit`` open commands of no case up whose time is over; return them.

    So an accepted Reboot of a device that never came back does not stand in the way for ever. For the
    commands of a case, its own deadlines do that.
    """
    overdue = (
        select(commands.c.id)
        .where(command_is_open, commands.c.case_id.is_(None), commands.c.expires_at <= now)
        .limit(limit)
    )
    found = list(conn.execute(overdue).scalars())
    given_up = (expire(conn, command_id, now=now) for command_id in found)
    return [each for each in given_up if each is not None]
