"""Devices that were sent away are called when there is room again, who came in vain most often first."""

from __future__ import annotations

import pytest

from acs import devices as dev
from acs.southbound.turned_away import TurnedAway
from acs.southbound.turns import Turns
from acs.store.tables import devices
from tests.southbound.conftest import SERIAL, inform


class Nowhere:
    """A store that is only asked for the time."""

    def __init__(self) -> None:
        self.now = 1000.0

    def clock(self) -> float:
        return self.now


def away(room: int) -> tuple[TurnedAway, Nowhere]:
    store = Nowhere()
    return TurnedAway(store, lambda: room), store


def test_who_came_in_vain_most_often_is_called_first_then_who_waits_longest():
    line, store = away(2)
    for who, times in (("once", 1), ("often", 5), ("twice", 2), ("first of two", 2)):
        for _ in range(times):
            line.note(who)
        store.now += 1
    assert line.due(store.now) == []  # each was told when to come, and may do so
    assert line.due(store.now + 60) == ["often", "twice"]
    line.came("often")
    assert line.due(store.now + 60) == ["twice", "first of two"]


def test_nobody_is_called_where_there_is_no_room_and_few_where_there_is_much():
    line, store = away(0)
    line.note("one")
    assert line.due(store.now + 60) == []
    line, store = away(10_000)
    for number in range(100):
        line.note(str(number))
    assert len(line.due(store.now + 60)) == 32


class Failing(Nowhere):
    """A store that fails at first, and keeps what it is told then."""

    def __init__(self) -> None:
        super().__init__()
        self.failures, self.written = 1, set()

    async def write(self, _, names, *, now):
        if self.failures:
            self.failures -= 1
            raise TimeoutError
        self.written |= names


async def test_who_could_not_be_written_down_is_written_down_later_and_who_came_meanwhile_is_not():
    store = Failing()
    line = TurnedAway(store, lambda: 1)
    line.note("one")
    line.note("two")
    with pytest.raises(TimeoutError):
        await line.write_down()
    line.came("two")
    await line.write_down()
    assert store.written == {"one"}


async def late(bench, *, url: str = "http://127.0.0.1:9/") -> TurnedAway:
    """Have a device that is known come in vain, half a minute ago."""
    endpoint = bench.node.southbound.endpoint
    async with bench.client() as http:
        assert (await bench.post(http, inform())).status == 200
        await bench.post(http, b"")
        turns, endpoint.turns = endpoint.turns, Turns(0, 5.0)
        bench.clock[0] += 100
        assert (await bench.post(http, inform())).status == 503
    endpoint.turns = turns
    with_url = {"connection_request_url": url}
    await bench.node.store.write(lambda conn: conn.execute(devices.update().values(**with_url)) and None)
    bench.clock[0] += 31
    return endpoint.turned_away


async def rest(bench) -> None:
    """Have nothing be reason for a call: what its first contact left waiting is."""
    values = {"connection_request_at": None}
    await bench.node.store.write(lambda conn: conn.execute(devices.update().values(**values)) and None)


async def is_to_be_called(bench) -> bool:
    """Tell whether a call is due, or was tried; the node's dispatcher may have been quick."""
    found = await bench.node.store.read(dev.find, f"0005B9-{SERIAL}")
    return found.connection_request_at is not None


async def test_a_device_that_came_in_vain_is_called_though_nothing_waits_for_it(bench):
    line = await late(bench)
    await rest(bench)
    await line.call()
    assert await is_to_be_called(bench)
    assert line.due(bench.clock[0]) == []  # once each


async def test_one_that_has_come_since_is_not_called(bench):
    line = await late(bench)
    bench.clock[0] += 1
    async with bench.client() as http:
        assert (await bench.post(http, inform())).status == 200
        await bench.post(http, b"")
    assert line.due(bench.clock[0] + 60) == []
    await rest(bench)
    await line.call()
    assert not await is_to_be_called(bench)


async def test_one_that_no_way_is_known_to_is_not_called(bench):
    line = await late(bench, url="")
    await rest(bench)
    await line.call()
    assert not await is_to_be_called(bench)


async def test_one_that_does_not_answer_is_given_up_and_one_that_comes_is_called_no_more(store):
    def made(conn):
        found = dev.register(conn, "0005B9", "1", product_class="HeNB", now=1.0)
        conn.execute(devices.update().values(connection_request_url="http://henb.example/"))
        dev.note_turned_away(conn, {found.device_key}, now=7.0)
        dev.call_turned_away(conn, {found.device_key, "nobody"}, now=8.0)
        return found.id

    def due(conn, now):
        return [each.device_id for each in dev.due_connection_requests(conn, now=now, limit=9)]

    device_id = await store.write(made)
    for now in (8.0, 1000.0, 2000.0):
        assert await store.read(due, now) == [device_id]
        await store.write(dev.connection_request_failed, device_id, "no answer", now=now)
    assert await store.read(due, 9000.0) == []
    await store.write(dev.call_turned_away, {"0005B9-1"}, now=9000.0)
    assert await store.read(due, 9000.0) == [device_id]
    await store.write(lambda conn: conn.execute(devices.update().values(last_inform_at=9001.0)) and None)
    assert await store.read(due, 9002.0) == []
