"""What each subscription has still to be told. Functions of a connection; the sending is not here.

A notification is put in line for each subscription that wants it, in the transaction of what it tells. Its
row goes when the manager has answered: so what remains after a crash is what was not delivered, plus perhaps
what was delivered and not noted (at least once). Within a line (a device) the order of the outbox is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update

from acs import devices as dev
from acs.store.tables import deliveries, delivery_groups, devices, outbox, subscriptions
from acs.subscriptions.grouping import Grouping, Row, group_key, plan
from acs.subscriptions.model import Backlog, DeadLetter, Filter, Group, Page, Waiting
from acs.subscriptions.registry import subscription_from_row

__all__ = [
    "Failure",
    "back_off",
    "backlogs",
    "bound_backlog",
    "dead_letters",
    "due_subscriptions",
    "fan_out",
    "prune_dead",
    "release_all",
    "retry_dead",
    "settle",
    "take_page",
]

PAGE = 128
_WINDOW = 10_000  # notifications that are looked at for groups; one message may be about all of them
_GROUPS = 16  # messages of groups in a page
_SHOWN = 100  # notifications of a group whose content is told
LEASE = 60.0
"""Seconds for which a node may deliver a page; twice what it takes at most."""
MOST_ATTEMPTS = 20
"""Of one notification at which the manager fails."""
MOST_DEAD = 1000
"""Notifications given up that are kept of one subscription; the oldest go."""
_BATCH = 5000  # rows deleted in one transaction: devices wait for the writer
_LONGEST_ERROR = 300
_WANTED = select(subscriptions.c.id, subscriptions.c.filter, subscriptions.c.grouping)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a notification was not delivered.

    ``down``: the manager can't be reached or lets nobody in, so everything waits. ``failed``: it failed at
    this one, so its line waits. ``refused``: it said that this one is wrong and will always be.
    """

    kind: Literal["down", "failed", "refused"]
    why: str
    wait: float = 0.0


def fan_out(
    conn: Connection,
    outbox_id: int,
    device_id: int | None,
    notification_type: str,
    body: Mapping[str, Any],
    *,
    to: Literal["all", "marking", "holding"] = "all",
) -> None:
    """Put a notification in line for each subscription that wants it.

    ``to``: only those that are told of alarms that are held back (``marking``), or only the others.
    """
    found = conn.execute(_WANTED).all()
    if not found:
        return
    filters = {number: msgspec.json.decode(text, type=Filter) for number, text, _ in found}
    if to != "all":
        filters = {number: each for number, each in filters.items() if each.marks is (to == "marking")}
    groups: tuple[str, ...] = ()
    if device_id is not None and any(each.groups for each in filters.values()):
        groups = dev.groups_of(conn, device_id)
    wanted = [number for number, each in filters.items() if each.wants(notification_type, body, groups)]
    if not wanted:
        return
    row = {"outbox_id": outbox_id, "device_id": device_id or 0}
    grouped = {number: text for number, _, text in found if text}
    device = _labels(conn, device_id) if device_id is not None and grouped.keys() & wanted else {}
    keys = {
        number: group_key(msgspec.json.decode(text, type=Grouping), body, device)
        for number, text in grouped.items()
    }
    rows = [{"subscription_id": number, "group_key": keys.get(number), **row} for number in wanted]
    conn.execute(insert(deliveries), rows)


def _labels(conn: Connection, device_id: int) -> dict[str, str]:
    """Return what alarms of a device may be grouped by."""
    found = dev.get(conn, device_id)
    return {
        "device": found.device_key,
        "oui": found.oui,
        "manufacturer": found.manufacturer,
        "product_class": found.product_class,
        "site": dev.site_of(conn, device_id),
    }


def _waiting(subscription_id: Any) -> Any:
    return and_(deliveries.c.subscription_id == subscription_id, deliveries.c.dead_at.is_(None))


def due_subscriptions(conn: Connection, *, now: float) -> list[int]:
    """Return the subscriptions that have something to be told now, and are served by nobody."""
    free = or_(subscriptions.c.served_until.is_(None), subscriptions.c.served_until <= now)
    ready = or_(subscriptions.c.retry_at.is_(None), subscriptions.c.retry_at <= now)
    waiting = select(deliveries.c.outbox_id).where(_waiting(subscriptions.c.id)).exists()
    query = select(subscriptions.c.id).where(free, ready, waiting).order_by(subscriptions.c.id)
    return list(conn.execute(query).scalars())


