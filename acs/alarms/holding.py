"""Which alarms are held back from managers, by a silence or by another alarm, and when they come out again.

An alarm that is held back is in the list like any other. What was not told of it is noted; when nothing holds
it back any more and it is still active, managers are told of it as it is then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, RowMapping, Select, bindparam, delete, insert, select, union, update

from acs import devices as dev
from acs.alarms.inhibition import Inhibition, Known, inhibited
from acs.alarms.matchers import Attributes, attributes_of, matches
from acs.alarms.model import Alarm, AlarmChange
from acs.alarms.outbox import alarm_body, notify
from acs.alarms.silences import Silence, silences_in_force
from acs.devices import Device
from acs.store import signal
from acs.store.tables import alarms, cases, device_tags, devices, holds, inhibitions

__all__ = [
    "NOTIFICATIONS",
    "Hold",
    "held_from_remediation",
    "holds_of",
    "inhibitions_in_force",
    "review",
    "set_inhibitions",
    "tell",
    "to_be_reviewed",
    "told_apart",
    "would_silence",
]

NOTIFICATIONS = {"new": "notifyNewAlarm", "changed": "notifyChangedAlarm", "cleared": "notifyClearedAlarm"}
_MOST = 5000  # active alarms of a site that are looked at
_COLUMNS = {column.name for column in alarms.columns}
_OF_DEVICE = ("device_key", "oui", "manufacturer", "product_class", "software_version")
_RULES = select(inhibitions.c.rule).order_by(inhibitions.c.position)
_OF_DEVICE_NOW = select(holds).where(holds.c.device_id == bindparam("device"), holds.c.ended_at.is_(None))


@dataclass(frozen=True, slots=True)
class Hold:
    """What holds an alarm back since when, or did until ``ended_at``.

    ``by``: ``silence 3``, or the name of a rule. ``withheld``: ``new`` or ``changed``, what managers were not
    told. ``grave``: a silence that is about critical security alarms too.
    """

    alarm_id: int
    device_id: int
    kind: Literal["silence", "inhibition"]
    by: str
    because: str
    hold_remediation: bool
    grave: bool
    withheld: str
    since: float
    ended_at: float | None


@dataclass(frozen=True, slots=True)
class _Reason:
    kind: str
    by: str
    because: str
    hold_remediation: bool
    grave: bool = False


@dataclass(frozen=True, slots=True)
class _Seen:
    """An active alarm with what is known of its device. ``grave``: critical security alarm, or a P3."""

    alarm: Alarm
    site: str
    attributes: Attributes
    grave: bool


def set_inhibitions(conn: Connection, rules: Sequence[Inhibition]) -> None:
    """Put the rules of a policy in force, for every process on this store."""
    wanted = [msgspec.json.encode(rule).decode() for rule in rules]
    there = list(conn.execute(_RULES).scalars())
    if wanted == there:
        return
    conn.execute(delete(inhibitions))
    if wanted:
        rows = [{"position": position, "rule": rule} for position, rule in enumerate(wanted)]
        conn.execute(insert(inhibitions), rows)
    signal(conn, "silences", "rules")


def inhibitions_in_force(conn: Connection) -> list[Inhibition]:
    """Return the rules in their order."""
    return [msgspec.json.decode(text, type=Inhibition) for text in conn.execute(_RULES).scalars()]


def holds_of(conn: Connection, alarm_ids: Collection[int], *, ended: bool = False) -> dict[int, Hold]:
    """Return what holds these alarms back now; with ``ended`` also what did last."""
    if not alarm_ids:
        return {}
    query = select(holds).where(holds.c.alarm_id.in_(alarm_ids))
    if not ended:
        query = query.where(holds.c.ended_at.is_(None))
    return {row["alarm_id"]: Hold(**row) for row in conn.execute(query).mappings()}


def _holds_of_device(conn: Connection, device_id: int) -> dict[int, Hold]:
    found = conn.execute(_OF_DEVICE_NOW, {"device": device_id}).mappings()
    return {row["alarm_id"]: Hold(**row) for row in found}


def held_from_remediation(conn: Connection, device_id: int) -> dict[int, bool]:
    """Return the alarms for which no case is to be opened; the value: not even one that blocks."""
    return {
        number: hold.grave
        for number, hold in _holds_of_device(conn, device_id).items()
        if hold.hold_remediation
    }


# --- what holds back ----------------------------------------------------------------------


def _query() -> Select[Any]:
    site = device_tags.alias("site")
    at_site = (site.c.device_id == alarms.c.device_id) & (site.c.kind == "site")
    return (
        select(
            alarms,
            *(devices.c[name] for name in _OF_DEVICE),
            site.c.name.label("site"),
            cases.c.procedure,
        )
        .join(devices, devices.c.id == alarms.c.device_id)
        .outerjoin(site, at_site)
        .outerjoin(cases, cases.c.id == alarms.c.case_id)
        .where(alarms.c.state == "active")
        .order_by(alarms.c.id)
    )


def _seen(conn: Connection, query: Select[Any]) -> list[_Seen]:
    rows = list(conn.execute(query.limit(_MOST)).mappings())
    groups: dict[int, list[str]] = {}
    of_devices = device_tags.c.device_id.in_({row["device_id"] for row in rows})
    for tag in conn.execute(
        select(device_tags).where(of_devices, device_tags.c.kind == "group").order_by(device_tags.c.name)
    ):
        groups.setdefault(tag.device_id, []).append(tag.name)
    return [_as_seen(row, tuple(groups.get(row["device_id"], ()))) for row in rows]


def _ended(conn: Connection, device_id: int, ended: Iterable[Alarm]) -> list[_Seen]:
    """Return alarms of a device as they were seen before they ended."""
    found = list(ended)
    if not found:
        return []
    columns = [devices.c[name] for name in _OF_DEVICE]
    device = conn.execute(select(*columns).where(devices.c.id == device_id)).mappings().one()
    site, groups = dev.places_of(conn, device_id)
    rest = {**device, "site": site, "procedure": None}
    return [_as_seen({**{name: getattr(each, name) for name in _COLUMNS}, **rest}, groups) for each in found]


def _as_seen(row: Mapping[str, Any] | RowMapping, groups: tuple[str, ...]) -> _Seen:
    alarm = Alarm(**{name: row[name] for name in _COLUMNS})
    site = row["site"] or ""
    of_device = {name: row[name] for name in _OF_DEVICE}
    grave = alarm.security and (alarm.perceived_severity == "CRITICAL" or row["procedure"] == "P3")
    return _Seen(alarm, site, attributes_of(alarm, of_device, site=site, groups=groups), grave)


def _silencing(silences: Iterable[Silence], seen: _Seen) -> Silence | None:
    """Return the silence that is about an alarm; of several one that holds remediation goes before."""
    able = [each for each in silences if each.grave or not seen.grave]
    found = [each for each in able if matches(each.matchers, seen.attributes)]
    return max(found, key=lambda each: (each.hold_remediation, each.grave, each.ends_at), default=None)


def _reasons(
    seen: Sequence[_Seen], silences: Sequence[Silence], rules: Sequence[Inhibition]
) -> dict[int, _Reason]:
    """Return what holds back which of these alarms. What is silenced holds back no other."""
    found: dict[int, _Reason] = {}
    for each in seen:
        silence = _silencing(silences, each)
        if silence is not None:
            by = f"silence {silence.id}"
            why = f"{silence.who}: {silence.why}"
            found[each.alarm.id] = _Reason("silence", by, why, silence.hold_remediation, silence.grave)
    if not rules:
        return found
    loud = [
        Known(
            each.alarm.id,
            each.alarm.device_id,
            each.site,
            each.alarm.perceived_severity,
            each.alarm.raised_at,
            each.attributes,
            each.grave,
        )
        for each in seen
        if each.alarm.id not in found
    ]
    names = {each.alarm.id: each for each in seen}
    for number, held in inhibited(rules, loud).items():
        source = names[held.source_id]
        what = f"{source.attributes['device'][0]}:{source.alarm.alarm_identifier}"
        because = f"{held.rule.because} (alarm {held.source_id}, {what})"
        found[number] = _Reason("inhibition", held.rule.name, because, held.rule.hold_remediation)
    return found


def _judge(
    conn: Connection,
    device_id: int,
    silences: Sequence[Silence],
    rules: Sequence[Inhibition],
    *,
    also: Iterable[Alarm] = (),
) -> dict[int, _Reason]:
    """Return what holds back which active alarms of a device now; ``also`` those that came and have ended."""
    if not silences and not rules:
        return {}
    site = dev.site_of(conn, device_id) if any(rule.scope == "site" for rule in rules) else ""
    mine = alarms.c.device_id == device_id
    seen = _seen(conn, _query().where(mine)) + _ended(conn, device_id, also)
    if site:
        there = select(device_tags.c.device_id).where(
            device_tags.c.kind == "site", device_tags.c.name == site, device_tags.c.device_id != device_id
        )
        seen += _seen(conn, _query().where(alarms.c.device_id.in_(there)))
    own = {each.alarm.id for each in seen if each.alarm.device_id == device_id}
    return {number: why for number, why in _reasons(seen, silences, rules).items() if number in own}


def would_silence(conn: Connection, silence: Sequence[Any], *, grave: bool, limit: int = 1000) -> list[Alarm]:
    """Return the active alarms that a silence with these matchers would be about, up to ``limit``."""
    found: list[Alarm] = []
    last = 0
    while len(found) < limit:
        seen = _seen(conn, _query().where(alarms.c.id > last))
        if not seen:
            break
        last = seen[-1].alarm.id
        found += [
            each.alarm for each in seen if (grave or not each.grave) and matches(silence, each.attributes)
        ]
    return found[:limit]


# --- what becomes of it -------------------------------------------------------------------


def tell(conn: Connection, device: Device, changes: Sequence[AlarmChange], *, now: float) -> None:
    """Tell managers of changes, unless the alarm is held back, and of what they let out.

    The caller holds the lock on the device. The end of an alarm that was told is always told. What holds back
    what is judged once, by what is active after all of them: to judge is work in proportion to all alarms.
    """
    if not changes:
        return
    before = _holds_of_device(conn, device.id)
    silences, rules = silences_in_force(conn, now=now), inhibitions_in_force(conn)
    reasons = _judge(conn, device.id, silences, rules)
    last = {change.alarm.id: change.alarm for change in changes}
    ended = {number for number, alarm in last.items() if not alarm.active}
    came = {each.alarm.id: each.alarm for each in changes if each.alarm.active and each.alarm.id in ended}
    passed = _judge(conn, device.id, silences, rules, also=came.values()) if came else {}
    told: set[int] = set()
    for change in changes:
        number = change.alarm.id
        was = holds_of(conn, [number]).get(number) if number in told else before.get(number)
        reason = (passed if number in ended else reasons).get(number) if change.alarm.active else None
        _tell_one(conn, device, change, was, reason, now=now)
        told.add(number)
    _settle_others(conn, device, before, reasons, but=told, now=now)
    if any(rule.scope == "site" for rule in rules) and (site := dev.site_of(conn, device.id)):
        signal(conn, "holds", site)  # it may concern other devices, which are not locked here


def _tell_one(
    conn: Connection,
    device: Device,
    change: AlarmChange,
    was: Hold | None,
    reason: _Reason | None,
    *,
    now: float,
) -> None:
    alarm = change.alarm
    if reason is not None:
        untold = "new" if change.kind == "new" else (was.withheld if was else "") or "changed"
        _hold(conn, alarm, reason, was, withheld=untold, now=now)
        _notify(conn, device, change.kind, alarm, to="marking", reason=reason, now=now)
        return
    if was is not None:
        _end(conn, alarm.id, now=now)
    unknown = was is not None and was.withheld == "new"
    _notify(conn, device, change.kind, alarm, to="marking" if unknown else "all", now=now)
    if unknown and alarm.active:
        _notify(conn, device, "new", alarm, to="holding", now=now)


def told_apart(conn: Connection, alarm_id: int) -> Literal["all", "marking"]:
    """Return who knows of an alarm: all, or only those who are told of what is held back."""
    hold = holds_of(conn, [alarm_id]).get(alarm_id)
    return "marking" if hold is not None and hold.withheld == "new" else "all"


def review(conn: Connection, device_id: int, *, now: float) -> bool:
    """Hold back and let out the alarms of a device as silences and rules say now.

    The caller holds the lock on the device. Returns whether remediation has to look at it again.
    """
    before = _holds_of_device(conn, device_id)
    reasons = _judge(conn, device_id, silences_in_force(conn, now=now), inhibitions_in_force(conn))
    return _settle_others(conn, dev.get(conn, device_id), before, reasons, but=(), now=now)


def _settle_others(
    conn: Connection,
    device: Device,
    before: dict[int, Hold],
    reasons: dict[int, _Reason],
    *,
    but: Collection[int],
    now: float,
) -> bool:
    again = False
    for number in sorted(before.keys() | reasons.keys()):
        was, reason = before.get(number), reasons.get(number)
        if number in but or (was is not None and reason is not None and _same(was, reason)):
            continue
        alarm = _alarm(conn, number)
        if reason is not None:
            _hold(conn, alarm, reason, was, withheld=was.withheld if was else "", now=now)
            again |= was is not None and was.hold_remediation and not reason.hold_remediation
        elif was is not None:
            _end(conn, number, now=now)
            again |= was.hold_remediation
            if was.withheld and alarm.active:
                _notify(conn, device, was.withheld, alarm, to="holding", now=now)
    return again


def _same(was: Hold, reason: _Reason) -> bool:
    """Tell whether a hold says what it would be made to say."""
    return all(getattr(was, name) == value for name, value in _told(reason).items())


def _told(reason: _Reason) -> dict[str, Any]:
    return {
        "kind": reason.kind,
        "by": reason.by,
        "because": reason.because[:1000],
        "hold_remediation": reason.hold_remediation,
        "grave": reason.grave,
    }


def _alarm(conn: Connection, number: int) -> Alarm:
    return Alarm(**conn.execute(select(alarms).where(alarms.c.id == number)).mappings().one())


def _hold(
    conn: Connection, alarm: Alarm, reason: _Reason, was: Hold | None, *, withheld: str, now: float
) -> None:
    values = {**_told(reason), "withheld": withheld}
    if was is not None:
        if any(getattr(was, name) != value for name, value in values.items()):
            conn.execute(update(holds).where(holds.c.alarm_id == alarm.id).values(**values))
        return
    conn.execute(delete(holds).where(holds.c.alarm_id == alarm.id))  # what held it back earlier
    conn.execute(insert(holds).values(alarm_id=alarm.id, device_id=alarm.device_id, since=now, **values))
    signal(conn, "alarms", str(alarm.device_id))


def _end(conn: Connection, alarm_id: int, *, now: float) -> None:
    conn.execute(update(holds).where(holds.c.alarm_id == alarm_id).values(ended_at=now))


def _notify(
    conn: Connection,
    device: Device,
    kind: str,
    alarm: Alarm,
    *,
    to: Literal["all", "marking", "holding"],
    now: float,
    reason: _Reason | None = None,
) -> None:
    body = alarm_body(device, alarm)
    if kind == "cleared":
        body["clearReason"] = alarm.clear_reason
    if reason is not None:
        body["heldBack"] = {"kind": reason.kind, "by": reason.by, "because": reason.because}
    notify(conn, device, NOTIFICATIONS[kind], body, to=to, now=now)


# --- looking for what has to be reviewed --------------------------------------------------


def to_be_reviewed(
    conn: Connection, *, now: float, after: int = 0, limit: int = 200
) -> tuple[list[int], int]:
    """Look at the next ``limit`` devices after this id; return which to review, and the last id (0: the end).

    Nothing is changed. Where nothing holds back anything only what is still held back is looked at.
    """
    silences, rules = silences_in_force(conn, now=now), inhibitions_in_force(conn)
    held = select(holds.c.device_id).where(holds.c.ended_at.is_(None), holds.c.device_id > after)
    active = select(alarms.c.device_id).where(alarms.c.state == "active", alarms.c.device_id > after)
    both = union(held, active) if silences or rules else union(held, held)
    numbers = list(conn.execute(both.order_by("device_id").limit(limit)).scalars())
    found = []
    for number in numbers:
        before = _holds_of_device(conn, number)
        reasons = _judge(conn, number, silences, rules)
        if _differ(before, reasons):
            found.append(number)
    return found, numbers[-1] if len(numbers) == limit else 0


def _differ(before: dict[int, Hold], reasons: dict[int, _Reason]) -> bool:
    if before.keys() != reasons.keys():
        return True
    names = ("kind", "by", "hold_remediation", "grave")
    return any(
        getattr(before[number], name) != getattr(reasons[number], name) for number in before for name in names
    )
