"""Calling devices, and whom a device may make us call."""

from __future__ import annotations

import asyncio
import ipaddress
import re
from pathlib import Path

import pytest
from aiohttp import web

from acs import commands as cm
from acs import devices as dev
from acs.cwmp import messages as m
from acs.security import digest
from acs.simulator import Fleet
from acs.southbound.connection_requests import (
    CallError,
    Dispatcher,
    Guard,
    Outcome,
    Reason,
    Target,
    allowed,
    order_of_ways,
)
from tests.addresses import with_ipv6
from tests.southbound.conftest import SERIAL, inform, make_bench
from tests.waiting import until


@pytest.mark.parametrize(
    ("address", "networks", "may"),
    [
        ("127.0.0.1", [], False),
        ("::1", [], False),
        ("169.254.169.254", [], False),
        ("fe80::1", [], False),
        ("224.0.0.1", [], False),
        ("0.0.0.0", [], False),
        ("::ffff:127.0.0.1", [], False),
        ("::ffff:169.254.169.254", [], False),
        ("::127.0.0.1", [], False),
        ("2002:7f00:1::", [], False),  # 6to4 of 127.0.0.1
        ("64:ff9b::7f00:1", [], False),  # NAT64 of 127.0.0.1
        ("64:ff9b::a9fe:a9fe", [], False),
        ("fd00:ec2::254", [], False),
        ("100.100.100.200", [], False),
        ("192.0.0.192", [], False),
        ("255.255.255.255", [], False),
        ("ff02::1", [], False),
        ("fd12:3456::1", [], True),
        ("2001:db8::1", ["2001:db8::/32"], True),
        ("::ffff:10.1.2.3", ["10.0.0.0/8"], True),
        ("10.1.2.3", [], True),
        ("203.0.113.9", [], True),
        ("10.1.2.3", ["192.168.0.0/16"], False),
        ("192.168.3.4", ["192.168.0.0/16"], True),
        ("127.0.0.1", ["127.0.0.0/8"], True),
        ("::1", ["127.0.0.0/8"], False),
    ],
)
def test_whom_a_device_may_make_us_call(address, networks, may):
    found = [ipaddress.ip_network(each) for each in networks]
    assert allowed(ipaddress.ip_address(address), found) is may


