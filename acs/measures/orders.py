"""Asking for measures and undoing them. Functions of a connection; the sending is not here.

Every measure is told on Type 2 and kept in the audit; what one system is told of one device keeps its order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from acs import alarms as al
from acs import devices as dev
from acs.devices import Device
from acs.errors import AcsError
from acs.measures.model import MEASURES, SYSTEM_OF, Action, Measure, operation_of
from acs.store import signal
from acs.store.tables import devices, measure_targets, measures

__all__ = [
    "find_measure",
    "in_force",
    "list_measures",
    "prune_measures",
    "request_measures",
    "retry_measure",
    "tell",
    "undo_measures",
]

MOST_WAITING = 100
"""Of one device at one system; whoever blocks and unblocks in a circle is stopped there."""
_QUERY = (
    select(
        *(column for column in measures.c if column.name not in ("due_at",)),
        devices.c.device_key,
        measure_targets.c.name.label("target"),
    )
    .join(devices, devices.c.id == measures.c.device_id)
    .join(measure_targets, measure_targets.c.id == measures.c.target_id)
)


def request_measures(
    conn: Connection,
    device: Device,
    names: Iterable[str],
    *,
    who: str,
    because: str,
    case_id: int | None = None,
    system_dn: str,
    now: float,
) -> list[Measure]:
    """Ask each system of the fitting kind to carry these measures out, where they are not in force already.

    Raises ``AcsError`` for a measure that is unknown or that no system carries out, or without a reason.
    """
    wanted = list(dict.fromkeys(names))
    _check(wanted, because)
    targets = conn.execute(select(measure_targets.c.id, measure_targets.c.system)).all()
    for name in wanted:
        if all(target.system != SYSTEM_OF[name] for target in targets):
            raise AcsError(
                f"no system carries out {name}; add one: acs measures targets add … {SYSTEM_OF[name]}"
            )
    dev.lock(conn, device.id)
    standing = {(each.target_id, each.measure) for each in in_force(conn, device.id) if each.state != "dead"}
    made = []
    for name in wanted:
        for target in targets:
            if target.system == SYSTEM_OF[name] and (target.id, name) not in standing:
                place = device, target.id, name
                order = _order(conn, *place, "apply", who=who, because=because, case_id=case_id, now=now)
                tell(conn, device, order, "requested", system_dn=system_dn, now=now)
                made.append(order)
    return made


def undo_measures(
    conn: Connection,
    device: Device,
    names: Iterable[str] = (),
    *,
    who: str,
    because: str,
    case_id: int | None = None,
    system_dn: str,
    now: float,
) -> list[Measure]:
    """Undo what is in force of a device: these measures, or all of them. Raises ``AcsError`` as above."""
    wanted = list(names)
    _check(wanted, because)
    dev.lock(conn, device.id)
    made = []
    for each in in_force(conn, device.id):
        if not wanted or each.measure in wanted:
            place = device, each.target_id, each.measure
            order = _order(conn, *place, "undo", who=who, because=because, case_id=case_id, now=now)
            tell(conn, device, order, "requested", system_dn=system_dn, now=now)
            made.append(order)
    return made


def _check(wanted: Sequence[str], because: str) -> None:
    for name in wanted:
        if name not in MEASURES:
            raise AcsError(f"{name[:60]!r} is no measure; known are {', '.join(MEASURES)}")
    if not because.strip():
        raise AcsError("a measure needs a reason; say why")


def _order(
    conn: Connection,
    device: Device,
    target_id: int,
    measure: str,
    action: Action,
    *,
    who: str,
    because: str,
    case_id: int | None,
    now: float,
) -> Measure:
    mine = measures.c.device_id == device.id, measures.c.target_id == target_id
    waiting = select(func.count()).where(*mine, measures.c.state == "waiting")
    if conn.execute(waiting).scalar_one() >= MOST_WAITING:
        raise AcsError(
            f"{MOST_WAITING} measures about {device.device_key} wait at one system; see: acs measures list"
        )
    values = {
        "device_id": device.id,
        "target_id": target_id,
        "measure": measure,
        "action": action,
        "state": "waiting",
        "case_id": case_id,
        "who": who,
        "because": because[:1000],
        "created_at": now,
    }
    number = conn.execute(insert(measures).values(values).returning(measures.c.id)).scalar_one()
    made = find_measure(conn, number)
    assert made is not None
    what = f"measure {operation_of(measure, action)} asked for"
    dev.audit(conn, who, what, device.device_key, f"{made.target}: {because}", now=now)
    signal(conn, "measures", str(target_id))
    return made


def tell(
    conn: Connection, device: Device, measure: Measure, what: str, *, system_dn: str, now: float
) -> None:
    """Tell the managers on Type 2 what becomes of a measure. The caller holds the lock on the device."""
    operation = operation_of(measure.measure, measure.action)
    body: dict[str, Any] = {
        "device": device.device_key,
        "commentText": f"measure {operation} at {measure.target}: {what}",
        "because": measure.because,
        "measure": measure.measure,
        "measureId": measure.id,
        "systemDN": system_dn,
    }
    if measure.case_id is not None:
        body["caseId"] = measure.case_id
    al.notify(conn, device, "notifyComments", body, now=now)


def in_force(conn: Connection, device_id: int) -> list[Measure]:
    """Return what was asked for of a device and not undone, by system and measure.

    What was given up counts: nobody knows whether it was carried out.
    """
    newest = (
        select(func.max(measures.c.id))
        .where(measures.c.device_id == device_id)
        .group_by(measures.c.target_id, measures.c.measure)
    )
    query = _QUERY.where(measures.c.id.in_(newest), measures.c.action == "apply").order_by(measures.c.id)
    return [Measure(**row) for row in conn.execute(query).mappings()]


def list_measures(
    conn: Connection,
    *,
    device_id: int | None = None,
    state: str | None = None,
    case_id: int | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Measure]:
    """Return measures, the newest first; those with an id below ``before``."""
    query = _QUERY.order_by(measures.c.id.desc()).limit(limit)
    wanted = ((measures.c.device_id, device_id), (measures.c.state, state), (measures.c.case_id, case_id))
    for column, value in wanted:
        if value is not None:
            query = query.where(column == value)
    if before is not None:
        query = query.where(measures.c.id < before)
    return [Measure(**row) for row in conn.execute(query).mappings()]


def find_measure(conn: Connection, number: int) -> Measure | None:
    """Return a measure; None where there is none of this number."""
    row = conn.execute(_QUERY.where(measures.c.id == number)).mappings().first()
    return Measure(**row) if row else None


def retry_measure(conn: Connection, number: int, *, who: str, now: float) -> Measure:
    """Have a measure sent again that was given up. Raises ``AcsError`` where it was not, or was followed."""
    found = find_measure(conn, number)
    if found is None:
        raise AcsError(f"there is no measure {number}; see: acs measures list")
    if found.state != "dead":
        raise AcsError(f"measure {number} is {found.state}; only what was given up is tried again")
    later = select(measures.c.id).where(
        measures.c.device_id == found.device_id,
        measures.c.target_id == found.target_id,
        measures.c.measure == found.measure,
        measures.c.id > number,
    )
    if conn.execute(later).first() is not None:
        raise AcsError(f"measure {number} was followed by another one; ask for it anew: acs measures send")
    values = {"state": "waiting", "attempts": 0, "due_at": None, "settled_at": None}
    conn.execute(update(measures).where(measures.c.id == number).values(values))
    dev.audit(conn, who, "measure tried again", found.device_key, f"measure {number}", now=now)
    signal(conn, "measures", str(found.target_id))
    again = find_measure(conn, number)
    assert again is not None
    return again


def prune_measures(conn: Connection, *, before: float, limit: int) -> int:
    """Delete up to ``limit`` measures settled before then, but for what is in force; return how many."""
    newest = select(func.max(measures.c.id)).group_by(
        measures.c.device_id, measures.c.target_id, measures.c.measure
    )
    old = (
        select(measures.c.id)
        .where(measures.c.settled_at < before, (measures.c.action == "undo") | measures.c.id.not_in(newest))
        .limit(limit)
    )
    return conn.execute(delete(measures).where(measures.c.id.in_(old))).rowcount
