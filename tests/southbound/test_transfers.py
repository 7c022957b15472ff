"""Slots and pace of the file server."""

from __future__ import annotations

import asyncio

import pytest

from acs.files import TransferRefused
from acs.southbound.files.transfers import Transfers


def transfers(**other) -> Transfers:
    return Transfers(**{"total": 3, "per_device": 2, "rate": 0, "rate_total": 0, **other})


def test_a_slot_is_free_again_however_its_transfer_ends() -> None:
    made = transfers()
    with made.slot(1), made.slot(1), made.slot(2):
        assert made.under_way == 3
        for device, wait in ((1, 30), (3, 60)):
            with pytest.raises(TransferRefused) as refused, made.slot(device):
                pass
            assert (refused.value.status, refused.value.retry_after) == (503, wait)
    assert made.under_way == 0
    with pytest.raises(ConnectionError), made.slot(1):
        raise ConnectionError
    assert made.under_way == 0


class Time:
    """A time that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(
    ("limits", "seconds"),
    [
        ({}, 0.0),
        ({"rate": 10_000}, 9.0),  # the first second's worth is there at once
        ({"rate_total": 20_000}, 4.0),
        ({"rate": 10_000, "rate_total": 5_000}, 19.0),
    ],
)
async def test_a_transfer_is_as_fast_as_it_may_be(limits, seconds) -> None:
    time = Time()
    made = transfers(**limits, now=time, sleep=time.sleep)
    assert made.largest(1_000_000) == min(1_000_000, *limits.values(), 1_000_000)
    assert transfers(rate=10**7).largest(1_000_000) == 65_536
    for _ in range(100):
        await made.pace("1:1", 1000)
    assert time.now - 1000 == pytest.approx(seconds, abs=0.2)


async def test_each_transfer_has_a_pace_of_its_own_and_all_share_one() -> None:
    time = Time()
    made = transfers(rate=10_000, rate_total=15_000, now=time, sleep=time.sleep)
    for _ in range(50):
        for key in ("1:1", "2:2"):
            await made.pace(key, 1000)
    assert time.now - 1000 == pytest.approx((100_000 - 15_000) / 15_000, rel=0.2)


async def test_those_who_wait_are_served_in_the_order_in_which_they_came() -> None:
    time, begun = Time(), asyncio.Event()
    sleeping: list[tuple[float, asyncio.Future[None]]] = []

    async def sleep(seconds: float) -> None:
        sleeping.append((time.now + seconds, asyncio.get_running_loop().create_future()))
        begun.set()
        await sleeping[-1][1]

    made = transfers(rate_total=1000, now=time, sleep=sleep)
    await made.pace("0:0", 1000)
    moved: list[str] = []

    async def move(key: str, amount: int) -> None:
        await made.pace(key, amount)
        moved.append(key)

    large, small, gone, last = (
        asyncio.create_task(move(*each)) for each in (("a", 1000), ("b", 10), ("c", 500), ("d", 10))
    )
    await begun.wait()
    await asyncio.sleep(0)
    assert [at - time.now for at, _ in sleeping] == pytest.approx([1.0, 1.01, 1.51, 1.52])
    gone.cancel()
    await asyncio.wait([gone])
    behind = asyncio.create_task(move("e", 10))
    await asyncio.sleep(0)
    assert sleeping[-1][0] - time.now == pytest.approx(1.03)  # what was given up is there for others
    for _, each in sorted(sleeping, key=lambda one: one[0]):
        if not each.done():
            each.set_result(None)
    await asyncio.gather(large, small, last, behind)
    assert moved == ["a", "b", "e", "d"]