def take_page(conn: Connection, subscription_id: int, *, node: str, now: float) -> Page | None:
    """Claim a subscription for this node and return what it is to be told next; None: nothing, or not now."""
    query = select(subscriptions).where(subscriptions.c.id == subscription_id).with_for_update()
    row = conn.execute(query).mappings().first()
    if row is None or (row["served_until"] or 0) > now or (row["retry_at"] or 0) > now:
        return None
    mine = deliveries.c.subscription_id == subscription_id
    held = select(deliveries.c.device_id).where(
        mine, deliveries.c.due_at > now, deliveries.c.dead_at.is_(None)
    )
    shown = (
        select(
            outbox.c.id,
            deliveries.c.device_id.label("line"),
            func.coalesce(devices.c.device_key, "").label("device_key"),
            outbox.c.notification_type,
            outbox.c.body,
            outbox.c.created_at,
            deliveries.c.attempts,
        )
        .select_from(deliveries.join(outbox, outbox.c.id == deliveries.c.outbox_id))
        .outerjoin(devices, devices.c.id == outbox.c.device_id)
        .where(_waiting(subscription_id))
    )
    lines = shown.where(deliveries.c.device_id.not_in(held)).order_by(deliveries.c.outbox_id).limit(PAGE)
    groups: tuple[Group, ...] = ()
    if row["grouping"]:
        wanted = msgspec.json.decode(row["grouping"], type=Grouping)
        alone, planned = _planned(conn, subscription_id, wanted, held, now=now)
        lines = lines.where(deliveries.c.outbox_id.in_(alone[:PAGE]))
        groups = tuple(_group(conn, shown, key, ids) for key, ids in list(planned.items())[:_GROUPS])
    waiting = tuple(Waiting(**each) for each in conn.execute(lines).mappings())
    if not waiting and not groups:
        return None
    claim = {"served_by": node, "served_until": now + LEASE}
    conn.execute(update(subscriptions).where(subscriptions.c.id == subscription_id).values(claim))
    secrets = row["secret_sealed"], row["bearer_sealed"]
    return Page(subscription_from_row(row), *secrets, waiting, groups)


def _planned(
    conn: Connection, subscription_id: int, wanted: Grouping, held: Any, *, now: float
) -> tuple[list[int], dict[str, list[int]]]:
    """Return what a subscription that groups is to be told now."""
    query = (
        select(deliveries.c.outbox_id, deliveries.c.device_id, deliveries.c.group_key, outbox.c.created_at)
        .join(outbox, outbox.c.id == deliveries.c.outbox_id)
        .where(_waiting(subscription_id), deliveries.c.device_id.not_in(held))
        .order_by(deliveries.c.outbox_id)
        .limit(_WINDOW)
    )
    rows = [Row(*each) for each in conn.execute(query)]
    last = select(delivery_groups.c.group_key, delivery_groups.c.sent_at).where(
        delivery_groups.c.subscription_id == subscription_id
    )
    sent_at = {each.group_key: each.sent_at for each in conn.execute(last)}
    return plan(rows, sent_at, wanted, now=now)


def _group(conn: Connection, shown: Any, key: str, ids: Sequence[int]) -> Group:
    newest = shown.where(deliveries.c.outbox_id.in_(ids[-_SHOWN:])).order_by(outbox.c.id)
    counted = select(outbox.c.notification_type, func.count().label("many")).where(outbox.c.id.in_(ids))
    facts = select(
        func.count(outbox.c.device_id.distinct()),
        func.min(outbox.c.created_at),
        func.max(outbox.c.created_at),
    ).where(outbox.c.id.in_(ids))
    lines, first_at, last_at = conn.execute(facts).one()
    by_kind = conn.execute(counted.group_by(outbox.c.notification_type))
    kinds = {each.notification_type: each.many for each in by_kind}
    waiting = tuple(Waiting(**each) for each in conn.execute(newest).mappings())
    return Group(key, tuple(ids), lines, kinds, first_at, last_at, waiting)


def _note_groups(conn: Connection, subscription_id: int, told: Sequence[str], *, now: float) -> None:
    """Note when messages of groups went, and forget what matters no longer."""
    mine = delivery_groups.c.subscription_id == subscription_id
    query = select(subscriptions.c.grouping).where(subscriptions.c.id == subscription_id)
    text = conn.execute(query).scalar()
    if not told or not text:
        return
    interval = msgspec.json.decode(text, type=Grouping).interval
    old = delivery_groups.c.sent_at <= now - interval
    conn.execute(delete(delivery_groups).where(mine, or_(old, delivery_groups.c.group_key.in_(told))))
    rows = [{"subscription_id": subscription_id, "group_key": key, "sent_at": now} for key in told]
    conn.execute(insert(delivery_groups), rows)