class Listener:
    """A device's connection-request listener, with Digest."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.password = ""
        self.status = 200
        self.nonces = digest.Nonces(b"n" * 32)

    async def handle(self, request: web.Request) -> web.Response:
        given = digest.parse(request.headers.get("Authorization", ""))
        status = 401
        if given is not None and given.fields is not None:
            right = digest.verify_digest(
                given.fields, method="GET", realm="henb", password=self.password, path=request.path
            )
            status = self.status if right and given.username == "acs" else 401
        self.calls.append(status)
        response = web.Response(status=status)
        if status == 401:
            for each in digest.challenge("henb", self.nonces.make(1)):
                response.headers.add("WWW-Authenticate", each)
        return response


@pytest.fixture
async def listener():
    made = Listener()
    app = web.Application()
    app.router.add_get("/cr", made.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/cr"
    yield made
    await runner.cleanup()


async def waiting_device(bench, url: str):
    """A device that told ``url`` and for which a command waits."""
    async with bench.client() as http:
        name = "Device.ManagementServer.ConnectionRequestURL"
        await bench.post(http, inform(parameters=[m.ParameterValue(name, url)]))

    def act(conn):
        device = dev.find(conn, f"0005B9-{SERIAL}")
        cm.enqueue(conn, device.id, m.Reboot("k"), command_key="k", purpose="x", now=bench.clock[0] - 100)
        from sqlalchemy import update

        from acs.store.tables import devices

        conn.execute(update(devices).values(connection_request_at=bench.clock[0] - 1))
        return device

    return await bench.node.store.write(act)


async def test_a_device_for_which_something_waits_is_called_with_its_password(bench, listener):
    from acs.security import Secrets

    secrets = Secrets.load_or_create(bench.node.settings.data)
    listener.password = secrets.connection_request_password(f"0005B9-{SERIAL}")
    await waiting_device(bench, listener.url)

    async def called():
        return 200 in listener.calls

    await until(called)

    async def counted():
        return bench.metric("acs_connection_requests_total", way="http", reason="accepted") >= 1

    await until(counted)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://10.0.0.1/", "scheme 'ftp'"),
        ("", "has reported no ConnectionRequestURL"),
        ("http://user:pw@10.0.0.1/", "credentials in it"),
        ("file:///etc/passwd", "scheme 'file'"),
        ("http://169.254.169.254/latest/", "may not be called"),
        ("http://127.0.0.1:22/", "port 22 is not called"),
        ("http://10.0.0.1/\r\nX: y", "control characters"),
        ("http://10.0.0.1:99999/", "is no URL"),
        ("http:///x", "has no host"),
    ],
)
async def test_a_hostile_url_is_not_called_and_the_operator_can_read_why(bench, url, why):
    device = await waiting_device(bench, url)

    async def noted():
        found = await bench.node.store.read(dev.get, device.id)
        return found.connection_request_error

    assert why in await until(noted)


@pytest.mark.parametrize(("status", "why"), [(401, "credentials"), (503, "no room"), (418, "answered 418")])
async def test_a_refused_call_is_noted_and_tried_again_later(bench, listener, status, why):
    from acs.security import Secrets

    secrets = Secrets.load_or_create(bench.node.settings.data)
    listener.status = status
    listener.password = "other" if status == 401 else secrets.connection_request_password(f"0005B9-{SERIAL}")
    device = await waiting_device(bench, listener.url)

    async def noted():
        found = await bench.node.store.read(dev.get, device.id)
        return found if found.connection_request_error else None

    found = await until(noted)
    assert why in found.connection_request_error
    assert found.connection_request_at > bench.clock[0]


async def test_a_name_that_resolves_to_a_forbidden_address_is_not_called():
    guard = Guard()
    with pytest.raises(CallError, match="may not be called") as caught:
        await guard.resolve("localhost", 80)
    guard.close()
    assert caught.value.reason is Reason.REFUSED_ADDRESS


async def test_a_name_that_does_not_exist_is_told_apart_from_one_that_is_refused():
    guard = Guard()
    with pytest.raises(CallError, match="can't be resolved") as caught:
        await guard.resolve("no-such-host.invalid", 7547)
    guard.close()
    assert caught.value.reason is Reason.DNS


# --- the ways ---------------------------------------------------------------------------


class FakeWay:
    """A way that ends as a test wants, once it is let."""

    def __init__(self, name: str, outcome: Outcome, *, gate: asyncio.Event | None = None, only: str = ""):
        self.name, self.outcome, self.gate, self.only = name, outcome, gate, only
        self.called: list[str] = []

    def reaches(self, target: Target) -> bool:
        return True

    async def call(self, target: Target) -> Outcome:
        self.called.append(target.device_key)
        if self.gate is not None and target.device_key == self.only:
            await self.gate.wait()
        if self.outcome.reason is Reason.FAILED:
            raise RuntimeError("a mistake of ours")
        return self.outcome


WAYS = [FakeWay(name, Outcome(Reason.ACCEPTED)) for name in ("udp", "http", "xmpp")]


@pytest.mark.parametrize(
    ("facts", "order"),
    [
        ({"url": "http://192.0.2.1:7547/"}, ["http", "xmpp", "udp"]),
        ({"url": "http://192.0.2.1:7547/", "attempts": 1}, ["xmpp", "udp", "http"]),
        ({"url": "http://192.0.2.1:7547/", "attempts": 3}, ["http", "xmpp", "udp"]),
        ({"url": "http://192.0.2.1:7547/", "binding": "192.0.2.1:40000"}, ["http", "xmpp", "udp"]),
        ({"url": "http://10.0.0.7:7547/", "binding": "192.0.2.1:40000"}, ["xmpp", "udp", "http"]),
        ({"url": "http://10.0.0.7:7547/", "nat_detected": True}, ["xmpp", "udp", "http"]),
        ({"url": "http://[2001:db8::7]:7547/", "binding": "[2001:db8::7]:40000"}, ["http", "xmpp", "udp"]),
        ({"url": "http://henb.example:7547/", "binding": "192.0.2.1:40000"}, ["http", "xmpp", "udp"]),
    ],
)
def test_the_most_promising_way_is_first_and_a_device_that_did_not_come_is_called_by_the_next(facts, order):
    target = Target("0005B9-1", "acs", "secret", **facts)
    assert [way.name for way in order_of_ways(target, WAYS)] == order
    assert "secret" not in repr(target)


def test_a_way_that_does_not_reach_the_device_is_left_out():
    class Never(FakeWay):
        def reaches(self, target):
            return False

    never = Never("http", Outcome(Reason.ACCEPTED))
    assert order_of_ways(Target("0005B9-1", "acs", "", attempts=5), [never]) == []


async def dispatcher_of(bench, ways, **options) -> Dispatcher:
    secrets = bench.node.southbound.endpoint._secrets
    return Dispatcher(bench.node.store, secrets, bench.node.metrics, ways, **options)


async def make_waiting(bench, *serials: str) -> list[int]:
    """Devices for which a command waits; the node's own dispatcher is stopped."""
    now = bench.clock[0]
    for task in bench.node._tasks:
        if task.get_name() == "connection requests":
            task.cancel()

    def act(conn):
        made = []
        for serial in serials:
            device = dev.register(conn, "0005B9", serial, now=now)
            request = m.GetParameterValues(("Device.",))
            cm.enqueue(conn, device.id, request, command_key=serial, purpose="operator", now=now + 10)
            made.append(device.id)
        return made

    return await bench.node.store.write(act)


