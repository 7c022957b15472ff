"""What is held back is stored and listed, told only to who asked for it, and comes out: nothing is lost."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, select

from acs import alarms as al
from acs import devices as dev
from acs import subscriptions as sub
from acs.remediation import parse_policy
from acs.security import Sealer
from acs.store import Store
from acs.store.tables import cases, deliveries, outbox
from tests.alarms.words import NOW, event

FATAL = al.Inhibition("fatal", ["severity=MAJOR"], ["severity in (MINOR, WARNING)"], "it follows from that")
OUTAGE = al.Inhibition(
    "outage",
    ["specific_problem=SILENT"],
    ["specific_problem=SILENT"],
    "the site is cut off",
    scope="site",
    at_least=2,
)
MINOR: dict[str, Any] = {"perceived_severity": "Minor"}
MAJOR: dict[str, Any] = {"perceived_severity": "Major"}


@pytest.fixture
async def device(store: Store) -> dev.Device:
    """Return a device, with one manager that is told what comes out, and one that is told all with a mark."""
    for wanted in (sub.Filter(), sub.Filter(held_back="mark")):
        facts = {"sealer": Sealer(bytes(32)), "who": "op", "owner": "noc", "now": NOW}
        await store.write(sub.add_subscription, "https://nms.example/", wanted, **facts)
    return await store.write(dev.register, "0005B9", "1", now=NOW)


async def take(store: Store, device: dev.Device, *events: al.AlarmEvent, now: float = NOW) -> None:
    def intake(conn: Connection) -> None:
        dev.lock(conn, device.id)
        al.apply(conn, dev.get(conn, device.id), events, now=now)

    await store.write(intake)


async def told(store: Store, number: int = 1) -> list[str]:
    """Return what stands in line for a subscription: kind and identifier; with a mark those held back."""

    def look(conn: Connection) -> list[str]:
        query = (
            select(outbox.c.body)
            .join(deliveries, deliveries.c.outbox_id == outbox.c.id)
            .where(deliveries.c.subscription_id == number)
            .order_by(outbox.c.id)
        )
        found = []
        for text in conn.execute(query).scalars():
            body = msgspec.json.decode(text)
            mark = f" ({body['heldBack']['by']})" if "heldBack" in body else ""
            kind = body["notificationType"].removeprefix("notify").removesuffix("Alarm")
            found.append(f"{kind} {body['alarmId'].partition(':')[2]}{mark}")
        return found

    return await store.read(look)


async def silence(store: Store, *matchers: str, **options: Any) -> int:
    facts = {"who": "ann@cli", "why": "known", "starts_at": NOW, "ends_at": NOW + 100, "now": NOW, **options}
    return (await store.write(al.add_silence, list(matchers), **facts)).id


async def review(store: Store, now: float) -> list[int]:
    """Review what has to be, as the watch does; return the devices."""
    found, after = await store.read(al.to_be_reviewed, now=now)
    assert after == 0
    for number in found:
        await store.write(al.review, number, now=now)
    assert await store.read(al.to_be_reviewed, now=now) == ([], 0)
    return found


async def held(store: Store) -> dict[str, str]:
    def look(conn: Connection) -> dict[str, str]:
        found = {each.id: each.alarm_identifier for each in al.list_alarms(conn)}
        return {found[number]: hold.by for number, hold in al.holds_of(conn, list(found)).items()}

    return await store.read(look)


async def test_a_silenced_alarm_is_listed_and_told_when_the_silence_ends(store: Store, device) -> None:
    await silence(store, "device=0005B9-1")
    await take(store, device, event(**MINOR))
    assert await told(store) == []
    assert await told(store, 2) == ["New A1 (silence 1)"]
    [alarm] = await store.read(al.active_alarms, device.id)
    hold = (await store.read(al.holds_of, [alarm.id]))[alarm.id]
    assert (hold.kind, hold.by, hold.because, hold.withheld) == (
        "silence",
        "silence 1",
        "ann@cli: known",
        "new",
    )
    assert await review(store, NOW + 99) == []
    assert await review(store, NOW + 100) == [device.id]
    assert await told(store) == ["New A1"]
    assert await told(store, 2) == ["New A1 (silence 1)"]
    assert await held(store) == {}
    ended = (await store.read(al.holds_of, [alarm.id], ended=True))[alarm.id]
    assert (ended.by, ended.ended_at) == ("silence 1", NOW + 100)


async def test_one_that_ends_under_the_silence_is_told_to_nobody_who_was_not_told_of_it(
    store: Store, device
) -> None:
    await silence(store, "device=0005B9-1")
    await take(store, device, event(**MINOR), event(kind="ClearedAlarm", at=1))
    assert await review(store, NOW + 100) == []
    assert await told(store) == []
    assert await told(store, 2) == ["New A1 (silence 1)", "Cleared A1"]


async def test_the_end_of_one_that_was_told_is_told_under_the_silence_too(store: Store, device) -> None:
    await take(store, device, event(**MINOR), event("A2", **MINOR))
    await silence(store, "device=0005B9-1")
    assert await review(store, NOW) == [device.id]
    await take(store, device, event(kind="ChangedAlarm", at=1, **MAJOR), event(kind="ClearedAlarm", at=2))
    assert await told(store) == ["New A1", "New A2", "Cleared A1"]
    assert await held(store) == {"A2": "silence 1"}
    await review(store, NOW + 100)
    assert await told(store) == ["New A1", "New A2", "Cleared A1"]  # nothing of A2 was kept from anybody


async def test_a_change_that_was_held_back_is_told_once_when_it_comes_out(store: Store, device) -> None:
    await take(store, device, event(**MINOR))
    number = await silence(store, "device=0005B9-1")
    for at, severity in ((1, "Warning"), (2, "Major")):
        await take(store, device, event(kind="ChangedAlarm", at=at, perceived_severity=severity))
    assert await told(store) == ["New A1"]
    await store.write(al.expire_silence, number, who="ann@cli", now=NOW + 5)
    await review(store, NOW + 5)
    assert await told(store) == ["New A1", "Changed A1"]
    last = await store.read(lambda conn: conn.execute(select(outbox).order_by(outbox.c.id.desc())).first())
    assert msgspec.json.decode(last.body)["perceivedSeverity"] == "MAJOR"


async def test_acknowledging_what_is_held_back_is_no_news_to_who_does_not_know_it(
    store: Store, device
) -> None:
    await silence(store, "device=0005B9-1")
    await take(store, device, event(**MINOR))
    [alarm] = await store.read(al.active_alarms, device.id)
    await store.write(lambda conn: al.acknowledge(conn, device, alarm.id, who="ann", now=NOW))
    assert await told(store) == []
    assert await told(store, 2) == ["New A1 (silence 1)", "AckStateChanged A1"]


async def test_a_critical_security_alarm_is_silenced_by_two_persons_only(store: Store, device) -> None:
    await silence(store, "device=0005B9-1")
    await take(store, device, event())
    assert await told(store) == ["New A1"]
    number = await silence(store, "device=0005B9-1", grave=True)
    await take(store, device, event("A2"))
    assert await told(store) == ["New A1", "New A2"]
    await store.write(al.approve_silence, number, who="bob@cli", why="seen it", now=NOW)
    await take(store, device, event("A3"))
    assert await told(store) == ["New A1", "New A2"]
    assert (await held(store))["A3"] == f"silence {number}"


async def test_one_that_becomes_critical_comes_out_as_a_new_one(store: Store, device) -> None:
    await silence(store, "device=0005B9-1")
    await take(store, device, event(**MINOR))
    await take(store, device, event(kind="ChangedAlarm", at=1))
    assert await told(store) == ["New A1"]
    assert await told(store, 2) == ["New A1 (silence 1)", "Changed A1"]


async def test_one_for_which_the_device_is_blocked_comes_out(store: Store, device) -> None:
    await silence(store, "device=0005B9-1")
    await take(store, device, event(**MAJOR))
    [alarm] = await store.read(al.active_alarms, device.id)

    def block(conn: Connection) -> None:
        facts = {"kind": "remediation", "state": "active", "procedure": "P3", "playbook": "fatal"}
        columns = {
            column.name for column in cases.columns if not column.nullable and column.server_default is None
        }
        more = dict.fromkeys(columns - facts.keys() - {"id"}, "") | {
            "device_id": device.id,
            "opened_at": NOW,
        }
        case = conn.execute(cases.insert().values(**{**more, **facts}).returning(cases.c.id)).scalar_one()
        al.assign_alarm(conn, alarm.id, case)
        al.review(conn, device.id, now=NOW)

    await store.write(block)
    assert await told(store) == ["New A1"]


async def test_a_group_a_site_and_a_kind_of_device_can_be_silenced(store: Store, device) -> None:
    await store.write(lambda conn: dev.add_group(conn, device.id, "west"))
    await store.write(lambda conn: dev.set_site(conn, device.id, "roof"))
    await silence(store, "tag=west", "site=~ro.f", "oui=0005B9", "software_version=")
    await take(store, device, event(**MINOR))
    assert await held(store) == {"A1": "silence 1"}
    other = await store.write(dev.register, "0005B9", "2", now=NOW)
    await take(store, other, event("B1", **MINOR))
    assert await held(store) == {"A1": "silence 1"}


async def test_a_fatal_alarm_holds_back_lesser_ones_until_it_is_gone(store: Store, device) -> None:
    await store.write(al.set_inhibitions, [FATAL])
    await take(store, device, event("A1", **MINOR))
    await take(store, device, event("A2", **MAJOR), event("A3", **MINOR))
    assert await told(store) == ["New A1", "New A2"]
    assert await held(store) == {"A1": "fatal", "A3": "fatal"}
    await take(store, device, event("A2", kind="ClearedAlarm", at=5))
    assert await held(store) == {}
    assert await told(store) == ["New A1", "New A2", "Cleared A2", "New A3"]
    assert await told(store, 2) == ["New A1", "New A2", "New A3 (fatal)", "Cleared A2"]


async def test_in_what_order_an_inform_tells_of_alarms_makes_no_difference(store: Store, device) -> None:
    await store.write(al.set_inhibitions, [FATAL])
    await take(store, device, event("A1", **MINOR), event("A2", **MAJOR), event("A3", **MINOR))
    assert await told(store) == ["New A2"]
    assert await held(store) == {"A1": "fatal", "A3": "fatal"}


async def test_of_one_that_came_and_ended_in_one_inform_each_is_told_what_fits(store: Store, device) -> None:
    await store.write(al.set_inhibitions, [FATAL])
    passing = [event("A1", **MINOR), event("A1", kind="ClearedAlarm", at=1)]
    await take(store, device, event("A2", **MAJOR), *passing, event("A3", **MINOR))
    assert await told(store) == ["New A2"]
    assert await told(store, 2) == ["New A2", "New A1 (fatal)", "Cleared A1", "New A3 (fatal)"]
    assert await held(store) == {"A3": "fatal"}


async def test_a_silenced_alarm_holds_back_no_other(store: Store, device) -> None:
    await store.write(al.set_inhibitions, [FATAL])
    await silence(store, "severity=MAJOR")
    await take(store, device, event("A1", **MAJOR), event("A2", **MINOR))
    assert await told(store) == ["New A2"]


async def test_an_outage_of_a_site_holds_back_what_its_other_devices_say(store: Store, device) -> None:
    await store.write(al.set_inhibitions, [OUTAGE])
    others = [await store.write(dev.register, "0005B9", serial, now=NOW) for serial in ("2", "3")]
    for each in (device, *others):
        await store.write(dev.set_site, each.id, "roof")
    for number, each in enumerate((device, *others), 1):
        await take(store, each, event(f"S{number}", at=number, specific_problem="SILENT", **MAJOR))
    assert await told(store) == ["New S1"]
    assert await held(store) == {"S2": "outage", "S3": "outage"}
    await take(store, device, event("S1", kind="ClearedAlarm", at=9))
    assert await review(store, NOW + 9) == [others[0].id]  # of the other two one is told
    assert await told(store) == ["New S1", "Cleared S1", "New S2"]
    await take(store, others[0], event("S2", kind="ClearedAlarm", at=10))
    assert await review(store, NOW + 10) == [others[1].id]  # one alone is no outage
    assert await told(store) == ["New S1", "Cleared S1", "New S2", "Cleared S2", "New S3"]


async def test_rules_that_are_gone_let_out_what_they_held_back(store: Store, device) -> None:
    await store.write(al.set_inhibitions, [FATAL])
    await take(store, device, event("A1", **MAJOR), event("A2", **MINOR))
    await store.write(al.set_inhibitions, [])
    assert await review(store, NOW + 1) == [device.id]
    assert await told(store) == ["New A1", "New A2"]


async def test_what_a_silence_would_be_about_can_be_asked(store: Store, device) -> None:
    await take(store, device, event("A1"), event("A2", **MINOR), event("A3", **MAJOR))

    async def about(*matchers: str, grave: bool = False) -> list[str]:
        found = await store.read(al.would_silence, al.parse_matchers(matchers), grave=grave)
        return [each.alarm_identifier for each in found]

    assert await about("device=0005B9-1") == ["A2", "A3"]
    assert await about("device=0005B9-1", grave=True) == ["A1", "A2", "A3"]
    assert await about("severity=MINOR") == ["A2"]
    assert await about("site=roof") == []


def test_the_policy_reads_rules_and_names_what_is_wrong_with_them() -> None:
    rule = '{name: a, source: [severity=CRITICAL], target: [severity=MINOR], because: "b"}'
    policy = parse_policy(f"extends: default\ninhibit: [{rule}]\n")
    assert policy.inhibit == [al.Inhibition("a", ["severity=CRITICAL"], ["severity=MINOR"], "b")]
    with pytest.raises(Exception, match=r"inhibit 1: source: 'colour' is no attribute"):
        parse_policy(f"extends: default\ninhibit: [{rule.replace('severity=CRITICAL', 'colour=red')}]\n")