def settle(
    conn: Connection,
    subscription_id: int,
    *,
    node: str,
    delivered: Sequence[int],
    failures: Mapping[int, Failure],
    longest: float,
    jitter: float,
    groups: Sequence[str] = (),
    now: float,
) -> None:
    """Note what became of a page, and release the subscription.

    ``longest``: seconds between two attempts at most; ``jitter``: 0 to 1, so that nodes do not march in step.
    ``groups``: of which a message was delivered.
    """
    mine = deliveries.c.subscription_id == subscription_id
    if delivered:
        conn.execute(delete(deliveries).where(mine, deliveries.c.outbox_id.in_(delivered)))
        _note_groups(conn, subscription_id, groups, now=now)
    attempts = _attempts(conn, subscription_id, list(failures))
    for number, failure in failures.items():
        if failure.kind == "down":
            continue
        count = attempts.get(number, 0) + 1
        dead = failure.kind == "refused" or count >= MOST_ATTEMPTS
        values = {"attempts": count, "error": failure.why[:_LONGEST_ERROR]}
        due = {"dead_at": now} if dead else {"due_at": now + back_off(count, longest, jitter)}
        conn.execute(update(deliveries).where(mine, deliveries.c.outbox_id == number).values(**values, **due))
    if any(failure.kind != "down" for failure in failures.values()):
        _forget_dead(conn, subscription_id)
    _note(conn, subscription_id, node, delivered, failures, longest=longest, jitter=jitter, now=now)


def _note(
    conn: Connection,
    subscription_id: int,
    node: str,
    delivered: Sequence[int],
    failures: Mapping[int, Failure],
    *,
    longest: float,
    jitter: float,
    now: float,
) -> None:
    """Note how it goes with a subscription, and release it where it is still this node's."""
    it = subscriptions.c.id == subscription_id
    values: dict[str, Any] = {}
    if delivered:
        values = {
            "delivered": subscriptions.c.delivered + len(delivered),
            "delivered_at": now,
            "failures": 0,
            "retry_at": None,
            "last_error": "",
        }
    down = [failure for failure in failures.values() if failure.kind == "down"]
    if down and not delivered:
        count = conn.execute(select(subscriptions.c.failures).where(it)).scalar() or 0
        wait = max(back_off(count + 1, longest, jitter), min(down[0].wait, longest))
        values = {"failures": count + 1, "retry_at": now + wait}
    if failures:
        values["last_error"] = next(iter(failures.values())).why[:_LONGEST_ERROR]
    if values:
        conn.execute(update(subscriptions).where(it).values(values))
    free = {"served_by": "", "served_until": None}
    conn.execute(update(subscriptions).where(it, subscriptions.c.served_by == node).values(free))


def back_off(attempts: int, longest: float, jitter: float) -> float:
    """Return the seconds until the next attempt: 1, 2, 4 … up to ``longest``, less up to a quarter."""
    return min(longest, float(2 ** min(attempts - 1, 30))) * (1 - jitter / 4)


def _attempts(conn: Connection, subscription_id: int, numbers: Sequence[int]) -> dict[int, int]:
    query = select(deliveries.c.outbox_id, deliveries.c.attempts).where(
        deliveries.c.subscription_id == subscription_id, deliveries.c.outbox_id.in_(numbers)
    )
    return {row.outbox_id: row.attempts for row in conn.execute(query)} if numbers else {}


def _forget_dead(conn: Connection, subscription_id: int) -> None:
    dead = and_(deliveries.c.subscription_id == subscription_id, deliveries.c.dead_at.is_not(None))
    newest = select(deliveries.c.outbox_id).where(dead).order_by(deliveries.c.outbox_id.desc())
    last = conn.execute(newest.offset(MOST_DEAD).limit(1)).scalar()
    if last is not None:
        conn.execute(delete(deliveries).where(dead, deliveries.c.outbox_id <= last))


def prune_dead(conn: Connection, *, before: float, limit: int) -> int:
    """Delete up to ``limit`` notifications that were given up before then; return how many."""
    rows = conn.execute(
        select(deliveries.c.subscription_id, deliveries.c.outbox_id)
        .where(deliveries.c.dead_at < before)
        .limit(limit)
    ).all()
    for number, outbox_id in rows:
        mine = deliveries.c.subscription_id == number
        conn.execute(delete(deliveries).where(mine, deliveries.c.outbox_id == outbox_id))
    return len(rows)


