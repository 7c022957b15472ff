"""Many alarms as one message: what goes together, when, and that the order of each device is kept."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from acs import alarms as al
from acs import devices as dev
from acs import subscriptions as sub
from acs.errors import AcsError
from acs.store import Store
from acs.store.tables import deliveries, delivery_groups, outbox
from acs.subscriptions.grouping import AT_ONCE, Row, group_key, plan
from tests.northbound.test_deliveries import settle, subscribe
from tests.northbound.test_delivery import Manager, delivering, manager
from tests.northbound.test_delivery import subscribe as subscribe_to
from tests.waiting import until

__all__ = ["manager"]  # a fixture

NOW = 1_800_000_000.0
BY_SITE = sub.Grouping(("site",), wait=30.0, interval=300.0)


def alarm(number: int, kind: str = "new") -> tuple[str, dict]:
    word = {"new": "notifyNewAlarm", "cleared": "notifyClearedAlarm"}[kind]
    return word, {"alarmId": f"x:A{number}", "perceivedSeverity": "MAJOR", "alarmType": "INTEGRITY_VIOLATION"}


async def tell(store: Store, serial: str, kind: str, body: dict, *, site: str = "", now: float = NOW) -> int:
    def act(conn) -> int:
        device = dev.register(conn, "0005B9", serial, now=now)
        dev.set_site(conn, device.id, site)
        al.notify(conn, device, kind, body, now=now)
        return conn.execute(select(func.max(outbox.c.id))).scalar_one()

    return await store.write(act)


async def page(store: Store, number: int, now: float) -> tuple[list[int], dict[str, list[int]]]:
    """Take a page; return what is told by itself, and by site."""
    found = await store.write(sub.take_page, number, node="n1", now=now)
    if found is None:
        return [], {}
    groups = {sub.labels_of(each.key).get("site", ""): list(each.ids) for each in found.groups}
    return [each.id for each in found.waiting], groups


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (sub.Grouping(("colour",)), "not grouped by 'colour'"),
        (sub.Grouping(("perceived_severity",)), "not grouped"),  # it changes while the alarm lasts
        (sub.Grouping(wait=-1), "waits 0 to"),
        (sub.Grouping(wait=3601), "waits 0 to"),
        (sub.Grouping(interval=float("nan")), "0 to 86400"),
    ],
)
async def test_a_grouping_that_makes_no_sense_is_refused(
    store: Store, wanted: sub.Grouping, why: str
) -> None:
    with pytest.raises(AcsError, match=why):
        await subscribe(store, grouping=wanted)


async def test_alarms_of_a_site_wait_for_each_other_and_go_as_one_message(store: Store) -> None:
    made = await subscribe(store, grouping=BY_SITE)
    assert (await store.read(sub.find_subscription, made.id)).grouping == BY_SITE
    roof = [await tell(store, f"A{n}", *alarm(n), site="roof", now=NOW + n) for n in range(3)]
    cellar = [await tell(store, "B1", *alarm(9), site="cellar", now=NOW + 20)]
    assert await page(store, made.id, NOW + 29) == ([], {})
    assert await page(store, made.id, NOW + 30) == ([], {"roof": roof})
    await store.write(sub.release_all)
    found = await store.write(sub.take_page, made.id, node="n1", now=NOW + 50)
    assert [each.ids for each in found.groups] == [tuple(roof), tuple(cellar)]
    group = found.groups[0]
    assert (group.lines, group.kinds, group.first_at, group.last_at) == (
        3,
        {"notifyNewAlarm": 3},
        NOW,
        NOW + 2,
    )
    assert [each.id for each in group.shown] == roof


async def test_the_next_message_of_a_group_waits_for_its_interval(store: Store) -> None:
    made = await subscribe(store, grouping=BY_SITE)
    first = await tell(store, "A1", *alarm(1), site="roof")
    assert await page(store, made.id, NOW + 30) == ([], {"roof": [first]})
    facts = {"node": "n1", "longest": 300.0, "jitter": 0.0, "failures": {}, "now": NOW + 30}
    await store.write(sub.settle, made.id, delivered=[first], groups=['{"site":"roof"}'], **facts)
    second = await tell(store, "A2", *alarm(2), site="roof", now=NOW + 31)
    assert await page(store, made.id, NOW + 329) == ([], {})
    assert await page(store, made.id, NOW + 330) == ([], {"roof": [second]})
    await store.write(
        sub.settle, made.id, delivered=[second], groups=['{"site":"roof"}'], **facts | {"now": NOW + 330}
    )
    assert await page(store, made.id, NOW + 10_000) == ([], {})  # nothing is repeated
    rows = await store.read(lambda conn: conn.execute(select(delivery_groups)).all())
    assert [row.sent_at for row in rows] == [NOW + 330]


async def test_what_is_no_alarm_is_told_by_itself_and_in_order(store: Store) -> None:
    made = await subscribe(store, grouping=BY_SITE)
    other = await tell(store, "B1", "notifyComments", {"commentText": "x"}, site="roof")
    first = await tell(store, "A1", *alarm(1), site="roof")
    after = await tell(store, "A1", "notifyComments", {"commentText": "blocked"}, site="roof", now=NOW + 1)
    assert await page(store, made.id, NOW + 2) == ([other], {})
    await settle(store, made.id, [other], now=NOW + 2)
    assert await page(store, made.id, NOW + 30) == ([], {"roof": [first]})
    await settle(store, made.id, [first], now=NOW + 30)
    assert await page(store, made.id, NOW + 30) == ([after], {})


async def test_what_asks_people_to_decide_is_not_late_and_overtakes_nothing(store: Store) -> None:
    made = await subscribe(store, grouping=BY_SITE)
    other = await tell(store, "B1", *alarm(9), site="roof")
    first = await tell(store, "A1", *alarm(1), site="roof")
    asks = {"commentText": "no communication possible", "decisionNeeded": True}
    asked = await tell(store, "A1", "notifyComments", asks, site="roof", now=NOW + 1)
    after = await tell(store, "A1", *alarm(2), site="roof", now=NOW + 1)
    assert await page(store, made.id, NOW + 2) == ([first, asked], {})
    await settle(store, made.id, [first, asked], now=NOW + 2)
    assert await page(store, made.id, NOW + 29) == ([], {})
    assert await page(store, made.id, NOW + 30) == ([], {"roof": [other, after]})


async def test_a_message_that_failed_is_sent_again_with_what_came_meanwhile(store: Store) -> None:
    made = await subscribe(store, grouping=BY_SITE)
    first = await tell(store, "A1", *alarm(1), site="roof")
    assert await page(store, made.id, NOW + 30) == ([], {"roof": [first]})
    await settle(store, made.id, failures={first: sub.Failure("down", "nobody is there")}, now=NOW + 30)
    second = await tell(store, "A2", *alarm(2), site="roof", now=NOW + 30)
    assert await page(store, made.id, NOW + 31) == ([], {"roof": [first, second]})


async def test_a_storm_is_one_message_that_tells_how_much_there_is(store: Store) -> None:
    made = await subscribe(store, grouping=sub.Grouping(wait=0.0))

    def storm(conn) -> None:
        for serial in range(5):
            device = dev.register(conn, "0005B9", f"S{serial}", now=NOW)
            for number in range(100):
                al.notify(conn, device, *alarm(number, "cleared" if number % 4 == 3 else "new"), now=NOW)

    await store.write(storm)
    found = await store.write(sub.take_page, made.id, node="n1", now=NOW)
    [group] = found.groups
    assert (len(group.ids), group.lines) == (500, 5)
    assert group.kinds == {"notifyNewAlarm": 375, "notifyClearedAlarm": 125}
    assert [each.id for each in group.shown] == list(group.ids[-100:])
    await settle(store, made.id, group.ids)
    assert (
        await store.read(lambda conn: conn.execute(select(func.count()).select_from(deliveries)).scalar())
        == 0
    )


async def test_others_are_told_one_by_one_as_ever(store: Store) -> None:
    await subscribe(store, grouping=BY_SITE)
    usual = await subscribe(store)
    numbers = [await tell(store, "A1", *alarm(n), site="roof") for n in range(3)]
    assert await page(store, usual.id, NOW) == (numbers, {})


async def test_a_manager_gets_one_signed_message_for_many_alarms(
    store: Store, manager: Manager, clock
) -> None:
    grouping = sub.Grouping(("site", "product_class"), wait=0.0)

    async def all_told() -> bool:
        return all(each.waiting == 0 for each in await store.read(sub.backlogs))

    for number in range(4):
        if number == 0:
            await subscribe_to(store, manager.url, grouping=grouping)

        def storm(conn, number=number) -> None:
            device = dev.register(conn, "0005B9", f"S{number}", product_class="HeNB", now=NOW)
            dev.set_site(conn, device.id, "roof")
            al.notify(conn, device, *alarm(number), now=NOW)

        await store.write(storm)
    async with delivering(store):
        await until(all_told)
    [(request, body)] = manager.got
    told = msgspec.json.decode(body)
    assert told["notificationType"] == "notifyAlarmGroup"
    assert told["groupLabels"] == {"product_class": "HeNB", "site": "roof"}
    assert (told["count"], told["devices"], told["counts"], told["omitted"]) == (
        4,
        4,
        {"notifyNewAlarm": 4},
        0,
    )
    assert [each["alarmId"] for each in told["notifications"]] == [f"x:A{n}" for n in range(4)]
    assert told["href"] == "https://acs/v1/alarms?state=active"
    assert request.headers["webhook-id"].endswith("-4")


# --- the plan ------------------------------------------------------------------------------


def test_what_groups_is_what_does_not_change() -> None:
    facts = {"site": "roof", "device": "d"}
    wanted = sub.Grouping(("event_type", "site"))
    for severity in ("MAJOR", "CLEARED"):
        body = {"alarmId": "x", "alarmType": "E", "perceivedSeverity": severity}
        assert group_key(wanted, body, facts) == '{"site":"roof","event_type":"E"}'
    assert group_key(wanted, {"commentText": "x"}, facts) is None
    assert group_key(wanted, {"commentText": "x", "decisionNeeded": True}, facts) == AT_ONCE
    assert group_key(sub.Grouping(), {"alarmId": "x"}, facts) == "{}"


rows = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from([None, "a", "b", AT_ONCE]), st.integers(0, 10)), max_size=30
).map(
    lambda drawn: [
        Row(number, line, key, at)
        for number, (at, line, key) in enumerate(
            sorted(((float(at), line, key) for line, key, at in drawn), key=lambda each: each[0]), 1
        )
    ]
)
wanted = st.builds(sub.Grouping, wait=st.floats(0, 10), interval=st.floats(0, 10))


@given(rows, wanted, st.dictionaries(st.sampled_from(["a", "b"]), st.floats(0, 10)), st.floats(0, 30))
def test_nothing_of_a_device_is_told_before_what_came_earlier(rows, wanted, sent_at, now) -> None:
    alone, groups = plan(rows, sent_at, wanted, now=now)
    message = {number: number for number in alone}
    message |= {number: key for key, numbers in groups.items() for number in numbers}
    for row in rows:
        if row.id not in message:
            continue
        before = [each for each in rows if each.line == row.line and each.id < row.id]
        assert all(each.id in message for each in before), "it overtakes"
        if row.id in alone:
            asks = [each.id for each in rows if each.line == row.line and each.key == AT_ONCE]
            assert row.id <= max(asks, default=-1) or row.key is None
            assert all(each.id in alone for each in before)
        else:
            assert all(message[each.id] == row.key for each in before)
            assert message[row.id] == row.key


@given(rows, wanted)
def test_nothing_that_asks_people_waits(rows, wanted) -> None:
    alone, _ = plan(rows, {"a": 1e9, "b": 1e9}, wanted, now=0.0)
    assert {row.id for row in rows if row.key == AT_ONCE} <= set(alone)


@given(rows, wanted)
def test_everything_is_told_once_at_last(rows, wanted) -> None:
    left, sent_at, now, told = list(rows), {}, 0.0, []
    for _ in range(1000):
        if not left:
            break
        alone, groups = plan(left, sent_at, wanted, now=now)
        for number in groups:
            assert now >= sent_at.get(number, -1e9) + wanted.interval
            sent_at[number] = now
        done = [*alone, *(each for numbers in groups.values() for each in numbers)]
        told += done
        left = [row for row in left if row.id not in done]
        if not done:
            now += 1.0
    assert sorted(told) == [row.id for row in rows]
