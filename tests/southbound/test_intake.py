"""What a device may make the ACS take in: quarantine, large messages one by one, memory of bodies."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from acs.cwmp import messages as m
from acs.southbound.intake import Narrow, Quarantine
from tests.southbound.conftest import SERIAL, body_of, inform, make_bench
from tests.waiting import until


def test_a_device_is_left_aside_after_three_failures_and_longer_each_time():
    quarantine = Quarantine(strikes=3, first=60, longest=200)
    assert [quarantine.failed("a", 0) for _ in range(6)] == [0, 0, 60, 120, 200, 200]
    assert quarantine.left("a", 150) == 50
    assert quarantine.left("b", 0) == 0
    quarantine.fine("a")
    assert quarantine.left("a", 0) == 0
    assert quarantine.failed("a", 0) == 0


@given(st.lists(st.sampled_from("abcdefghij"), max_size=100))
def test_the_quarantine_remembers_only_so_many(names):
    quarantine = Quarantine(capacity=4)
    for name in names:
        quarantine.failed(name, 0)
        assert len(quarantine._failures) <= 4


async def test_one_passes_at_a_time_and_the_smallest_first():
    narrow, order, gate = Narrow(), [], asyncio.Event()

    async def work(size):
        async with narrow.passing(size):
            order.append(size)
            await gate.wait()

    tasks = [asyncio.create_task(work(size)) for size in (9, 5, 7, 1)]
    await asyncio.sleep(0)
    assert order == [9]
    tasks[2].cancel()
    gate.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert order == [9, 1, 5]
    async with narrow.passing(3):
        pass


async def partial(bench, size, announced=1_000_000, serial=SERIAL):
    """Send the beginning of a large body."""
    reader, writer = await asyncio.open_connection(
        "localhost", bench.node.southbound.port, ssl=bench.tls(serial)
    )
    writer.write(b"POST /acs HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % announced)
    writer.write(b"<" + b"x" * (size - 1))
    await writer.drain()
    return reader, writer


async def held(bench, size):
    await until(lambda: bench.node.southbound.endpoint.intake.held == size)


async def test_where_bodies_take_too_much_memory_the_largest_is_refused(tmp_path):
    async for bench in make_bench(tmp_path, body_memory=500_000):
        large, writer = await partial(bench, 300_000)
        await held(bench, 300_000)
        _small, other = await partial(bench, 250_000, serial="B2")
        answer = await large.readuntil(b"\r\n\r\n")
        assert b" 503 " in answer.splitlines()[0]
        await held(bench, 250_000)
        async with bench.client() as http:
            assert isinstance((await bench.post(http, inform())).message, m.InformResponse)
        assert bench.metric("acs_refused_total", reason="no-memory") == 1
        writer.close()
        other.close()


async def test_the_informs_of_one_device_are_counted_and_those_of_another_are_not(tmp_path):
    async for bench in make_bench(tmp_path, inform_rate=0.001, inform_burst=3):
        async with bench.client() as http, bench.client(bench.tls("B2")) as other:
            assert [(await bench.post(http, inform())).status for _ in range(3)] == [200] * 3
            answer = await bench.post(http, inform())
            assert answer.status == 503
            assert 0 < int(answer.headers["Retry-After"]) <= 1000
            assert (await bench.post(other, inform("B2"))).status == 200
        assert bench.metric("acs_refused_total", reason="too-many-informs") == 1


async def test_the_bytes_of_one_device_are_counted(tmp_path):
    async for bench in make_bench(tmp_path, message_rate=1000, max_body=30_000):
        async with bench.client() as http:
            statuses = [(await bench.post(http, b"<a/>" + b" " * 29_000)).status for _ in range(5)]
            assert statuses == [400] * 3 + [503] * 2


async def test_without_proof_nothing_of_a_message_is_read(bench, monkeypatch):
    async with bench.client(bench.anonymous()) as http:
        monkeypatch.setattr("acs.southbound.endpoint.decode", None)
        for body in (b"<", b"", body_of(inform()), b"<!DOCTYPE x>"):
            assert (await bench.post(http, body)).status == 401
    assert bench.metric("acs_posts_total", result="no-credentials") == 4
