"""Relays on real sockets: what each kind of cut does to a connection and to datagrams, and what heals."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from acs.errors import AcsError
from acs.simulator.lines import NAMES, WHOLE, Cut, Lines, Way, parse_cut
from acs.simulator.relay import TcpRelay, UdpRelay
from tests.waiting import until

DROP, REFUSE = parse_cut("drop"), parse_cut("refuse")


class Echo:
    """A server that says back what it hears, and keeps what it heard."""

    def __init__(self) -> None:
        self.heard, self.connections = b"", 0

    async def start(self) -> None:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]

    async def _serve(self, reader, writer) -> None:
        self.connections += 1
        try:
            while data := await reader.read(1000):
                self.heard += data
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


@pytest.fixture
async def echo():
    made = Echo()
    await made.start()
    try:
        yield made
    finally:
        made.server.close()


@pytest.fixture
async def relay(echo):
    made = TcpRelay(Lines(), ["standard"], ("127.0.0.1", echo.port))
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


OPEN = []


async def connect(relay):
    made = await asyncio.open_connection("127.0.0.1", relay.port)
    OPEN.append(made[1])
    return made


@pytest.fixture(autouse=True)
async def closed():
    yield
    for writer in OPEN:
        writer.transport.abort()
    OPEN.clear()
    await asyncio.sleep(0)


async def hear(reader, count: int) -> bytes:
    async with asyncio.timeout(5):
        return await reader.readexactly(count)


async def nothing_comes(reader) -> bool:
    """Tell whether nothing comes; all that is under way in this process gets its turn."""
    reading = asyncio.ensure_future(reader.read(1))
    done, _ = await asyncio.wait([reading], timeout=0.2)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    return not done


async def test_bytes_pass_as_they_are_and_the_end_as_well(echo, relay):
    reader, writer = await connect(relay)
    data = bytes(range(256)) * 1000
    writer.write(data)
    assert await hear(reader, len(data)) == data
    writer.write_eof()
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    assert relay.carried == {"up": len(data), "down": len(data)}


async def test_a_path_that_drops_lets_connections_hang_and_what_was_held_flows_when_it_is_whole(echo, relay):
    relay.lines.cut("standard", DROP)
    reader, writer = await connect(relay)
    writer.write(b"hello")
    assert await nothing_comes(reader)
    assert echo.connections == 0
    relay.lines.cut("standard", WHOLE)
    assert await hear(reader, 5) == b"hello"
    relay.lines.cut("standard", DROP)
    writer.write(b"again")
    assert await nothing_comes(reader)
    assert echo.heard == b"hello"
    relay.lines.cut("standard", WHOLE)
    assert await hear(reader, 5) == b"again"


async def test_answers_get_lost_while_requests_arrive(echo, relay):
    reader, writer = await connect(relay)
    writer.write(b"one")
    assert await hear(reader, 3) == b"one"
    relay.lines.cut("standard", parse_cut("answers-lost"))
    writer.write(b"two")
    assert await nothing_comes(reader)
    assert echo.heard == b"onetwo"


async def test_refused_connections_are_refused_and_the_port_is_kept(echo, relay):
    relay.lines.cut("standard", REFUSE)
    async with asyncio.timeout(5):
        while True:
            try:
                await connect(relay)
            except ConnectionResetError:
                continue
            except ConnectionRefusedError:
                break
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", relay.port))
    relay.lines.cut("standard", WHOLE)

    async def connected():
        with contextlib.suppress(ConnectionRefusedError):
            return await connect(relay)

    reader, writer = await until(connected)
    writer.write(b"x")
    assert await hear(reader, 1) == b"x"


@pytest.mark.parametrize("direction", ["up", "down"])
async def test_a_connection_is_reset_after_as_many_bytes(echo, relay, direction):
    relay.lines.cut("standard", Cut(**{direction: Way(reset=True, after=1000)}))
    reader, writer = await connect(relay)
    writer.write(bytes(5000))
    with pytest.raises(ConnectionResetError):
        await hear(reader, 5000)
    assert relay.carried[direction] == 1000


async def test_dropping_may_begin_in_the_middle(echo, relay):
    relay.lines.cut("standard", Cut(down=Way(drop=True, after=4)))
    reader, writer = await connect(relay)
    writer.write(b"12345678")
    assert await hear(reader, 4) == b"1234"
    assert await nothing_comes(reader)


async def test_a_slow_path_carries_everything(echo, relay):
    relay.lines.cut("standard", Cut(Way(delay=0.01), Way(rate=1e6)))
    reader, writer = await connect(relay)
    writer.write(bytes(50_000))
    assert await hear(reader, 50_000) == bytes(50_000)


async def test_a_target_that_is_not_there_is_a_broken_connection(relay, echo):
    echo.server.close()
    await asyncio.sleep(0)
    reader, writer = await connect(relay)
    writer.write(b"x")
    with pytest.raises(ConnectionResetError):
        await hear(reader, 1)


async def test_a_relay_keeps_no_more_connections_than_it_may(echo, relay, monkeypatch):
    monkeypatch.setattr("acs.simulator.relay._CONNECTIONS", 2)
    relay.lines.cut("standard", DROP)
    held = [await connect(relay) for _ in range(3)]
    with pytest.raises(ConnectionResetError):
        await hear(held[0][0], 1)
    relay.lines.cut("standard", WHOLE)
    held[2][1].write(b"x")
    assert await hear(held[2][0], 1) == b"x"


# --- datagrams -------------------------------------------------------------------------------


class Sender(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.got: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data, _):
        self.got.put_nowait(data)


class EchoDatagrams(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, source):
        self.heard.append(data)
        self.transport.sendto(data, source)


@pytest.fixture
async def datagrams():
    loop = asyncio.get_running_loop()
    server, echo = await loop.create_datagram_endpoint(EchoDatagrams, local_addr=("127.0.0.1", 0))
    relay = UdpRelay(Lines(), ["Internet"], server.get_extra_info("sockname"))
    await relay.start()
    transport, sender = await loop.create_datagram_endpoint(Sender, remote_addr=("127.0.0.1", relay.port))
    try:
        yield relay, echo, transport, sender
    finally:
        transport.close()
        await relay.stop()
        server.close()


async def answer(sender) -> bytes:
    async with asyncio.timeout(5):
        return await sender.got.get()


async def test_datagrams_pass_and_come_back(datagrams):
    relay, _, transport, sender = datagrams
    for cut in (WHOLE, Cut(Way(delay=0.01), Way(rate=1e6))):
        relay.lines.cut("Internet", cut)
        transport.sendto(b"hello")
        assert await answer(sender) == b"hello"


@pytest.mark.parametrize(
    ("cut", "heard"),
    [(DROP, 0), (REFUSE, 0), (parse_cut("answers-lost"), 1), (Cut(up=Way(loss=1.0)), 0)],
)
async def test_datagrams_get_lost_as_the_path_says(datagrams, cut, heard):
    relay, echo, transport, sender = datagrams
    relay.lines.cut("Internet", cut)
    transport.sendto(b"lost")
    await until(lambda: relay.lost)
    relay.lines.cut("Internet", WHOLE)
    transport.sendto(b"there")
    assert await answer(sender) == b"there"
    assert echo.heard == [b"lost"] * heard + [b"there"]


async def test_some_of_many_datagrams_get_lost_the_same_ones_every_time(datagrams):
    relay, echo, transport, sender = datagrams
    relay.lines.cut("Internet", Cut(up=Way(loss=0.5)))
    for number in range(40):
        transport.sendto(bytes([number]))
        await asyncio.sleep(0)
    relay.lines.cut("Internet", WHOLE)
    transport.sendto(b"end")
    while await answer(sender) != b"end":
        pass
    assert relay.lost + len(echo.heard) == 41
    assert 5 < relay.lost < 35


# --- what is wrong with a path -----------------------------------------------------------------


def test_paths_one_behind_the_other_add_up():
    lines = Lines()
    lines.cut("IPsec2", Cut(up=Way(delay=1, rate=100, loss=0.5)))
    lines.cut("trigger", Cut(up=Way(delay=2, rate=50, loss=0.5), refuse=True))
    assert lines.state(["IPsec2", "trigger"]) == Cut(Way(delay=3, rate=50, loss=0.75), refuse=True)
    assert lines.state(["standard"]) == WHOLE
    lines.cut("trigger", WHOLE)
    assert not lines.state(["IPsec2", "trigger"]).refuse


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("cut it", "'cut it' is unknown; known are whole, drop"),
        ({"up": {"dorp": True}}, "unknown field `dorp`"),
        ({"up": {"loss": 2}}, "loss 0 to 1"),
        ({"down": {"delay": -1}}, "delay is 0 to 3600"),
        (5, "a cut can't be read"),
    ],
)
def test_what_is_no_cut_is_told(what, message):
    with pytest.raises(AcsError, match=message):
        parse_cut(what)


def test_a_path_that_is_unknown_is_told():
    with pytest.raises(AcsError, match="'ipsec' is unknown; known are standard, call, files"):
        Lines().cut("ipsec", DROP)
    assert "trigger AirInterface" in NAMES
