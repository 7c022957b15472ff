"""The audit record: who did what to whom, each entry chained to the one before by its hash."""

from __future__ import annotations

import hashlib

import msgspec
from sqlalchemy import Connection, insert, select, text

from acs.store.tables import audit as table

__all__ = ["GENESIS", "audit", "audit_seldom", "digest", "verify_audit"]

GENESIS = "0" * 64
"""What comes before the first entry."""


def digest(previous: str, at: float, *texts: str) -> str:
    """Return the hash of an entry that follows one of hash ``previous``."""
    return hashlib.sha256(msgspec.json.encode((previous, float(at), *texts))).hexdigest()


def audit(conn: Connection, who: str, action: str, target: str, detail: str = "", *, now: float) -> None:
    """Append an entry in this transaction."""
    if conn.dialect.name == "postgresql":  # SQLite has one writer anyway
        conn.execute(text("SELECT pg_advisory_xact_lock(7202070)"))
    last = conn.execute(select(table.c.hash).order_by(table.c.id.desc()).limit(1)).scalar()
    previous = last or GENESIS
    conn.execute(
        insert(table).values(
            at=now,
            who=who,
            action=action,
            target=target,
            detail=detail,
            previous_hash=previous,
            hash=digest(previous, now, who, action, target, detail),
        )
    )


def audit_seldom(
    conn: Connection,
    who: str,
    action: str,
    target: str,
    detail: str,
    *,
    now: float,
    interval: float = 3600,
    most: int = 1,
) -> bool:
    """Append an entry unless there are ``most`` of this action and target within ``interval`` seconds.

    For what a device may say as often as it likes: the record can't be cut, and its writers wait for
    one another. What is there already, word for word, is not said again either.
    """
    same = (table.c.target == target, table.c.action == action)
    query = select(table.c.at, table.c.detail).where(*same).order_by(table.c.id.desc()).limit(most)
    lately = [row.detail for row in conn.execute(query) if now - row.at < interval]
    if len(lately) == most or detail in lately:
        return False
    audit(conn, who, action, target, detail, now=now)
    return True


def verify_audit(conn: Connection) -> int | None:
    """Return the id of the first entry that was altered or whose predecessor is gone, else None."""
    previous = GENESIS
    for row in conn.execute(select(table).order_by(table.c.id)):
        expected = digest(previous, row.at, row.who, row.action, row.target, row.detail)
        if row.previous_hash != previous or row.hash != expected:
            return int(row.id)
        previous = row.hash
    return None
