"""Silences: for a while managers are not told of alarms that somebody knows of. Functions of a connection.

A silence has matchers, an author, a reason and an end. It is kept for a while when it has ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec
from sqlalchemy import Connection, RowMapping, bindparam, delete, func, insert, or_, select, update

from acs import devices as dev
from acs.alarms.matchers import Matcher, parse_matcher, parse_matchers
from acs.errors import AcsError
from acs.store import signal
from acs.store.tables import silences as table

__all__ = [
    "LONGEST",
    "LONGEST_GRAVE",
    "Silence",
    "add_silence",
    "approve_silence",
    "expire_silence",
    "find_silence",
    "list_silences",
    "prune_silences",
    "silences_in_force",
]

LONGEST = 30 * 86_400.0
"""Seconds that a silence may last."""
LONGEST_GRAVE = 7 * 86_400.0
"""Seconds that one may last that is about critical security alarms too."""
MOST = 500
"""Silences that have not ended: each is looked at for each alarm."""
_FURTHEST = 90 * 86_400.0  # how far ahead one may begin
_LONGEST_WHY = 1000
_IN_FORCE = (
    select(table)
    .where(
        table.c.ends_at > bindparam("now"),
        table.c.starts_at <= bindparam("now"),
        or_(table.c.grave.is_(False), table.c.approved_at.is_not(None)),
    )
    .order_by(table.c.id)
)


@dataclass(frozen=True, slots=True)
class Silence:
    """Which alarms are not told to managers, from when until when (seconds since the epoch), by whom and why.

    ``grave``: also critical security alarms, and those for which the device is blocked (P3); such a silence
    has no effect before a second person approved it.
    """

    id: int
    matchers: tuple[Matcher, ...]
    who: str
    why: str
    created_at: float
    starts_at: float
    ends_at: float
    hold_remediation: bool
    grave: bool
    approved_by: str
    approved_why: str
    approved_at: float | None
    expired_by: str

    def state(self, now: float) -> Literal["asked", "pending", "active", "expired"]:
        """``asked``: it waits for a second person; ``pending``: for its beginning."""
        if now >= self.ends_at:
            return "expired"
        if self.grave and self.approved_at is None:
            return "asked"
        return "pending" if now < self.starts_at else "active"


def _silence(row: RowMapping) -> Silence:
    texts = msgspec.json.decode(row["matchers"], type=list[str])
    return Silence(**{**row, "matchers": tuple(parse_matcher(each) for each in texts)})


def add_silence(
    conn: Connection,
    matchers: list[str],
    *,
    who: str,
    why: str,
    starts_at: float,
    ends_at: float,
    hold_remediation: bool = False,
    grave: bool = False,
    now: float,
) -> Silence:
    """Make a silence, kept in the audit. Raises ``AcsError`` for what makes no sense.

    With ``grave`` it waits for ``approve_silence`` by another person.
    """
    parsed = parse_matchers(matchers)
    if not why.strip() or len(why) > _LONGEST_WHY:
        raise AcsError(f"a silence needs a reason of at most {_LONGEST_WHY} characters; say why")
    starts_at = max(starts_at, now)
    if not ends_at > starts_at:
        raise AcsError("a silence ends after it begins, and in the future")
    longest = LONGEST_GRAVE if grave else LONGEST
    if not ends_at - starts_at <= longest:
        raise AcsError(
            f"a silence lasts at most {longest / 86_400:.0f} days"
            f"{' where it is about critical security alarms' if grave else ''}; it can be made anew"
        )
    if starts_at > now + _FURTHEST:
        raise AcsError(f"a silence begins within {_FURTHEST / 86_400:.0f} days")
    alive = select(func.count()).select_from(table).where(table.c.ends_at > now)
    if conn.execute(alive).scalar_one() >= MOST:
        raise AcsError(f"there are {MOST} silences; expire one: acs alarms silence expire")
    values = {
        "matchers": msgspec.json.encode([str(each) for each in parsed]).decode(),
        "who": who,
        "why": why,
        "created_at": now,
        "starts_at": starts_at,
        "ends_at": ends_at,
        "hold_remediation": hold_remediation,
        "grave": grave,
    }
    row = conn.execute(insert(table).values(values).returning(table)).mappings().one()
    made = _silence(row)
    _note(conn, made, who, "silence asked for" if grave else "silence added", why, now=now)
    return made


def _note(conn: Connection, silence: Silence, who: str, what: str, why: str, *, now: float) -> None:
    about = " ".join(str(each) for each in silence.matchers)
    dev.audit(conn, who, what, f"silence {silence.id}", f"{about}: {why}"[:2000], now=now)
    signal(conn, "silences", str(silence.id))


def _alive(conn: Connection, number: int, *, now: float) -> Silence:
    row = conn.execute(select(table).where(table.c.id == number).with_for_update()).mappings().first()
    if row is None:
        raise AcsError(f"there is no silence {number}; see: acs alarms silence list")
    found = _silence(row)
    if found.state(now) == "expired":
        raise AcsError(f"silence {number} has ended")
    return found


def approve_silence(conn: Connection, number: int, *, who: str, why: str, now: float) -> Silence:
    """Approve, as a second person, a silence of critical security alarms. Raises ``AcsError``."""
    found = _alive(conn, number, now=now)
    if found.state(now) != "asked":
        raise AcsError(f"silence {number} waits for no approval")
    if not why.strip() or len(why) > _LONGEST_WHY:
        raise AcsError(f"an approval needs a reason of at most {_LONGEST_WHY} characters; say why")
    if dev.person(found.who) == dev.person(who):
        raise AcsError(f"silence {number} needs a second person's approval, not {who}'s again")
    values = {"approved_by": who, "approved_why": why, "approved_at": now}
    conn.execute(update(table).where(table.c.id == number).values(values))
    _note(conn, found, who, "silence approved", why, now=now)
    return _alive(conn, number, now=now)


def expire_silence(conn: Connection, number: int, *, who: str, why: str = "", now: float) -> Silence:
    """End a silence now. Raises ``AcsError`` where there is none, or it has ended."""
    found = _alive(conn, number, now=now)
    values = {"ends_at": now, "starts_at": min(found.starts_at, now), "expired_by": who}
    conn.execute(update(table).where(table.c.id == number).values(values))
    _note(conn, found, who, "silence expired", why or "ended before its time", now=now)
    ended = find_silence(conn, number)
    assert ended is not None
    return ended


def find_silence(conn: Connection, number: int) -> Silence | None:
    """Return a silence; None where there is none of this number."""
    row = conn.execute(select(table).where(table.c.id == number)).mappings().first()
    return _silence(row) if row else None


def list_silences(
    conn: Connection, *, now: float, ended: bool = False, before: int | None = None, limit: int = 100
) -> list[Silence]:
    """Return silences, the newest first; those that ended too where asked for."""
    query = select(table).order_by(table.c.id.desc()).limit(limit)
    if not ended:
        query = query.where(table.c.ends_at > now)
    if before is not None:
        query = query.where(table.c.id < before)
    return [_silence(row) for row in conn.execute(query).mappings()]


def silences_in_force(conn: Connection, *, now: float) -> list[Silence]:
    """Return the silences that have an effect now, by number."""
    return [_silence(row) for row in conn.execute(_IN_FORCE, {"now": now}).mappings()]


def prune_silences(conn: Connection, *, before: float, limit: int) -> int:
    """Forget up to ``limit`` silences that ended before then; return how many. The audit keeps them."""
    old = select(table.c.id).where(table.c.ends_at < before).limit(limit)
    return conn.execute(delete(table).where(table.c.id.in_(old))).rowcount
