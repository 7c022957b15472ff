"""What each system has still to be told. Functions of a connection; the sending is not here.

A row is settled when the system has answered: what still waits after a crash was not carried out, or was and
is not noted (at least once). Of one device at one system only the oldest waiting measure is on its way.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, func, or_, select, update

from acs import devices as dev
from acs.measures.model import Order
from acs.measures.orders import find_measure, tell
from acs.store import signal
from acs.store.tables import measure_targets, measures
from acs.subscriptions import Failure, back_off

__all__ = ["LEASE", "due_targets", "release_all", "settle", "take_orders"]

LEASE = 60.0
"""Seconds for which a node may send what it took; well above what that takes."""
PAGE = 16
MOST_ATTEMPTS = 20
"""Of one measure at which the system fails; while it can't be reached at all, nothing is counted."""
_LONGEST_ERROR = 300


def due_targets(conn: Connection, *, now: float) -> list[int]:
    """Return the systems that have something to be told now, and are served by nobody."""
    table = measure_targets.c
    free = or_(table.served_until.is_(None), table.served_until <= now)
    ready = or_(table.retry_at.is_(None), table.retry_at <= now)
    due = or_(measures.c.due_at.is_(None), measures.c.due_at <= now)
    waits = select(measures.c.id).where(measures.c.target_id == table.id, measures.c.state == "waiting", due)
    return list(conn.execute(select(table.id).where(free, ready, waits.exists())).scalars())


def take_orders(conn: Connection, target_id: int, *, node: str, now: float) -> list[Order]:
    """Claim a system for this node; return what it is to be told next, one measure a device."""
    table = measure_targets.c
    row = conn.execute(select(measure_targets).where(table.id == target_id).with_for_update()).first()
    if row is None or (row.served_until or 0) > now or (row.retry_at or 0) > now:
        return []
    mine = measures.c.target_id == target_id, measures.c.state == "waiting"
    heads = select(func.min(measures.c.id)).where(*mine).group_by(measures.c.device_id)
    due = or_(measures.c.due_at.is_(None), measures.c.due_at <= now)
    query = select(measures.c.id).where(measures.c.id.in_(heads), due).order_by(measures.c.id).limit(PAGE)
    found = [_order(conn, number) for number in conn.execute(query).scalars().all()]
    if found:
        claim = {"served_by": node, "served_until": now + LEASE}
        conn.execute(update(measure_targets).where(table.id == target_id).values(claim))
    return found


def _order(conn: Connection, number: int) -> Order:
    measure = find_measure(conn, number)
    assert measure is not None
    device = dev.get(conn, measure.device_id)
    return Order(
        measure, device.oui, device.product_class, device.serial_number, device.certificate_name or ""
    )


def settle(
    conn: Connection,
    target_id: int,
    outcomes: Mapping[int, Failure | None],
    *,
    node: str,
    longest: float,
    jitter: float,
    system_dn: str,
    now: float,
) -> None:
    """Note what became of measures (None: carried out), tell the managers, and release the system.

    ``longest``: seconds between two attempts at most; ``jitter``: 0 to 1, so that nodes do not march in step.
    """
    devices = {number: found.device_id for number in outcomes if (found := find_measure(conn, number))}
    for device_id in sorted(set(devices.values())):
        dev.lock(conn, device_id)
    for number, failure in outcomes.items():
        if number in devices:
            _settle_one(conn, number, failure, longest, jitter, system_dn=system_dn, now=now)
    it = measure_targets.c.id == target_id
    down = next((each for each in outcomes.values() if each is not None and each.kind == "down"), None)
    worked = any(each is None for each in outcomes.values())
    if worked:
        conn.execute(update(measure_targets).where(it).values(failures=0, retry_at=None, last_error=""))
    if down is not None and not worked:
        count = (conn.execute(select(measure_targets.c.failures).where(it)).scalar() or 0) + 1
        wait = max(back_off(count, longest, jitter), min(down.wait, longest))
        conn.execute(update(measure_targets).where(it).values(failures=count, retry_at=now + wait))
    error = next((each.why for each in outcomes.values() if each is not None), "")
    if error:
        conn.execute(update(measure_targets).where(it).values(last_error=error[:_LONGEST_ERROR]))
    free = {"served_by": "", "served_until": None}
    conn.execute(update(measure_targets).where(it, measure_targets.c.served_by == node).values(free))
    signal(conn, "measures", str(target_id))


def _settle_one(
    conn: Connection,
    number: int,
    failure: Failure | None,
    longest: float,
    jitter: float,
    *,
    system_dn: str,
    now: float,
) -> None:
    measure = find_measure(conn, number)
    if measure is None or measure.state != "waiting":
        return  # another node was quicker
    values: dict[str, object] = {"attempts": measure.attempts + 1}
    what = ""
    if failure is None:
        values |= {"state": "done", "settled_at": now, "error": ""}
        what = "done"
    elif failure.kind == "down":
        values = {"error": failure.why[:_LONGEST_ERROR]}
    elif failure.kind == "refused" or measure.attempts + 1 >= MOST_ATTEMPTS:
        values |= {"state": "dead", "settled_at": now, "error": failure.why[:_LONGEST_ERROR]}
        what = f"given up: {failure.why}"[:_LONGEST_ERROR]
    else:
        wait = back_off(measure.attempts + 1, longest, jitter)
        values |= {"due_at": now + wait, "error": failure.why[:_LONGEST_ERROR]}
    conn.execute(update(measures).where(measures.c.id == number).values(values))
    if what:
        device = dev.get(conn, measure.device_id)
        dev.audit(
            conn, measure.target, f"measure {what[:40]}", device.device_key, f"measure {number}", now=now
        )
        tell(conn, device, measure, what, system_dn=system_dn, now=now)


def release_all(conn: Connection) -> None:
    """Release what a node that is no more had claimed; where only one node can be."""
    conn.execute(update(measure_targets).values(served_by="", served_until=None))
