"""Calling devices, and whom a device may make us call."""

from __future__ import annotations

import asyncio
import ipaddress

import pytest
from aiohttp import web

from acs import commands as cm
from acs import devices as dev
from acs.cwmp import messages as m
from acs.security import digest
from acs.southbound.connection_request import TargetError, allowed
from tests.southbound.conftest import SERIAL, inform


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


async def eventually(check):
    async with asyncio.timeout(10):
        while not (found := await check()):
            await asyncio.sleep(0.02)
    return found


async def test_a_device_for_which_something_waits_is_called_with_its_password(bench, listener):
    from acs.security import Secrets

    secrets = Secrets.load_or_create(bench.node.settings.data)
    listener.password = secrets.connection_request_password(f"0005B9-{SERIAL}")
    await waiting_device(bench, listener.url)

    async def called():
        return 200 in listener.calls

    await eventually(called)

    async def counted():
        return bench.metric("acs_connection_requests_total", result="accepted") >= 1

    await eventually(counted)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://10.0.0.1/", "scheme 'ftp'"),
        ("", "told no ConnectionRequestURL"),
        ("http://user:pw@10.0.0.1/", "credentials in it"),
        ("http://169.254.169.254/latest/", "may not be called"),
        ("http:///x", "has no host"),
    ],
)
async def test_a_hostile_url_is_not_called_and_the_operator_can_read_why(bench, url, why):
    device = await waiting_device(bench, url)

    async def noted():
        found = await bench.node.store.read(dev.get, device.id)
        return found.connection_request_error

    assert why in await eventually(noted)


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

    found = await eventually(noted)
    assert why in found.connection_request_error
    assert found.connection_request_at > bench.clock[0]


async def test_a_name_that_resolves_to_a_forbidden_address_is_not_called():
    from acs.southbound.connection_request import _GuardedResolver

    resolver = _GuardedResolver([])
    with pytest.raises(OSError, match="no address that may be called"):
        await resolver.resolve("localhost", 80)
    await resolver.close()
    assert issubclass(TargetError, Exception)
