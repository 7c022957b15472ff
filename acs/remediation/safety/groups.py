"""What is known of groups, as rows: their sizes, what became of their last cases, who paused them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from acs import alarms as al
from acs.remediation.safety.limits import Safety
from acs.remediation.safety.rules import FLEET, GroupState, Verdict, ended, stop_reason
from acs.store.tables import device_tags, devices, safety_counted, safety_groups

__all__ = ["Groups", "all_groups", "claim", "count_devices", "counts", "paused_groups", "prune_groups"]

BREAKER = "stop rule"
_SIZE_AGE = 300.0  # seconds a count of devices is good for
_CHUNK = 500
_FLEET = select(safety_groups.c.name).where(safety_groups.c.name == FLEET)
_CLAIM = _FLEET.with_for_update(skip_locked=True)
_BY_NAMES = select(safety_groups).where(safety_groups.c.name.in_(bindparam("names", expanding=True)))
_CHANGE = update(safety_groups).where(safety_groups.c.name == bindparam("group"))


def claim(conn: Connection) -> bool:
    """Take the right to give out slots until the transaction ends; False where somebody else has it.

    Nobody waits for it: whoever may hold devices must not, since the other one could be waiting for them.
    """
    if conn.execute(_FLEET).first() is None:
        conn.execute(insert(safety_groups).values(name=FLEET))
    return conn.execute(_CLAIM).first() is not None


def paused_groups(conn: Connection, names: Iterable[str] | None = None) -> dict[str, str]:
    """Return why groups are paused, by name; of these, or of all."""
    query = select(safety_groups).where(safety_groups.c.paused_at.is_not(None))
    if names is not None:
        query = query.where(safety_groups.c.name.in_(list(names)))
    return {row.name: why_paused(row.paused_by, row.paused_why) for row in conn.execute(query)}


def why_paused(who: str, why: str) -> str:
    """Return by whom and why in a few words."""
    return f"{who}: {why}" if why else who


def count_devices(conn: Connection, group: str) -> int:
    """Return how many devices a group has; 0 for a kind of cases."""
    kind, _, name = group.partition(":")
    query = select(func.count()).select_from(devices)
    if kind == "model":
        query = query.where(devices.c.product_class == name)
    elif kind == "version":
        model, _, version = name.partition(" ")
        query = query.where(devices.c.product_class == model, devices.c.software_version == version)
    elif kind in ("site", "group"):
        query = select(func.count()).select_from(device_tags)
        query = query.where(device_tags.c.kind == kind, device_tags.c.name == name)
    elif kind != FLEET:
        return 0
    return int(conn.execute(query).scalar_one())


def counts(conn: Connection, device_id: int, found: Verdict, rules: Safety, *, now: float) -> bool:
    """Tell whether a case of a device that ended like this counts for its groups, and note that it did.

    A device counts once within the windows of the stop rule and of the canaries. It may be in an attacker's
    hands, who has its cases fail so that nobody else is remedied, or succeed so that all are treated at once.
    For who has the ``claim`` alone.
    """
    mine = (safety_counted.c.device_id == device_id, safety_counted.c.verdict == found)
    last = conn.execute(select(safety_counted.c.at).where(*mine)).scalar()
    window = rules.stop.window if found == "bad" else max(rules.stop.window, rules.canary.memory)
    if last is not None and now < last + window:
        return False
    if last is None:
        conn.execute(insert(safety_counted).values(device_id=device_id, verdict=found, at=now))
    else:
        conn.execute(update(safety_counted).where(*mine).values(at=now))
    return True


class Groups:
    """What is known of the groups, read as it is needed; to be changed by who has the ``claim`` alone."""

    def __init__(self, conn: Connection, rules: Safety, *, now: float) -> None:
        self._conn, self._rules, self._now = conn, rules, now
        self._running: dict[str, int] = {}
        self._known: dict[str, GroupState] = {}
        self._rows: dict[str, Any] = {}
        self._changed: set[str] = set()

    def occupy(self, names: Iterable[str], slots: int = 1) -> None:
        """Count slots that are taken."""
        for name in names:
            self._running[name] = self._running.get(name, 0) + slots

    def states(self, names: Iterable[str]) -> dict[str, GroupState]:
        """Return what is known of these groups now."""
        wanted = list(names)
        self._load([name for name in wanted if name not in self._known])
        return {name: replace(self._known[name], running=self._running.get(name, 0)) for name in wanted}

    def _load(self, names: list[str]) -> None:
        for start in range(0, len(names), _CHUNK):
            found = self._conn.execute(_BY_NAMES, {"names": names[start : start + _CHUNK]})
            self._rows.update((row.name, row) for row in found)
        for name in names:
            row = self._rows.get(name)
            self._known[name] = GroupState(size=self._size(name, row)) if row is None else self._state(row)

    def _state(self, row: Any) -> GroupState:
        paused = why_paused(row.paused_by, row.paused_why) if row.paused_at is not None else ""
        recent = tuple(msgspec.json.decode(row.recent, type=list[tuple[float, int, int]]))
        size = self._size(row.name, row)
        return GroupState(0, size, row.succeeded, row.succeeded_at or 0.0, recent, paused)

    def _size(self, name: str, row: Any) -> int:
        """Return the number of devices, counted anew where that was long ago and where it matters."""
        limits = self._rules.limits
        limit = limits.get(name) or limits.get(name.partition(":")[0])
        if limit is None or limit.percent is None:
            return 0
        if row is not None and row.sized_at is not None and self._now < row.sized_at + _SIZE_AGE:
            return int(row.size)
        self._changed.add(name)
        return count_devices(self._conn, name)

    def note(self, names: Iterable[str], found: Verdict, *, system_dn: str) -> None:
        """Note how a case of these groups ended; stop a group where that was one failure too many."""
        wanted = list(names)
        self.states(wanted)
        for name in wanted if found else ():
            state = ended(self._known[name], found, self._rules, now=self._now)
            self._changed.add(name)
            why = stop_reason(state, self._rules.stop, now=self._now) if found == "bad" else ""
            if why and not state.paused:
                state = replace(state, paused=f"{BREAKER}: {why}")
                self._stop(name, why, system_dn=system_dn)
            self._known[name] = state

    def _stop(self, name: str, why: str, *, system_dn: str) -> None:
        self.save()
        values = {"paused_at": self._now, "paused_by": BREAKER, "paused_why": why, "automatic": True}
        self._ensure(name)
        self._conn.execute(update(safety_groups).where(safety_groups.c.name == name).values(**values))
        body = {
            "commentText": f"disruptive steps of {name} are stopped until somebody resumes them",
            "because": why,
            "systemDN": system_dn,
        }
        al.notify(self._conn, None, "notifyComments", body, now=self._now)

    def _ensure(self, name: str) -> None:
        if name in self._rows:
            return
        self._conn.execute(insert(safety_groups).values(name=name))
        self._rows[name] = None

    def save(self) -> None:
        """Write what has changed."""
        for name in sorted(self._changed):
            state = self._known.get(name)
            if state is None:  # counted while it is being read
                continue
            self._ensure(name)
            values = {
                "size": state.size,
                "sized_at": self._now,
                "succeeded": state.succeeded,
                "succeeded_at": state.succeeded_at or None,
                "recent": msgspec.json.encode(state.recent).decode(),
            }
            self._conn.execute(_CHANGE, {"group": name, **values})
        self._changed.clear()


def all_groups(conn: Connection) -> list[dict[str, Any]]:
    """Return the rows of all groups that anything is known of, by name."""
    return [
        dict(row) for row in conn.execute(select(safety_groups).order_by(safety_groups.c.name)).mappings()
    ]


def prune_groups(conn: Connection, *, before: float, limit: int) -> int:
    """Forget groups that nobody paused and no case of which ended since then; return how many."""
    idle = func.coalesce(safety_groups.c.sized_at, 0.0) < before
    query = select(safety_groups.c.name).where(
        safety_groups.c.paused_at.is_(None), idle, safety_groups.c.name != FLEET
    )
    names = list(conn.execute(query.limit(limit)).scalars())
    if names:
        conn.execute(delete(safety_groups).where(safety_groups.c.name.in_(names)))
    return len(names)