async def test_the_second_way_is_taken_when_the_first_fails_and_both_are_counted(bench):
    [device_id] = await make_waiting(bench, "W1")
    first = FakeWay("http", Outcome(Reason.TIMEOUT, "nothing answers"))
    second = FakeWay("udp", Outcome(Reason.SENT))
    dispatcher = await dispatcher_of(bench, [second, first])
    bench.clock[0] += 20
    await dispatcher.begin_due()
    await dispatcher.settled()
    device = await bench.node.store.read(dev.get, device_id)
    assert (first.called, second.called) == (["0005B9-W1"], ["0005B9-W1"])
    assert device.connection_request_result == "udp sent"
    assert bench.metric("acs_connection_requests_total", way="http", reason="timeout") == 1
    assert bench.metric("acs_connection_requests_total", way="udp", reason="sent") == 1


async def test_a_device_that_did_not_come_for_the_call_before_is_told_of(bench):
    [device_id] = await make_waiting(bench, "W1")
    told = []
    way = FakeWay("http", Outcome(Reason.TIMEOUT, "nothing answers"))
    dispatcher = await dispatcher_of(
        bench, [way], in_vain=lambda conn, *what: told.append((conn.in_transaction(), *what[:2]))
    )
    for _ in range(3):
        bench.clock[0] += 100
        await dispatcher.begin_due()
        await dispatcher.settled()
    assert told == [(True, device_id, 1), (True, device_id, 2)]


async def test_when_all_ways_fail_the_operator_reads_of_each(bench):
    [device_id] = await make_waiting(bench, "W1")
    ways = [
        FakeWay("http", Outcome(Reason.BUSY, "no room", retry_after=500)),
        FakeWay("udp", Outcome(Reason.FAILED)),
    ]
    dispatcher = await dispatcher_of(bench, ways)
    bench.clock[0] += 20
    await dispatcher.begin_due()
    await dispatcher.settled()
    device = await bench.node.store.read(dev.get, device_id)
    assert device.connection_request_result == "http busy"
    assert device.connection_request_error == "http: no room; udp: the ACS failed: RuntimeError"
    assert device.connection_request_at >= bench.clock[0] + 500


