"""Who was refused: from where, how often, when first and last, and why. Bounded, and seldom written."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, delete, func, insert, select, update

from acs.store.tables import refusals as table

__all__ = ["Refusal", "Refusals", "list_refusals", "note_refusals"]

MAX_ROWS = 10_000
"""The most rows that are kept; those that were refused longest ago make room."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Refusals of one claimed identity from one address for one reason; times in seconds since the epoch."""

    claimed: str
    address: str
    reason: str
    detail: str
    count: int
    first_at: float
    last_at: float


class Refusals:
    """Gathers refusals in memory between two writes, so that whoever is refused causes few of them.

    Of more than ``capacity`` distinct ones the rest is counted by address, and beyond as many addresses not.
    """

    def __init__(self, *, capacity: int = 2000) -> None:
        self._capacity = capacity
        self._found: OrderedDict[tuple[str, str, str], Refusal] = OrderedDict()

    def add(self, claimed: str, address: str, reason: str, detail: str, *, now: float) -> None:
        """Count one. What strangers write is cut and cleaned."""
        claimed, detail = _clean(claimed, 100), _clean(detail, 300)
        key = (claimed, address[:64], reason)
        if key not in self._found and len(self._found) >= self._capacity:
            key = ("(many)", address[:64], reason)
            if key not in self._found and len(self._found) >= 2 * self._capacity:
                return
        before = self._found.get(key)
        if before is None:
            self._found[key] = Refusal(*key, detail, 1, now, now)
        else:
            self._found[key] = replace(before, detail=detail, count=before.count + 1, last_at=now)

    def take(self) -> list[Refusal]:
        """Return what was gathered and forget it."""
        found = list(self._found.values())
        self._found.clear()
        return found


def _clean(text: str, longest: int) -> str:
    return "".join(c if c.isprintable() else "\ufffd" for c in text[:longest])


def note_refusals(conn: Connection, found: Sequence[Refusal]) -> None:
    """Add to what is stored; the rows that were refused longest ago make room."""
    for each in found:
        same = (
            table.c.claimed == each.claimed,
            table.c.address == each.address,
            table.c.reason == each.reason,
        )
        changed = conn.execute(
            update(table)
            .where(*same)
            .values(count=table.c.count + each.count, detail=each.detail, last_at=each.last_at)
        )
        if not changed.rowcount:
            conn.execute(
                insert(table).values(
                    claimed=each.claimed,
                    address=each.address,
                    reason=each.reason,
                    detail=each.detail,
                    count=each.count,
                    first_at=each.first_at,
                    last_at=each.last_at,
                )
            )
    over = conn.execute(select(func.count()).select_from(table)).scalar_one() - MAX_ROWS
    if over > 0:
        oldest = select(table.c.last_at).order_by(table.c.last_at).offset(over - 1).limit(1)
        conn.execute(delete(table).where(table.c.last_at <= conn.execute(oldest).scalar_one()))


def list_refusals(
    conn: Connection, *, since: float = 0.0, claimed: str = "", limit: int = 100
) -> list[Refusal]:
    """Return refusals, the latest first."""
    query = select(table).where(table.c.last_at >= since).order_by(table.c.last_at.desc()).limit(limit)
    if claimed:
        query = query.where(table.c.claimed == claimed)
    return [Refusal(**row) for row in conn.execute(query).mappings()]
