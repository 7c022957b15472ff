"""What people see of the limits, and how they pause and resume groups."""

from __future__ import annotations

from collections import Counter

import msgspec
from sqlalchemy import Connection, insert, select, update

from acs import devices as dev
from acs.errors import AcsError
from acs.remediation.safety.by_hand import SentByHand, sent_by_hand
from acs.remediation.safety.groups import Groups, all_groups, count_devices, why_paused
from acs.remediation.safety.limits import KINDS, Safety
from acs.remediation.safety.rules import FLEET, limit_of
from acs.remediation.safety.slots import TOPIC
from acs.store import signal
from acs.store.tables import cases, devices, safety_groups, safety_slots

__all__ = ["GroupView", "HeldCase", "Overview", "overview", "pause", "resume"]

_MOST_NAME = 250


class GroupView(msgspec.Struct, frozen=True):
    """A group as it is now; ``limit`` None: as many as want may be treated at once.

    ``good`` and ``bad``: how its cases ended within the window of the stop rule. ``paused``: by whom and why;
    ``automatic``: by the stop rule.
    """

    name: str
    devices: int
    running: int
    waiting: int
    limit: int | None
    because: str
    good: int
    bad: int
    paused: str
    automatic: bool


class HeldCase(msgspec.Struct, frozen=True):
    """A case whose next step waits, since ``since``, for ``because``."""

    case: int
    device: str
    since: float
    because: str


class Overview(msgspec.Struct, frozen=True):
    """How many cases are being treated disruptively, how many wait, the groups, and the first in the line.

    ``by_hand``: what people sent, at devices that no such case treats; it counts in the groups.
    """

    running: int
    waiting: int
    groups: list[GroupView]
    held: list[HeldCase]
    by_hand: list[SentByHand]


def overview(conn: Connection, rules: Safety, *, now: float, limit: int = 50) -> Overview:
    """Return what is going on; ``limit`` is that of the cases in the line, the next one first."""
    board, waiting, total, lined = Groups(conn, rules, now=now), Counter[str](), Counter[str](), set[str]()
    query = (
        select(safety_slots.c.state, safety_slots.c.groups, cases.c.device_id)
        .join(cases, cases.c.id == safety_slots.c.case_id)
        .where(safety_slots.c.state != "ended")
    )
    treated = set()
    for row in conn.execute(query):
        names = msgspec.json.decode(row.groups, type=list[str])
        lined.update(names)
        total[row.state] += 1
        if row.state == "held":
            waiting.update(names)
        else:
            treated.add(row.device_id)
            board.occupy(names)
    by_hand = sent_by_hand(conn, rules, without=treated, now=now)
    for each in by_hand:
        lined.update(each.groups)
        board.occupy(each.groups)
    known = {row["name"]: row for row in all_groups(conn)}
    names = sorted({FLEET, *lined, *known})
    found = []
    for name, state in board.states(names).items():
        kept = known.get(name, {})
        allowed = limit_of(name, state, rules, now=now)
        recent = [each for each in state.recent if each[0] > now - rules.stop.window]
        found.append(
            GroupView(
                name,
                state.size,
                state.running,
                waiting[name],
                allowed[0] if allowed else None,
                allowed[1] if allowed else "",
                sum(each[1] for each in recent),
                sum(each[2] for each in recent),
                state.paused,
                bool(kept.get("automatic")),
            )
        )
    running = total["granted"] + total["running"]
    return Overview(running, total["held"], found, _held(conn, limit), by_hand[:limit])


def _held(conn: Connection, limit: int) -> list[HeldCase]:
    query = (
        select(safety_slots.c.case_id, devices.c.device_key, safety_slots.c.asked_at, safety_slots.c.reason)
        .join(cases, cases.c.id == safety_slots.c.case_id)
        .join(devices, devices.c.id == cases.c.device_id)
        .where(safety_slots.c.state == "held")
        .order_by(safety_slots.c.urgency, safety_slots.c.asked_at, safety_slots.c.id)
        .limit(limit)
    )
    return [HeldCase(*row) for row in conn.execute(query)]


def pause(conn: Connection, group: str, *, who: str, why: str, now: float) -> int | None:
    """Let no disruptive step begin in a group until somebody resumes it; kept in the audit.

    Returns how many devices it has now, None for a kind of cases. What was handed to devices already goes on.
    Raises ``AcsError`` without a reason, for what is no group, and for one that is paused.
    """
    kind, _, rest = group.partition(":")
    if (kind not in (*KINDS, "kind") or bool(rest) == (kind == FLEET)) or len(group) > _MOST_NAME:
        raise AcsError(f"{group[:80]!r} is no group; say fleet or, for example, site:NAME or model:NAME")
    if not why.strip():
        raise AcsError("a pause needs a reason; say why")
    row = conn.execute(select(safety_groups).where(safety_groups.c.name == group)).mappings().first()
    if row is not None and row["paused_at"] is not None:
        raise AcsError(f"{group} is paused already: {why_paused(row['paused_by'], row['paused_why'])}")
    if row is None:
        conn.execute(insert(safety_groups).values(name=group))
    values = {"paused_at": now, "paused_by": who, "paused_why": why, "automatic": False}
    conn.execute(update(safety_groups).where(safety_groups.c.name == group).values(**values))
    dev.audit(conn, who, "disruptive steps paused", group, why, now=now)
    signal(conn, TOPIC)
    return None if kind == "kind" else count_devices(conn, group)


def resume(conn: Connection, group: str, *, who: str, why: str, now: float) -> None:
    """Let disruptive steps begin again, in order; failures so far count no longer. Kept in the audit.

    Raises ``AcsError`` without a reason, and for a group that is not paused.
    """
    if not why.strip():
        raise AcsError("to resume needs a reason; say why")
    mine = (safety_groups.c.name == group, safety_groups.c.paused_at.is_not(None))
    values = {"paused_at": None, "paused_by": "", "paused_why": "", "automatic": False, "recent": "[]"}
    if not conn.execute(update(safety_groups).where(*mine).values(**values)).rowcount:
        raise AcsError(f"{group[:80]} is not paused; see: acs safety show")
    dev.audit(conn, who, "disruptive steps resumed", group, why, now=now)
    signal(conn, TOPIC)