async def test_a_slow_device_keeps_no_other_from_being_called_and_has_one_place(bench):
    await make_waiting(bench, "W1", "W2", "W3")
    gate = asyncio.Event()
    way = FakeWay("http", Outcome(Reason.ACCEPTED), gate=gate, only="0005B9-W1")
    dispatcher = await dispatcher_of(bench, [way], in_flight=2)
    bench.clock[0] += 20

    async def all_called():
        await dispatcher.begin_due()
        await asyncio.sleep(0)
        return len(way.called) >= 3

    await until(all_called)
    await dispatcher.begin_due()
    assert sorted(way.called) == ["0005B9-W1", "0005B9-W2", "0005B9-W3"]
    gate.set()
    await dispatcher.settled()


def test_the_operator_finds_every_reason_and_its_remedy_in_the_docs():
    page = Path(__file__).parents[2] / "docs" / "connection-requests.md"
    rows = re.findall(
        r"^\| `([a-z-]+)` \| [^|]+ \| [^|]+ \|$", page.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert set(rows) == {reason.value for reason in Reason}


async def test_devices_that_let_the_acs_wait_leave_room_for_those_that_answer(bench):
    slow = [f"S{number}" for number in range(4)]
    ids = await make_waiting(bench, *slow)
    now = bench.clock[0] + 20

    def fail(conn):
        for each in ids:
            dev.connection_request_failed(conn, each, "slow", now=bench.clock[0])

    await bench.node.store.write(fail)
    gate = asyncio.Event()

    class Slow(FakeWay):
        async def call(self, target):
            self.called.append(target.device_key)
            if target.device_key.startswith("0005B9-S"):
                await gate.wait()
            return self.outcome

    way = Slow("http", Outcome(Reason.ACCEPTED))
    dispatcher = await dispatcher_of(bench, [way], in_flight=4)
    bench.clock[0] = now + 1000
    await dispatcher.begin_due()
    await asyncio.sleep(0)
    assert len(way.called) == 2
    await make_waiting(bench, "Q1", "Q2", "Q3")
    bench.clock[0] += 100

    async def answered():
        await dispatcher.begin_due()
        await asyncio.sleep(0)
        return {"0005B9-Q1", "0005B9-Q2", "0005B9-Q3"} <= set(way.called)

    await until(answered)
    assert sum(each.startswith("0005B9-S") for each in way.called) == 2
    gate.set()
    await dispatcher.settled()


@with_ipv6
async def test_a_henb_that_listens_on_ipv6_is_called(tmp_path):
    async for bench in make_bench(tmp_path, connection_request_networks=["::1/128"]):
        ca = bench.node.settings.data / "pki/server/ca.pem"
        fleet = Fleet(bench.vendor, bench.node.url, server_ca=ca, host="::1")
        await fleet.start()
        henb = fleet.add("B1")
        assert henb.henb.connection_request_url.startswith("http://[::1]:")
        fleet.power_on()
        store = bench.node.store

        async def known(store=store, henb=henb):
            found = await store.read(dev.find, "0005B9-B1")
            return found if found and found.provisioned_for and henb.resting else None

        found = await until(known)

        def enqueue(conn, found=found, store=store):
            request = m.GetParameterValues(("Device.DeviceInfo.",))
            options = {"command_key": "k", "purpose": "operator", "now": store.clock()}
            return cm.enqueue(conn, found.id, request, **options)

        command = await store.write(enqueue)

        async def done(store=store, bench=bench, command=command):
            bench.clock[0] += 0.5  # until the call is due
            return (await store.read(cm.find_command, command.id)).succeeded

        await until(done)
        assert bench.metric("acs_connection_requests_total", way="http", reason="accepted") >= 1
        await fleet.stop()
