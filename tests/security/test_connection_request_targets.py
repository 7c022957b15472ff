"""No address that a device names makes the ACS speak to what is not a device."""

from __future__ import annotations

import asyncio

import pytest

from acs import commands as cm
from acs import devices as dev
from acs.cwmp import messages as m
from tests.southbound.conftest import SERIAL, inform, make_bench
from tests.waiting import until

pytestmark = pytest.mark.row("2.12")


class Trap:
    """A service on loopback that no connection request may reach."""

    def __init__(self) -> None:
        self.connections = 0

    async def serve(self, reader, writer) -> None:
        self.connections += 1
        writer.close()


@pytest.fixture
async def trap():
    made = Trap()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()
    await server.wait_closed()


async def called(bench, url: str, **also: str) -> dev.Device:
    """Have a device tell where it can be called, and wait for what comes of the call."""
    names = {"ConnectionRequestURL": url, **also}
    values = [m.ParameterValue(f"Device.ManagementServer.{name}", text) for name, text in names.items()]
    async with bench.client() as http:
        await bench.post(http, inform(parameters=values))

    def enqueue(conn):
        device = dev.find(conn, f"0005B9-{SERIAL}")
        request = m.GetParameterValues(("Device.",))
        now = bench.clock[0] + 1
        cm.enqueue(conn, device.id, request, command_key="k", purpose="operator", now=now)
        dev.session_over(conn, device.id, now=now, patience=1.0)
        return device.id

    device_id = await bench.node.store.write(enqueue)
    bench.clock[0] += 100

    async def tried():
        found = await bench.node.store.read(dev.get, device_id)
        return found if found.connection_request_tried_at else None

    return await until(tried)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://127.1:{port}/",
        "http://2130706433:{port}/",
        "http://0x7f.0.0.1:{port}/",
        "http://0:{port}/",
        "http://localhost:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://[::1]:{port}/",
        "https://127.0.0.1:{port}/",
        "http://169.254.169.254/latest/meta-data/",
        "http://user:password@127.0.0.1:{port}/",
        "http://192.0.2.1@127.0.0.1:{port}/",
        "http://[:]@",
        "http://[::1]@:{port}/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:{port}/",
        "http://127.0.0.1:{port}/\r\nX-Injected: 1",
    ],
)
async def test_a_hostile_url_reaches_nothing_and_the_reason_is_told(tmp_path, trap, url):
    async for bench in make_bench(tmp_path, connection_request_networks=[]):
        device = await called(bench, url.format(port=trap.port))
        assert device.connection_request_result in ("http refused-address", "http bad-address", "http dns")
        assert device.connection_request_error
        assert trap.connections == 0


async def test_a_redirection_into_the_house_is_not_followed(tmp_path, trap):
    async def redirect(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 302 x\r\nLocation: http://127.0.0.1:%d/\r\n\r\n" % trap.port)
        writer.close()

    server = await asyncio.start_server(redirect, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async for bench in make_bench(tmp_path):
        device = await called(bench, f"http://127.0.0.1:{port}/")
        assert device.connection_request_result == "http bad-answer"
        assert trap.connections == 0
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize(
    "address", ["127.0.0.1:{port}", "169.254.169.254:80", "239.0.0.1:7547", "[::1]:{port}"]
)
async def test_no_datagram_goes_to_a_hostile_udp_address(tmp_path, address):
    got: asyncio.Queue = asyncio.Queue()

    class Victim(asyncio.DatagramProtocol):
        def datagram_received(self, data, addr):
            got.put_nowait(data)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        Victim, local_addr=("127.0.0.1", 0)
    )
    where = address.format(port=transport.get_extra_info("sockname")[1])
    async for bench in make_bench(tmp_path, connection_request_networks=[], stun_port=0):
        device = await called(bench, "http://169.254.1.1/", UDPConnectionRequestAddress=where)
        assert device.connection_request_result == "http refused-address"
        assert "udp: " in device.connection_request_error
        assert got.empty()
    transport.close()
