"""UDP sockets of a server: one for each family, and each answers from where it was asked."""

from __future__ import annotations

import asyncio
import socket

import pytest

from acs.errors import AcsError
from acs.southbound.datagrams import DatagramSockets
from tests.addresses import with_ipv6


class Server:
    """Sends back what it is sent, and remembers from where it came."""

    def __init__(self) -> None:
        self.seen: list = []
        self.sockets = DatagramSockets(self.received)

    def received(self, data, source, own) -> None:
        self.seen.append((source, own))
        self.sockets.send(data, source)


@pytest.fixture
async def server():
    made = Server()
    yield made
    made.sockets.close()


async def echo(address: str, port: int) -> tuple:
    """Send a datagram to a server, wait for the answer, and return the endpoint it was sent from."""
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        client.connect((address, port))
        await loop.sock_sendall(client, b"x")
        async with asyncio.timeout(5):
            assert await loop.sock_recv(client, 10) == b"x"
        return client.getsockname()[:2]


@pytest.mark.parametrize("host", ["", "0.0.0.0", "127.0.0.1"])
async def test_an_ipv4_device_is_seen_under_its_ipv4_address(server, host):
    port = await server.sockets.open(host, 0, "stun_port")
    client = await echo("127.0.0.1", port)
    assert server.seen[0][0] == client


@with_ipv6
@pytest.mark.parametrize("host", ["::", "::1"])
async def test_an_ipv6_socket_is_of_ipv6_alone(server, host):
    port = await server.sockets.open(host, 0, "stun_port")
    client = await echo("::1", port)
    assert server.seen == [(client, (host, port))]
    assert server.sockets.send(b"x", ("127.0.0.1", 9)) is False


async def test_where_nothing_is_open_nothing_is_sent(server):
    assert server.sockets.send(b"x", ("127.0.0.1", 9)) is False
    await server.sockets.open("127.0.0.1", 0, "stun_port")
    assert server.sockets.send(b"x", ("2001:db8::1", 9)) is False
    assert server.sockets.send(b"x", ("127.0.0.1", 9)) is True


async def test_a_port_that_is_taken_names_the_setting(server):
    port = await server.sockets.open("127.0.0.1", 0, "stun_port")
    with pytest.raises(AcsError, match=rf"can't listen on UDP 127.0.0.1:{port} \(setting stun_port\)"):
        await DatagramSockets(server.received).open("127.0.0.1", port, "stun_port")
