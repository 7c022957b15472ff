"""What takes two persons: who said it first, until another one says the same."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select

from acs.devices.audit import audit
from acs.errors import AcsError
from acs.store.tables import approvals

__all__ = ["forget_approvals", "person", "second_person"]


def second_person(
    conn: Connection, subject: str, action: str, *, what: str, who: str, why: str, now: float
) -> tuple[str, str] | None:
    """Return who said the same before, and why; None where this is the first, which is then kept.

    ``subject``: what it is about, exactly; ``what``: as the audit calls it. Kept in the audit. Raises
    ``AcsError`` where it is the same person again.
    """
    mine = approvals.c.subject == subject, approvals.c.action == action
    row = conn.execute(select(approvals.c.who, approvals.c.why).where(*mine)).first()
    if row is None:
        values = {"subject": subject, "action": action, "who": who, "why": why, "asked_at": now}
        conn.execute(insert(approvals).values(values))
        audit(conn, who, f"{action} asked for", what, why, now=now)
        return None
    if person(row.who) == person(who):
        raise AcsError(f"{action} {what} needs a second person's approval, not {who}'s again")
    conn.execute(delete(approvals).where(*mine))
    return str(row.who), str(row.why)


def person(who: str) -> str:
    """Return whose name stands in ``NAME@cli`` or ``NAME@token-7``: two tokens do not make two persons."""
    return (who.rpartition("@")[0] or who).strip().casefold()


def forget_approvals(conn: Connection, *, before: float) -> None:
    """Forget what nobody said a second time since then."""
    conn.execute(delete(approvals).where(approvals.c.asked_at < before))
