"""So many Informs at a time, and none waits for ever."""

from __future__ import annotations

import asyncio

import pytest

from acs.southbound.authentication import Refused
from acs.southbound.turns import Turns


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

    await asyncio.gather(*(one(number) for number in range(20)))
    assert most == 2
    assert order == list(range(20))


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
        waiting = [asyncio.create_task(turns.turn().__aenter__()) for _ in range(4)]
        await asyncio.sleep(0)
        with pytest.raises(Refused) as refused:
            turns.demand_room()
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    assert refused.value.reason == "busy"
    turns.demand_room()