def release_all(conn: Connection) -> None:
    """Release what a node that is no more had claimed; where only one node can be."""
    conn.execute(update(subscriptions).values(served_by="", served_until=None))


def backlogs(conn: Connection) -> list[Backlog]:
    """Return of each subscription how much waits."""
    found = []
    for number in conn.execute(select(subscriptions.c.id).order_by(subscriptions.c.id)).scalars().all():
        query = select(func.count(), func.min(deliveries.c.outbox_id)).where(_waiting(number))
        waiting, first = conn.execute(query).one()
        dead = select(func.count()).where(
            deliveries.c.subscription_id == number, deliveries.c.dead_at.is_not(None)
        )
        oldest = select(outbox.c.created_at).where(outbox.c.id == first)
        found.append(Backlog(number, waiting, conn.execute(oldest).scalar(), conn.execute(dead).scalar_one()))
    return found


def bound_backlog(conn: Connection, subscription_id: int, *, most: int, system_dn: str, now: float) -> int:
    """Where more than ``most`` notifications wait, forget them and tell the manager to read the alarm list.

    A device that causes more than a tenth of that loses its own line alone. Return how many were forgotten;
    as a transaction forgets 5000 at most, call it again until that is 0.
    """
    total = conn.execute(select(func.count()).where(_waiting(subscription_id))).scalar_one()
    if total <= most // 10:
        return 0
    line = deliveries.c.device_id
    many = select(line, func.count()).where(_waiting(subscription_id), line != 0).group_by(line)
    loudest = conn.execute(many.having(func.count() > most // 10).order_by(func.count().desc())).first()
    if loudest is not None:
        return _rebuild(conn, subscription_id, loudest[0], system_dn=system_dn, now=now)
    return _rebuild(conn, subscription_id, None, system_dn=system_dn, now=now) if total > most else 0


def _rebuild(conn: Connection, subscription_id: int, line: int | None, *, system_dn: str, now: float) -> int:
    """Replace the oldest of a line (None: of all) by the notice that the alarm list has to be read."""
    those = (
        _waiting(subscription_id)
        if line is None
        else and_(_waiting(subscription_id), deliveries.c.device_id == line)
    )
    oldest = select(deliveries.c.outbox_id).where(those).order_by(deliveries.c.outbox_id).limit(_BATCH)
    numbers = list(conn.execute(oldest).scalars())
    mine = deliveries.c.subscription_id == subscription_id
    conn.execute(delete(deliveries).where(mine, deliveries.c.outbox_id.in_(numbers)))
    key = conn.execute(select(devices.c.device_key).where(devices.c.id == line)).scalar() if line else None
    body = {
        "notificationType": "notifyAlarmListRebuilt",
        "objectInstance": f"ManagedElement={key}" if key else system_dn,
        "reason": "more notifications waited for this manager than are kept",
        "alarmListAlignmentRequirement": "ALIGNMENT_REQUIRED",
    }
    values = {
        "device_id": line,
        "notification_type": "notifyAlarmListRebuilt",
        "body": msgspec.json.encode(body).decode(),
        "created_at": now,
    }
    made = conn.execute(insert(outbox).values(values).returning(outbox.c.id)).scalar_one()
    row = {"subscription_id": subscription_id, "outbox_id": made, "device_id": line or 0}
    conn.execute(insert(deliveries).values(row))
    return len(numbers)


def dead_letters(conn: Connection, subscription_id: int, limit: int = 100) -> list[DeadLetter]:
    """Return what a subscription was not told and never will be, the newest first."""
    query = (
        select(
            outbox.c.id,
            deliveries.c.device_id,
            outbox.c.notification_type,
            deliveries.c.attempts,
            deliveries.c.dead_at,
            deliveries.c.error,
        )
        .join(outbox, outbox.c.id == deliveries.c.outbox_id)
        .where(deliveries.c.subscription_id == subscription_id, deliveries.c.dead_at.is_not(None))
        .order_by(outbox.c.id.desc())
        .limit(limit)
    )
    return [DeadLetter(**row) for row in conn.execute(query).mappings()]


def retry_dead(conn: Connection, subscription_id: int, *, who: str, now: float) -> int:
    """Put what was given up in line again, which is now out of order; return how many that were."""
    dead = and_(deliveries.c.subscription_id == subscription_id, deliveries.c.dead_at.is_not(None))
    values = {"dead_at": None, "due_at": None, "attempts": 0}
    count = conn.execute(update(deliveries).where(dead).values(values)).rowcount
    dev.audit(conn, who, "delivery tried again", f"subscription {subscription_id}", str(count), now=now)
    return count
