"""The STUN server: what it answers, what it believes, and what nobody gets out of it."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs import commands as cm
from acs import devices as dev
from acs.cwmp import messages as m
from acs.cwmp import stun
from acs.cwmp.stun import Attribute, StunMessage
from acs.cwmp.udp_request import parse_request
from acs.security import Secrets
from acs.southbound.rate import RateLimit
from acs.southbound.stun.rules import GROWTH, judge
from tests.southbound.conftest import make_bench
from tests.waiting import until

KEY, PASSWORD = "0005B9-A1", "stun-password-of-a1"
SOURCE, OWN = ("198.51.100.7", 40001), ("203.0.113.1", 3478)
BINDING = (int(Attribute.CONNECTION_REQUEST_BINDING), stun.CONNECTION_REQUEST)
CHANGE = (int(Attribute.BINDING_CHANGE), b"")


def username(key: str = KEY) -> tuple[int, bytes]:
    return int(Attribute.USERNAME), key.encode() + b"\0" * (-len(key) % 4)


def request(*attributes, password: str | None = None, transaction: bytes = bytes(range(16))) -> bytes:
    return stun.encode(StunMessage(stun.BINDING_REQUEST, transaction, tuple(attributes)), password=password)


def password_of(name: str) -> str:
    return PASSWORD if name == KEY else "the password of another"


def verdict(data: bytes, *, known=None, source=SOURCE):
    found = judge(data, source, own=OWN, password_of=password_of, known=(known or {}).get)
    return found, stun.decode(found.answer) if found.answer else None


def test_a_plain_request_is_told_its_address():
    found, answer = verdict(request())
    assert (found.result, found.to, found.device_key) == ("anonymous", SOURCE, "")
    assert (answer.kind, stun.mapped_address(answer)) == (stun.BINDING_RESPONSE, SOURCE)
    assert answer.transaction == bytes(range(16))


def test_a_modern_request_is_told_its_address_hidden():
    _, answer = verdict(request(transaction=b"\x21\x12\xa4\x42" + bytes(12)))
    assert stun.mapped_address(answer) == SOURCE
    assert answer.get(Attribute.XOR_MAPPED_ADDRESS) is not None


def test_a_new_binding_has_to_be_proved_and_then_is_believed():
    found, answer = verdict(request(BINDING, CHANGE, username()))
    assert (found.result, answer.error_code, found.device_key) == ("error 401", 401, "")
    data = request(BINDING, CHANGE, username(), password=PASSWORD)
    found, answer = verdict(data)
    assert (found.result, found.device_key, found.to) == ("binding", KEY, SOURCE)
    assert stun.integrity_holds(found.answer, PASSWORD)


def test_a_known_binding_is_kept_alive_without_proof_and_from_elsewhere_proof_is_asked():
    data = request(BINDING, username())
    found, answer = verdict(data, known={KEY: SOURCE})
    assert (found.result, found.device_key, answer.kind) == ("kept", "", stun.BINDING_RESPONSE)
    found, answer = verdict(data, known={KEY: SOURCE}, source=("198.51.100.8", 40001))
    assert (answer.error_code, found.device_key) == (401, "")


def test_a_binding_without_a_username_is_nobodys():
    found, answer = verdict(request(BINDING, CHANGE))
    assert (found.result, found.device_key, answer.kind) == ("anonymous", "", stun.BINDING_RESPONSE)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (request(BINDING, username(), password="wrong"), 431),
        (request(BINDING, password=PASSWORD), 432),
        (request((0x0077, b"abcd")), 420),
        (request((int(Attribute.RESPONSE_ADDRESS), b"no"), username(), password=PASSWORD), 400),
    ],
)
def test_errors_have_their_codes(data, code):
    found, answer = verdict(data)
    assert (answer.kind, answer.error_code, found.device_key) == (stun.BINDING_ERROR, code, "")
    assert answer.transaction == bytes(range(16))


def test_an_answer_goes_elsewhere_only_to_the_devices_own_binding():
    there = ("198.51.100.7", 50002)
    data = request((int(Attribute.RESPONSE_ADDRESS), stun.pack_endpoint(there)), username())
    assert verdict(data)[1].error_code == 401  # known to nobody
    assert verdict(data, known={KEY: there})[0].to == there
    far = ("192.0.2.66", 53)  # a victim
    data = request((int(Attribute.RESPONSE_ADDRESS), stun.pack_endpoint(far)), username(), password=PASSWORD)
    assert verdict(data, known={KEY: there})[0].to == SOURCE
    assert verdict(data, known={KEY: far})[0].to == SOURCE  # from another address than its own


attributes = st.lists(
    st.sampled_from([BINDING, CHANGE, username(), username("x" * 200), (0x0077, b""), (0x0078, b"abcd")])
    | st.tuples(st.sampled_from(list(Attribute)).map(int), st.binary(max_size=24)),
    max_size=6,
).map(tuple)


@given(
    attributes,
    st.sampled_from([None, PASSWORD, "wrong"]),
    st.sampled_from([SOURCE, ("2001:db8::1", 9)]),
    st.sampled_from([bytes(16), b"\x21\x12\xa4\x42" + bytes(12)]),
)
def test_no_answer_is_out_of_proportion(attributes, password, source, transaction):
    data = request(*attributes, password=password, transaction=transaction)
    found, _ = verdict(data, known={KEY: SOURCE}, source=source)
    assert len(found.answer) <= GROWTH * len(data)
    assert found.device_key in ("", KEY)
    if found.device_key:
        assert password == PASSWORD


@given(st.binary(max_size=100))
def test_whatever_comes_is_judged(data):
    for each in (data, b"\x00\x01" + len(data).to_bytes(2, "big") + bytes(16) + data):
        found, _ = verdict(each)
        assert found.device_key == ""


@pytest.mark.parametrize("kind", [stun.BINDING_RESPONSE, stun.BINDING_ERROR, 0x0002])
def test_what_is_no_binding_request_is_not_answered(kind):
    assert verdict(stun.encode(StunMessage(kind, bytes(16))))[0].answer == b""


def test_a_source_has_its_rate_and_all_together_have_one():
    rate = RateLimit(1, 3, sources=100, together=2)
    assert [rate.take("192.0.2.1", 0) for _ in range(5)] == [True] * 3 + [False] * 2
    assert rate.take("192.0.2.1", 1)
    assert not rate.take("192.0.2.1", 1)
    assert rate.take("2001:db8::1", 1)
    assert [rate.take(f"2001:db8::{n}", 1) for n in range(2, 6)] == [True, True, False, False]
    many = RateLimit(1, 1, sources=10, together=50)
    assert sum(many.take(f"192.0.2.{n}", 0) for n in range(200)) == 50
    assert len(many._buckets) <= 10


# --- on a socket ------------------------------------------------------------------------


class Client(asyncio.DatagramProtocol):
    """A UDP socket of a device."""

    def __init__(self) -> None:
        self.received: asyncio.Queue = asyncio.Queue()

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.address = transport.get_extra_info("sockname")

    def datagram_received(self, data, addr) -> None:
        self.received.put_nowait((data, addr))

    async def get(self) -> bytes:
        async with asyncio.timeout(5):
            return (await self.received.get())[0]


@pytest.fixture
async def node(tmp_path):
    async for made in make_bench(tmp_path, stun_port=0):
        yield made


@pytest.fixture
async def client(node):
    transport, made = await asyncio.get_running_loop().create_datagram_endpoint(
        Client, local_addr=("127.0.0.1", 0)
    )
    made.server = ("127.0.0.1", node.node.stun_port)
    yield made
    transport.close()


async def register(node) -> dev.Device:
    now = node.clock[0]
    return await node.node.store.write(dev.register, "0005B9", "A1", now=now)


async def binding_of(node, device) -> str:
    return (await node.node.store.read(dev.get, device.id)).udp_binding


async def test_a_proved_binding_is_stored_and_the_device_called_at_it(node, client):
    secrets = Secrets.load_or_create(node.node.settings.data)
    device = await register(node)
    client.transport.sendto(request(BINDING, CHANGE, username()), client.server)
    assert stun.decode(await client.get()).error_code == 401
    proved = request(BINDING, CHANGE, username(), password=secrets.stun_password(KEY), transaction=b"2" * 16)
    client.transport.sendto(proved, client.server)
    assert stun.mapped_address(stun.decode(await client.get())) == client.address

    async def stored():
        return await binding_of(node, device)

    assert await until(stored) == stun.endpoint_text(client.address)

    def enqueue(conn):
        cm.enqueue(conn, device.id, m.Reboot("k"), command_key="k", purpose="x", now=node.clock[0] - 10)

    await node.node.store.write(enqueue)
    copies = [parse_request(await client.get()) for _ in range(3)]
    assert len(set(copies)) == 1
    assert copies[0].un == "acs"
    assert copies[0].signed_with(secrets.connection_request_password(KEY))
    assert not copies[0].signed_with(secrets.stun_password(KEY))

    async def noted():
        return (await node.node.store.read(dev.get, device.id)).connection_request_result

    assert await until(noted) == "udp sent"


async def test_a_copy_of_a_proof_sent_from_elsewhere_moves_nothing(node, client):
    secrets = Secrets.load_or_create(node.node.settings.data)
    device = await register(node)
    proved = request(BINDING, username(), password=secrets.stun_password(KEY))
    client.transport.sendto(proved, client.server)
    await client.get()

    async def stored():
        return await binding_of(node, device)

    first = await until(stored)
    transport, thief = await asyncio.get_running_loop().create_datagram_endpoint(
        Client, local_addr=("127.0.0.1", 0)
    )
    thief.transport.sendto(proved, client.server)

    async def seen():
        return node.metric("acs_stun_messages_total", result="replayed")

    await until(seen)
    client.transport.sendto(proved, client.server)  # the device's own repetition is answered
    await client.get()
    assert await binding_of(node, device) == first
    assert thief.received.empty()
    transport.close()


async def test_no_socket_without_the_setting(tmp_path):
    async for made in make_bench(tmp_path):
        assert made.node.stun_port is None
