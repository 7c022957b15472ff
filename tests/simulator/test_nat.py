"""HeNBs behind a NAT: reached through the binding that STUN keeps, over real sockets and a real node."""

from __future__ import annotations

import asyncio
import socket
from time import time

import pytest

from acs import commands as cm
from acs import devices as dev
from acs.cwmp import messages as m
from acs.simulator import OUI, Vendor
from acs.simulator.nat import Nat
from tests.nodes import running_fleet, running_node
from tests.waiting import until

POLICY = "extends: default\nname: test\nprovisioning: {{stun_server: '127.0.0.1:{port}'}}\n"


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture
async def node(tmp_path):
    vendor, port = Vendor(tmp_path / "vendor"), free_port()
    async with running_node(
        tmp_path / "acs", vendor, policy_text=POLICY.format(port=port), stun_port=port
    ) as node:
        yield node


@pytest.fixture
async def fleet(node, tmp_path):
    async with running_fleet(node, Vendor(tmp_path / "vendor")) as fleet:
        yield fleet


async def test_devices_behind_a_nat_are_bound_and_reached_and_again_after_the_nat_forgot_them(node, fleet):
    serials = ["N1", "N2", "N3"]
    for serial in serials:
        fleet.add(serial)
        fleet.put_behind_nat(serial)
    fleet.power_on()
    keys = [dev.device_key(OUI, serial) for serial in serials]

    async def bound():
        found = [await node.store.read(dev.find, key) for key in keys]
        good = all(each and each.udp_binding and each.nat_detected for each in found)
        settled = all(each and not each.has_open_commands for each in found)
        return found if good and settled and all(d.resting for d in fleet.devices.values()) else None

    found = await until(bound)
    assert len({each.udp_binding for each in found}) == 3
    for each in found:
        assert each.udp_binding.startswith("127.0.0.2:")
        assert each.udp_connection_request_address == each.udp_binding
        assert each.connection_request_url.startswith("http://10.")

    async def reach(mark: str):
        def enqueue(conn):
            for each in found:
                request = m.GetParameterValues(("Device.DeviceInfo.",))
                key = f"{mark}{each.id}"
                cm.enqueue(conn, each.id, request, command_key=key, purpose="operator", now=time())

        await node.store.write(enqueue)

        async def answered():
            commands = await node.store.read(cm.list_commands, limit=500)
            mine = [each for each in commands if each.command_key.startswith(mark)]
            return len(mine) == 3 and all(each.state == "succeeded" for each in mine)

        await until(answered)

    await reach("first")

    async def noted():  # the last copy of the call has left
        return {(await node.store.read(dev.find, key)).connection_request_result for key in keys} == {
            "udp sent"
        }

    await until(noted)

    fleet.nat.forget()
    for side in fleet.udp.values():
        side.client.keep_alive_now()
        side.look()

    async def moved():
        now = [await node.store.read(dev.find, key) for key in keys]
        return all(a.udp_binding != b.udp_binding for a, b in zip(found, now, strict=True))

    await until(moved)
    await reach("again")

    async def counted():
        labels = {"way": "udp", "reason": "sent"}
        return node.metrics.registry.get_sample_value("acs_connection_requests_total", labels) >= 6

    await until(counted)


async def test_the_nat_lets_in_only_who_was_spoken_to_and_forgets_after_a_while():
    now = [0.0]
    nat = Nat(timeout=60, clock=lambda: now[0])
    came: list[bytes] = []
    inside = nat.attach(came.append)
    loop = asyncio.get_running_loop()
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    for each in sockets:
        each.setblocking(False)
        each.bind(("127.0.0.1", 0))
    friend, stranger = sockets
    inside.send(b"hello", friend.getsockname())
    data, outside = await loop.sock_recvfrom(friend, 100)
    assert (data, outside[0]) == (b"hello", "127.0.0.2")
    stranger.sendto(b"let me in", outside)
    friend.sendto(b"hello yourself", outside)

    async def two():
        return came and nat.dropped

    await until(two)
    assert (came, nat.dropped) == ([b"hello yourself"], 1)
    now[0] = 61
    friend.sendto(b"still there?", outside)

    async def lost():
        return nat.dropped == 2

    await until(lost)
    inside.send(b"again", friend.getsockname())
    _, other = await loop.sock_recvfrom(friend, 100)
    assert other != outside
    assert len(came) == 1
    nat.close()
    for each in sockets:
        each.close()
