"""A device that connects again and again waits for its turn; others at the same address do not."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import aiohttp

from acs.cwmp import messages as m
from tests.southbound.conftest import SERIAL, inform, make_bench
from tests.southbound.test_bad_input import PASSWORD, register
from tests.waiting import until

SELDOM = {"device_connection_rate": 0.1, "idle_timeout": 0.5, "unlimited_networks": []}  # three at once
SOON = {**SELDOM, "device_connection_rate": 2, "idle_timeout": 5, "inform_burst": 100}
EMPTY = b"POST /acs HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"


async def session(bench, tls, serial="A1"):
    """Connect, send an Inform, and leave."""
    async with bench.client(tls) as http:
        assert isinstance((await bench.post(http, inform(serial))).message, m.InformResponse)


async def another(bench, tls):
    """Connect once more and send a request that could be answered at once."""
    reader, writer = await asyncio.open_connection("localhost", bench.node.southbound.port, ssl=tls)
    writer.write(EMPTY)
    return reader, writer


async def test_who_connects_too_often_is_not_read_and_closed_after_a_while(tmp_path):
    async for bench in make_bench(tmp_path, **SELDOM):
        mine = bench.tls()
        for _ in range(3):
            await session(bench, mine)
        front = bench.node.southbound.front
        assert "127.0.0.1" in front.familiar
        reader, writer = await another(bench, mine)
        await until(lambda front=front: "127.0.0.1" not in front.familiar)
        await session(bench, bench.tls("B2"), "B2")  # a neighbour at the same address
        assert "127.0.0.1" in front.familiar
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
        assert bench.metric("acs_connections_ended_total", reason="too-often") == 1
        assert bench.metric("acs_posts_total", result="204") == 0
        writer.close()


async def test_a_turn_that_comes_soon_is_waited_for(tmp_path):
    async for bench in make_bench(tmp_path, **SOON):
        mine = bench.tls()
        for _ in range(61):  # one more than at once
            await session(bench, mine)
        assert bench.metric("acs_connections_ended_total", reason="too-often") == 0


async def test_a_device_with_a_password_gets_its_answer_late(tmp_path):
    async for bench in make_bench(tmp_path, **SELDOM):
        await register(bench)
        headers = {"Authorization": aiohttp.encode_basic_auth(f"0005B9-{SERIAL}", PASSWORD)}
        loop, took = asyncio.get_running_loop(), []
        for _ in range(4):
            async with bench.client(bench.anonymous()) as http:
                began = loop.time()
                assert (await bench.post(http, inform(), headers=headers)).status == 200
                took.append(loop.time() - began)
        assert took[3] >= 0.5  # the longest that this node lets anybody wait
