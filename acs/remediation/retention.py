"""Forgetting cases that were closed long ago, with their journals and commands."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from acs import devices as dev
from acs.store.tables import cases, commands, journal, playbook_runs

__all__ = ["prune_cases"]


def prune_cases(conn: Connection, *, before: float, limit: int) -> int:
    """Delete up to ``limit`` cases that were closed before then; return how many."""
    query = select(cases.c.id).where(cases.c.state == "closed", cases.c.closed_at < before).limit(limit)
    old = [row.id for row in conn.execute(query)]
    if not old:
        return 0
    dev.forget_approvals(conn, before=before)
    mine = playbook_runs.c.case_id.in_(old) | playbook_runs.c.parent_case.in_(old)
    conn.execute(delete(playbook_runs).where(mine, playbook_runs.c.state == "ended"))
    conn.execute(delete(journal).where(journal.c.case_id.in_(old)))
    conn.execute(delete(commands).where(commands.c.case_id.in_(old)))
    return conn.execute(delete(cases).where(cases.c.id.in_(old))).rowcount
