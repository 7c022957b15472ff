"""So many Informs at a time, and none waits for ever."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from acs import devices as dev
from acs.cwmp import encode
from acs.cwmp import messages as m
from acs.southbound.authentication import Refused
from acs.southbound.turns import Turns, is_expected, seems_expected
from tests.southbound.conftest import SERIAL, inform


async def test_so_many_pass_at_a_time_in_order_and_all_in_the_end():
    turns, inside, most, order = Turns(2, 5.0), 0, 0, []

    async def one(number: int) -> None:
        nonlocal inside, most
        async with turns.turn():
            inside += 1
            most = max(most, inside)
            order.append(number)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(one(number) for number in range(14)))
    assert most == 2
    assert order == list(range(14))


async def test_who_waits_too_long_is_told_to_come_again_and_takes_no_turn():
    turns = Turns(1, 0.01)
    async with turns.turn():
        with pytest.raises(Refused) as refused:
            async with turns.turn():
                pass
    assert (refused.value.status, refused.value.reason) == (503, "busy")
    assert 5 <= refused.value.retry_after <= 30
    async with turns.turn():
        pass


async def test_what_fails_gives_its_turn_back():
    turns = Turns(1, 5.0)
    with pytest.raises(ValueError, match="x"):
        async with turns.turn():
            raise ValueError("x")
    async with turns.turn():
        pass


async def test_where_many_wait_already_another_is_refused_at_once():
    turns = Turns(1, 60.0)
    turns.demand_room()
    async with turns.turn():
        waiting = [asyncio.create_task(turns.turn(expected=True).__aenter__()) for _ in range(8)]
        await asyncio.sleep(0)
        with pytest.raises(Refused) as refused:
            turns.demand_room()
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    assert refused.value.reason == "busy"
    turns.demand_room()


async def _begin(turns: Turns, order: list[str], name: str, *, expected: bool) -> None:
    async with turns.turn(expected=expected):
        order.append(name)


async def test_those_who_were_called_go_first_and_a_part_of_the_line_is_theirs():
    turns, order = Turns(1, 60.0), []
    async with turns.turn():
        others = [asyncio.create_task(_begin(turns, order, "other", expected=False)) for _ in range(6)]
        await asyncio.sleep(0)
        with pytest.raises(Refused):
            await _begin(turns, order, "too many", expected=False)
        called = asyncio.create_task(_begin(turns, order, "called", expected=True))
        await asyncio.sleep(0)
        assert not called.done()
    await asyncio.gather(called, *others)
    assert order == ["called", *["other"] * 6]


@pytest.mark.parametrize(
    ("events", "retries", "expected"),
    [
        (["2 PERIODIC"], 0, False),
        (["4 VALUE CHANGE"], 3, False),
        (["4 VALUE CHANGE"], 4, True),  # it stays away for minutes when it is sent away once more
        (["4 VALUE CHANGE"], 12, True),
        (["6 CONNECTION REQUEST", "4 VALUE CHANGE"], 0, True),
        (["1 BOOT", "M Reboot"], 0, True),
    ],
)
def test_who_goes_first_and_that_it_is_seen_at_a_glance(events, retries, expected):
    message = replace(inform(SERIAL, *events), retry_count=retries)
    assert is_expected(message) == expected
    assert seems_expected(encode(message, namespace=m.CWMP_1_2, header=m.Header(id="1"))) == expected


async def test_a_turn_given_to_one_that_goes_at_that_moment_is_not_lost():
    turns, order = Turns(1, 60.0), []
    async with turns.turn():
        gone = asyncio.create_task(_begin(turns, order, "gone", expected=True))
        stays = asyncio.create_task(_begin(turns, order, "stays", expected=False))
        await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait_for(stays, 5)
    assert order == ["stays"]


async def test_that_a_device_was_told_to_come_again_is_noted_but_not_as_that_of_a_stranger(bench):
    endpoint = bench.node.southbound.endpoint
    async with bench.client() as http:
        assert (await bench.post(http, inform())).status == 200
        bench.clock[0] += 100
        endpoint.turns = Turns(0, 5.0)
        answer = await bench.post(http, inform())
    assert (answer.status, int(answer.headers["Retry-After"]) >= 5) == (503, True)
    await endpoint.turned_away.write_down()

    def look(conn):
        found = dev.find(conn, f"0005B9-{SERIAL}")
        return dev.turned_away_at(conn, found.id), dev.list_refusals(conn)

    assert await bench.node.store.read(look) == (bench.clock[0], [])


async def test_a_crowd_is_more_than_can_pass_at_a_time_and_there_is_room_where_nobody_waits():
    turns = Turns(2, 60.0)
    assert (turns.room, turns.crowded) == (2, False)
    async with turns.turn():
        assert turns.room == 1
        async with turns.turn():
            waiting = [asyncio.create_task(turns.turn().__aenter__()) for _ in range(3)]
            await asyncio.sleep(0)
            assert (turns.room, turns.crowded) == (0, True)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            assert (turns.room, turns.crowded) == (0, False)
