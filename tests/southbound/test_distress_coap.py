"""Triggers as CoAP under OSCORE on real UDP sockets: taken once, never after, and by no other device."""

from __future__ import annotations

import asyncio
import socket
from time import time

import pytest

from acs import devices as dev
from acs.distress import DueTrigger, Trigger
from acs.simulator import Fleet, Vendor
from acs.simulator.distress_channels import Distress
from acs.southbound import Guard
from acs.store import Store

pytest.importorskip("aiocoap", reason="the extra coap is not installed")

from acs.southbound.distress_coap import CoapMedium, _Tuning

KEY, UN = "the key of the device", "0005B9-A1"


class Hasty(_Tuning):
    ACK_TIMEOUT = 0.05
    MAX_RETRANSMIT = 1


@pytest.fixture
async def henb(tmp_path, monkeypatch):
    """A running HeNB that listens for triggers, with its port and the datagrams that came there."""
    fleet = Fleet(Vendor(tmp_path / "vendor"), "http://127.0.0.1:9/acs")
    await fleet.start()
    device = fleet.add("A1", password="x")
    device.henb.power_on(time())
    device.henb.informed(device.henb.inform(time()))
    ports = await fleet.listen_for_triggers("A1", {"Internet": "https://127.0.0.1:9/"}, KEY)
    heard = []
    take = Distress.take_coap

    def note(self, data, *others):
        heard.append(data)
        return take(self, data, *others)

    monkeypatch.setattr(Distress, "take_coap", note)
    try:
        yield device.henb, ports["Internet"], heard
    finally:
        await fleet.stop()


@pytest.fixture
async def stored(tmp_path):
    url = f"sqlite:///{tmp_path / 'acs.db'}"
    made = await Store.open(url)
    await made.write(lambda conn: dev.register(conn, "0005B9", "A1", now=time()))
    await made.close()
    return url


async def send(url: str, port: int, *, key: str = KEY, number: int = 1) -> str:
    """Send a trigger as a node does that was just started."""
    guard = Guard(["127.0.0.0/8"])
    store = await Store.open(url)
    try:
        medium = CoapMedium(guard, store, tuning=Hasty())
        due = DueTrigger(number, 1, UN, "Internet", "COAP", f"127.0.0.1:{port}", time())
        return await medium.send(due, Trigger(int(time()), number, UN, "0" * 16), key)
    finally:
        await store.close()
        guard.close()


async def say(port: int, data: bytes) -> bytes:
    """Send a datagram from elsewhere; return what it is answered."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.setblocking(False)
        other.connect(("127.0.0.1", port))
        other.send(data)
        async with asyncio.timeout(5):
            return await loop.sock_recv(other, 2048)


async def test_a_restart_of_the_hems_repeats_no_number_and_a_replay_does_nothing(henb, stored):
    device, port, heard = henb
    assert await send(stored, port) == "acknowledged"
    assert await send(stored, port, number=2) == "acknowledged"  # another process, the same database
    assert device.events
    device.events.clear()
    first, second = heard
    assert first != second
    assert (await say(port, b"\x40\x02\xff\xff" + first[4 + (first[0] & 15) :]))[1] == 0x81  # 4.01
    await say(port, second)  # what was sent last is answered again, as its answer may have been lost
    assert device.events == []
    assert device.distress.refused == {"repeated": 2}


async def test_another_key_is_told_and_not_obeyed(henb, stored):
    device, port, _ = henb
    assert await send(stored, port, key="of somebody else") == "not taken: 4.00, which nobody vouches for"
    assert device.events == []


async def test_a_device_that_is_off_or_not_there_does_not_answer(henb, stored):
    device, port, _ = henb
    device.state = "off"
    assert await send(stored, port) == "no answer"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        closed = unused.getsockname()[1]
    assert (await send(stored, closed)).startswith(("not sent", "no answer"))


async def test_where_calls_may_not_go_nothing_is_sent(stored):
    guard, store = Guard(["192.0.2.0/24"]), await Store.open(stored)
    try:
        due = DueTrigger(1, 1, UN, "Internet", "COAP", "127.0.0.1:5683", time())
        result = await CoapMedium(guard, store).send(due, Trigger(1, 1, UN, "0" * 16), KEY)
        assert result.startswith("not sent: ")
    finally:
        await store.close()
        guard.close()
