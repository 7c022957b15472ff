"""The front's queue of strangers."""

from __future__ import annotations

import asyncio
import gc
import socket
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from acs.observability import Metrics
from acs.southbound.connections import Bounds, Connection, Connections, Stage, Trust
from acs.southbound.front import Front
from acs.southbound.guarded import HTTP, Guarded
from acs.southbound.limits import Buckets
from tests.waiting import until


class Holder:
    def end(self) -> None:
        """Nothing is held."""

    def time_out(self, stage: Stage) -> None:
        """Nothing is held."""

    def written(self) -> int:
        return 0


def front_of(connections: Connections, strangers: Buckets | None = None) -> Front:
    return Front(
        connections,
        rate=Buckets(1000, 1000),
        strangers=Buckets(1000, 1000) if strangers is None else strangers,
        identities=Buckets(1000, 1000),
        unlimited=[],
        handshake_timeout=10,
        longest_delay=10,
        metrics=Metrics(),
    )


async def test_strangers_that_left_take_no_turn_from_those_that_wait():
    connections = Connections(Bounds(5000, 5000, 5000, 8, dict.fromkeys(Stage, 60.0)))
    front = front_of(connections, Buckets(0.001, 2))  # two turns, and then none for a quarter of an hour
    try:
        begun: list[int] = []
        for number in range(1000):
            connection = Connection(f"192.0.2.{number % 250}", Holder())
            connections.add(connection, 0.0)
            front.begin(connection, lambda number=number: begun.append(number))
            if number < 999:
                connections.remove(connection)
        await until(lambda: 999 in begun)
        assert begun == list(range(1000))
    finally:
        await front.stop()


async def test_whose_address_is_familiar_does_not_wait_with_strangers():
    connections = Connections(Bounds(5000, 5000, 5000, 8, dict.fromkeys(Stage, 60.0)))
    front = Front(
        connections,
        rate=Buckets(1000, 1000),
        strangers=Buckets(0.001, 1),  # one turn, and then none for a quarter of an hour
        identities=Buckets(1000, 1000),
        unlimited=[],
        handshake_timeout=10,
        longest_delay=10,
        metrics=Metrics(),
    )
    try:
        begun: list[str] = []
        for number in range(3):
            connection = Connection(f"192.0.2.{number}", Holder())
            connections.add(connection, 0.0)
            front.begin(connection, lambda: begun.append("stranger"))
        for _ in range(20):
            await asyncio.sleep(0)
        assert begun == ["stranger"]
        known = Connection("192.0.2.99", Holder(), trust=Trust.FAMILIAR)
        connections.add(known, 0.0)
        front.begin(known, lambda: begun.append("familiar"))
        for _ in range(5):
            await asyncio.sleep(0)
        assert begun == ["stranger", "familiar"]
    finally:
        await front.stop()


async def test_connections_that_are_refused_leave_nothing_for_the_garbage_collector():
    """A hundred thousand of them would make it stop everybody for a while, again and again."""
    connections = Connections(Bounds(5000, 10, 5000, 8, dict.fromkeys(Stage, 60.0)))
    front = front_of(connections)
    opened = []
    gc.collect()
    before = _connections_in_memory()
    gc.disable()
    try:
        port = front.listen("127.0.0.1", 0, None, "port", lambda: None)
        for _ in range(60):
            each = socket.socket()
            each.setblocking(False)
            await asyncio.get_running_loop().sock_connect(each, ("127.0.0.1", port))
            opened.append(each)
        async with asyncio.timeout(10):
            while len([each for each in opened if _is_reset(each)]) < 50:
                await asyncio.sleep(0)
        assert _connections_in_memory() - before == 10
    finally:
        gc.enable()
        for each in opened:
            each.close()
        await front.stop()


def _connections_in_memory() -> int:
    return sum(type(each) is Connection for each in gc.get_objects())


def _is_reset(opened: socket.socket) -> bool:
    try:
        return opened.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


async def test_a_peer_that_said_something_gets_all_of_its_answer():
    """Who says nothing is forgotten by a reset; a reset would take away what is still on its way."""
    front = front_of(Connections(Bounds(5000, 10, 5000, 8, dict.fromkeys(Stage, 60.0))))
    large, answered = b"x" * 30_000, []

    async def answer(request: web.BaseRequest) -> web.Response:
        answered.append(request)
        response = web.Response(body=large)
        response.force_close()
        return response

    server = web.Server(answer)

    def handler() -> Guarded:
        return Guarded(server, loop=asyncio.get_running_loop(), **HTTP)

    port = front.listen("127.0.0.1", 0, None, "port", handler)
    try:
        with socket.create_connection(("127.0.0.1", port)) as speaking:
            speaking.setblocking(False)
            speaking.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await until(lambda: answered and not len(front.connections))
            got = b""
            while part := await asyncio.get_running_loop().sock_recv(speaking, 65536):
                got += part
            assert got.endswith(large)
        silent = socket.create_connection(("127.0.0.1", port))
        silent.setblocking(False)
        await until(lambda: len(front.connections) == 1)
    finally:
        await front.stop()
    with silent, pytest.raises(ConnectionResetError):
        silent.recv(1)


async def test_no_more_handshakes_begin_than_may_be_in_progress():
    connections = Connections(Bounds(5000, 5000, 5000, 8, dict.fromkeys(Stage, 60.0), handshakes=8))
    front = front_of(connections)
    try:
        begun: list[Connection] = []

        def start(connection: Connection) -> None:
            begun.append(connection)
            front.enter(connection, Stage.HANDSHAKE)

        for number in range(5):
            connection = Connection(f"192.0.2.{number}", Holder())
            connections.add(connection, 0.0)
            front.begin(connection, lambda connection=connection: start(connection))
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(begun) == 2  # a quarter of eight, since all are strangers
        front.enter(begun[0], Stage.FRESH)
        await until(lambda: len(begun) >= 3)
        assert len(begun) == 3
    finally:
        await front.stop()


@pytest.mark.parametrize(
    ("head", "told"),
    [
        (b"POST / HTTP/1.1\r\nAuthorization: Basic hunter2\x01\r\n\r\n", "Invalid header value char"),
        (b"POST / HTTP/1.1\r\nAuthorization : Basic hunter2\r\n\r\n", "Invalid header token"),
        (b"POST /files/hunter2 HTTP/1.1x\r\n\r\n", "Expected CRLF after version"),
        (b"POST / HTTP/1.1\r\nCookie: hunter2" + b"x" * 9000 + b"\r\n\r\n", "Got more than"),
    ],
)
async def test_what_can_not_be_read_is_not_quoted_in_the_log(bench, head, told):
    with capture_logs() as logs:
        url = urlsplit(bench.node.url)
        reader, writer = await asyncio.open_connection(url.hostname, url.port, ssl=bench.anonymous())
        writer.write(head)
        await writer.drain()
        await reader.read()
        writer.close()
    [why] = [each["why"] for each in logs if each["event"] == "a request could not be read"]
    assert told in why
    assert "hunter2" not in str(logs)
