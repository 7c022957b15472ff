"""Slots: which cases may disturb their device now, and which wait in line.

A slot is a row, taken when a case begins its first disruptive step and freed when the case ends, is set aside
or has kept it too long. That of a closed case counts for nothing: whatever happens to a node, nothing leaks.
Slots are given out by whoever has the ``claim``; who does not get it leaves its row in the line, and the
clock of remediation looks after it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import (
    Connection,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    tuple_,
    union_all,
    update,
)

from acs.remediation.safety.by_hand import sent_by_hand
from acs.remediation.safety.groups import Groups, claim, counts, paused_groups
from acs.remediation.safety.limits import Safety
from acs.remediation.safety.rules import FLEET, GroupState, Hold, Verdict, closed, may_begin, may_go_on
from acs.store import signal
from acs.store.tables import cases, safety_counted, safety_slots

__all__ = [
    "TOPIC",
    "ask",
    "end_slot",
    "give_out",
    "granted_cases",
    "held_cases",
    "in_line",
    "look_again_at",
    "push_back",
    "slot_state",
]

TOPIC = "safety"
"""What is signalled when a slot was freed or given out, or somebody waits for one."""
_PAGE = 64
_MANY = 500  # groups that are left out by name
# Written with literals, as in the indexes: with parameters SQLite would not use a partial index.
_OPEN = safety_slots.c.state.in_([literal_column(f"'{word}'") for word in ("held", "granted", "running")])
_HELD = safety_slots.c.state == literal_column("'held'")
_TAKEN = safety_slots.c.state != literal_column("'held'")
_OF_CASE = select(safety_slots).where(safety_slots.c.case_id == bindparam("case"), _OPEN)
_STATE = select(safety_slots.c.state).where(safety_slots.c.case_id == bindparam("case"), _OPEN)
_BEHIND = 10  # places, more than there are urgencies
_DEVICE = select(cases.c.device_id).where(cases.c.id == bindparam("case")).scalar_subquery()
_TREATED = union_all(  # as was noted, or will be as soon as the slot that it had is settled
    select(safety_counted.c.device_id).where(
        safety_counted.c.device_id == _DEVICE, safety_counted.c.at > bindparam("since")
    ),
    select(cases.c.device_id)
    .join(safety_slots, safety_slots.c.case_id == cases.c.id)
    .where(cases.c.device_id == _DEVICE, safety_slots.c.state == literal_column("'ended'")),
)
_ASK = insert(safety_slots).returning(safety_slots.c.id)
_CHANGE = update(safety_slots).where(safety_slots.c.id == bindparam("id_"))
_FREED = (
    select(safety_slots.c.id, safety_slots.c.groups, safety_slots.c.verdict, cases.c.device_id)
    .join(cases, cases.c.id == safety_slots.c.case_id)
    .where(
        _TAKEN,
        or_(
            safety_slots.c.state == literal_column("'ended'"),
            cases.c.state == literal_column("'closed'"),
            safety_slots.c.granted_at <= bindparam("before"),
        ),
    )
    .order_by(safety_slots.c.id)
)
_DISTURBED = select(cases.c.device_id).join(safety_slots, safety_slots.c.case_id == cases.c.id).where(_TAKEN)
_COUNTED = (
    select(safety_slots.c.groups, func.count().label("many")).where(_TAKEN).group_by(safety_slots.c.groups)
)


def ask(
    conn: Connection,
    case_id: int,
    groups: Iterable[str],
    *,
    urgency: int,
    rules: Safety,
    system_dn: str,
    now: float,
) -> Hold | None:
    """Return None when a case may begin a disruptive step now, or why it has to wait.

    A device that had its turn within the window of the stop rule stands behind those that had not: one that
    raises critical alarms again and again does not keep the only slot of its site.
    """
    row = conn.execute(_OF_CASE, {"case": case_id}).mappings().first()
    if row is not None and row["state"] != "held":
        return _go_on(conn, row, rules, now=now)
    if row is not None:
        return Hold(row["reason"], row["blocked_by"], row["until"])
    names = list(groups)
    lately = conn.execute(_TREATED, {"case": case_id, "since": now - rules.stop.window}).first() is not None
    place = urgency + _BEHIND * lately
    values = {"state": "held", "groups": msgspec.json.encode(names).decode(), "urgency": place}
    made = conn.execute(_ASK, {"case_id": case_id, "asked_at": now, **values}).scalar_one()
    held = _hurry(conn, case_id, names, rules=rules, system_dn=system_dn, now=now)
    if held is None:
        _change(conn, made, state="running")
        return None
    _change(conn, made, reason=held.reason, blocked_by=held.group, until=held.until)
    return held


def _hurry(
    conn: Connection, case_id: int, names: list[str], *, rules: Safety, system_dn: str, now: float
) -> Hold | None:
    """Give a case that is new in the line its slot at once, where there is room and it is its turn."""
    board = _board(conn, rules, system_dn=system_dn, now=now)
    if board is None:
        signal(conn, TOPIC)  # the clock gives out what is left
        return Hold("it waits for its turn", "")
    found = may_begin(names, board.states(names), rules, now)
    if isinstance(found, Hold):
        board.save()
        return found
    _give(conn, board, rules, now=now)
    return None if slot_state(conn, case_id) == "granted" else Hold("others have waited longer", "")


def _go_on(conn: Connection, row: Any, rules: Safety, *, now: float) -> Hold | None:
    """Let a case that has its slot go on, unless its groups were paused or its window has closed."""
    names = msgspec.json.decode(row["groups"], type=list[str])
    paused = {name: GroupState(paused=why) for name, why in paused_groups(conn, names).items()}
    found = may_go_on(names, paused, rules, now)
    if isinstance(found, Hold):
        values = {"reason": found.reason, "blocked_by": found.group, "until": found.until}
        _change(conn, row["id"], state="held", granted_at=None, **values)
        signal(conn, TOPIC)
        return found
    if row["state"] == "granted":
        _change(conn, row["id"], state="running")
    return None


def _change(conn: Connection, slot_id: int, **values: Any) -> None:
    conn.execute(_CHANGE, {"id_": slot_id, **values})


def slot_state(conn: Connection, case_id: int) -> str:
    """Return held, granted or running; empty: the case neither has a slot nor waits for one."""
    return conn.execute(_STATE, {"case": case_id}).scalar() or ""


def end_slot(conn: Connection, case_id: int, found: Verdict) -> None:
    """Free the slot of a case that ended or was set aside, or its place in the line."""
    mine = safety_slots.c.case_id == case_id
    freed = update(safety_slots).where(mine, safety_slots.c.state.in_(("granted", "running")))
    if conn.execute(freed.values(state="ended", verdict=found)).rowcount:
        signal(conn, TOPIC)
    else:
        conn.execute(delete(safety_slots).where(mine, _HELD))


def push_back(conn: Connection, case_id: int, *, until: float) -> None:
    """Put a case that could not be advanced back into the line."""
    mine = and_(safety_slots.c.case_id == case_id, safety_slots.c.state == "granted")
    conn.execute(update(safety_slots).where(mine).values(state="held", granted_at=None, until=until))


def granted_cases(conn: Connection, *, limit: int) -> list[int]:
    """Return the cases that were given a slot and have not gone on yet."""
    query = select(safety_slots.c.case_id).where(_TAKEN, safety_slots.c.state == "granted")
    return list(conn.execute(query.order_by(safety_slots.c.id).limit(limit)).scalars())


def held_cases(conn: Connection, case_ids: Iterable[int]) -> dict[int, str]:
    """Return why cases wait, by the case, of those that do."""
    query = select(safety_slots.c.case_id, safety_slots.c.reason).where(
        _HELD, safety_slots.c.case_id.in_(list(case_ids))
    )
    return {row.case_id: row.reason for row in conn.execute(query)}


def in_line(conn: Connection) -> bool:
    """Tell whether anybody waits for a slot, or one was freed."""
    query = select(safety_slots.c.id).where(or_(_HELD, safety_slots.c.state == "ended")).limit(1)
    return conn.execute(query).first() is not None


def look_again_at(conn: Connection) -> float | None:
    """Return when the next window opens for a case in the line; None when none waits for that."""
    query = select(func.min(safety_slots.c.until)).where(_HELD)
    found: float | None = conn.execute(query).scalar()
    return found


# --- giving out ------------------------------------------------------------------------------


def give_out(conn: Connection, *, rules: Safety, system_dn: str, now: float) -> Groups | None:
    """Give free slots to those who wait, the most severe first, then the longest waiting.

    Returns what is known of the groups afterwards; None where somebody else is giving out slots now.
    """
    board = _board(conn, rules, system_dn=system_dn, now=now)
    if board is not None:
        _give(conn, board, rules, now=now)
    return board


def _board(conn: Connection, rules: Safety, *, system_dn: str, now: float) -> Groups | None:
    """Claim the right to give out slots; return what is known of the groups. None: somebody else has it."""
    if not claim(conn):
        return None
    groups = Groups(conn, rules, now=now)
    _settle(conn, groups, rules, system_dn=system_dn, now=now)
    return groups


def _give(conn: Connection, groups: Groups, rules: Safety, *, now: float) -> None:
    after: tuple[int, float, int] | None = None
    given, full = 0, set[str]()
    while not closed(FLEET, groups.states((FLEET,))[FLEET], rules, now=now):
        page = _page(conn, after, full, now=now)
        for row in page:
            held = _decide(conn, groups, row, rules, now=now)
            given += held is None
            if held is not None and held.group:
                full.add(held.group)
            if FLEET in full:
                break  # which everybody is in
        if len(page) < _PAGE:
            break
        after = (page[-1]["urgency"], page[-1]["asked_at"], page[-1]["id"])
    groups.save()
    if given:
        signal(conn, TOPIC)


def _settle(conn: Connection, groups: Groups, rules: Safety, *, system_dn: str, now: float) -> None:
    """Note what became of the slots that were freed, and count who is disturbed, by cases and by hand."""
    freed = conn.execute(_FREED, {"before": now - rules.slot_seconds}).all()
    for row in freed:
        if row.verdict and counts(conn, row.device_id, row.verdict, rules, now=now):
            groups.note(msgspec.json.decode(row.groups, type=list[str]), row.verdict, system_dn=system_dn)
    ids = [row.id for row in freed]
    for start in range(0, len(ids), _MANY):
        conn.execute(delete(safety_slots).where(safety_slots.c.id.in_(ids[start : start + _MANY])))
    for row in conn.execute(_COUNTED):  # few, however many slots are taken: most devices are alike
        groups.occupy(msgspec.json.decode(row.groups, type=list[str]), row.many)
    disturbed = set(conn.execute(_DISTURBED).scalars())
    for each in sent_by_hand(conn, rules, without=disturbed, now=now):
        groups.occupy(each.groups)


def _page(conn: Connection, after: tuple[int, float, int] | None, full: set[str], *, now: float) -> list[Any]:
    """Return the next in the line, without those who were seen to wait for one of the ``full`` groups."""
    place = (safety_slots.c.urgency, safety_slots.c.asked_at, safety_slots.c.id)
    query = select(safety_slots).where(
        _HELD,
        or_(safety_slots.c.until.is_(None), safety_slots.c.until <= now),
    )
    if full:
        query = query.where(safety_slots.c.blocked_by.not_in(sorted(full)[:_MANY]))
    if after is not None:
        query = query.where(tuple_(*place) > after)
    return list(conn.execute(query.order_by(*place).limit(_PAGE)).mappings())


def _decide(conn: Connection, groups: Groups, row: Any, rules: Safety, *, now: float) -> Hold | None:
    """Give one of the line its slot, or return why it waits."""
    names = msgspec.json.decode(row["groups"], type=list[str])
    found = may_begin(names, groups.states(names), rules, now)
    if isinstance(found, Hold):
        told = (found.reason, found.group, found.until)
        if told != (row["reason"], row["blocked_by"], row["until"]):
            _change(conn, row["id"], reason=found.reason, blocked_by=found.group, until=found.until)
        return found
    groups.occupy(names)
    values = {"reason": "", "blocked_by": "", "until": None}
    _change(conn, row["id"], state="granted", granted_at=now, **values)
    return None
