"""Safety at scale, the rows: who has a slot and who stands in line, on both engines."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from acs.remediation.safety.limits import Canary, GroupLimit, Safety, StopRule
from acs.remediation.safety.slots import end_slot, granted_cases, slot_state
from acs.store import Store
from acs.store.tables import cases, safety_slots
from tests.remediation.slots import NOW, RULES, asks, gives, make_cases
from tests.world import World


async def test_slots_are_taken_up_to_the_limit_and_freed_for_the_most_severe(store):
    def story(conn):
        ids = make_cases(conn, 6)
        assert [asks(conn, each) is None for each in ids[:3]] == [True] * 3
        assert "3 of fleet" in asks(conn, ids[3], urgency=2).reason
        asks(conn, ids[4], urgency=2, now=NOW + 1)
        asks(conn, ids[5], urgency=0, now=NOW + 2)
        end_slot(conn, ids[0], "good")
        gives(conn)
        assert granted_cases(conn, limit=9) == [ids[5]]
        assert asks(conn, ids[5]) is None
        end_slot(conn, ids[1], "good")
        gives(conn)
        assert granted_cases(conn, limit=9) == [ids[3]]

    await store.write(story)


async def test_a_full_site_keeps_no_other_waiting(store):
    def story(conn):
        one, two, three = make_cases(conn, 3)
        assert asks(conn, one, site="x") is None
        assert "site:x" in asks(conn, two, site="x").reason
        assert asks(conn, three, site="y") is None
        end_slot(conn, one, "good")
        gives(conn)
        assert granted_cases(conn, limit=9) == [two]

    await store.write(story)


async def test_what_is_set_aside_closed_or_took_too_long_holds_no_slot(store):
    def story(conn):
        ids = make_cases(conn, 4)
        for each in ids[:3]:
            asks(conn, each)
        asks(conn, ids[3])
        conn.execute(cases.update().where(cases.c.id == ids[0]).values(state="closed"))  # by whatever way
        gives(conn)
        assert slot_state(conn, ids[3]) == "granted"
        gives(conn, now=NOW + RULES.slot_seconds + 1)
        assert [slot_state(conn, each) for each in ids] == [""] * 4

    await store.write(story)


async def test_two_transactions_do_not_give_out_the_same_slot(store):
    ids = await store.write(make_cases, 20)
    await asyncio.gather(*(store.write(asks, each) for each in ids))

    def look(conn):
        gives(conn)
        return [slot_state(conn, each) for each in ids]

    states = await store.write(look)
    assert len([each for each in states if each != "held"]) == 3


async def test_two_nodes_contend_for_slots_and_never_give_out_more(postgresql_url, clock):
    """Each begins its cases at once, on connections of its own."""
    nodes = [await Store.open(postgresql_url, clock=clock) for _ in range(2)]
    ids = await nodes[0].write(make_cases, 24)
    seen: list[int] = []

    def begin(conn, case_id: int) -> bool:
        return slot_state(conn, case_id) in ("granted", "running") or asks(conn, case_id) is None

    def taken(conn) -> int:
        running = safety_slots.c.state.in_(("granted", "running"))
        return conn.execute(select(func.count()).where(running)).scalar_one()

    async def treat(number: int, case_id: int) -> None:
        node = nodes[number % 2]
        async with asyncio.timeout(60):
            while not await node.write(begin, case_id):
                await node.write(gives)
                await asyncio.sleep(0)
        seen.append(await node.read(taken))
        await node.write(end_slot, case_id, "good")

    try:
        await asyncio.gather(*(treat(number, each) for number, each in enumerate(ids)))
    finally:
        for node in nodes:
            await node.close()
    assert len(seen) == 24
    assert max(seen) <= 3


@dataclass
class Line:
    """A model of who runs and who waits."""

    running: dict[int, str] = field(default_factory=dict)
    waiting: dict[int, tuple[int, float, str]] = field(default_factory=dict)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.sampled_from(["", "x", "y"]), st.integers(0, 3)),
        st.tuples(st.just("end"), st.integers(0, 9), st.sampled_from(["good", "bad", ""])),
    ),
    min_size=5,
    max_size=40,
)


@settings(max_examples=40, deadline=None)
@given(story=steps)
def test_limits_are_never_exceeded_and_nobody_waits_for_what_is_free(story):
    rules = Safety(
        limits={"fleet": GroupLimit(concurrent=3), "site": GroupLimit(concurrent=1)},
        canary=Canary(cases=0),
        stop=StopRule(failures=1000),
    )
    world = World(golden=False, image=None)
    with world.conn.begin():
        ids = iter(make_cases(world.conn, sum(word == "ask" for word, _, _ in story)))
        line, now = Line(), NOW
        for word, what, how in story:
            now += 1
            if word == "ask":
                case_id = next(ids)
                if asks(world.conn, case_id, site=what, urgency=how, now=now, rules=rules) is None:
                    line.running[case_id] = what
                else:
                    line.waiting[case_id] = (how, now, what)
            elif line.running:
                case_id = sorted(line.running)[what % len(line.running)]
                del line.running[case_id]
                end_slot(world.conn, case_id, how)
                gives(world.conn, now=now, rules=rules)
                for granted in granted_cases(world.conn, limit=99):
                    mine = line.waiting.pop(granted)
                    better = [each for each in line.waiting.values() if each[:2] < mine[:2]]
                    assert all(each[2] == mine[2] or each[2] in line.running.values() for each in better)
                    line.running[granted] = mine[2]
                    assert asks(world.conn, granted, rules=rules) is None
            sites = [each for each in line.running.values() if each]
            assert len(line.running) <= 3
            assert len(sites) == len(set(sites))
            if len(line.running) < 3:
                assert all(each[2] in sites for each in line.waiting.values() if each[2])
                assert all(each[2] for each in line.waiting.values())
