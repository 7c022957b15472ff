"""Hostile input, item by item: a fault that validates, or a refusal; never more.

A node in this process, so that what happens behind the socket can be watched. Attacks on the socket itself
are in ``test_attacks.py``.
"""

from __future__ import annotations

import asyncio

import pytest
from lxml import etree
from sqlalchemy import select

from acs import commands as cm
from acs import devices as dev
from acs.cwmp import encode
from acs.cwmp import messages as m
from acs.southbound import transactions
from acs.store.tables import audit, devices
from cwmp_schemas import schema
from tests.interop.wire import connected
from tests.southbound.conftest import SERIAL, body_of, inform, make_bench
from tests.southbound.conftest import bench as bench  # noqa: PLC0414 - a fixture
from tests.waiting import until

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
NAMES = sorted({*m.METHODS, "Fault", "X_ACME_Unknown", "Inform.", "Envelope"})


def soap(inner: str, namespace: str = m.CWMP_1_2) -> bytes:
    return (
        f'<s:Envelope xmlns:s="{SOAP}" xmlns:c="{namespace}"><s:Header><c:ID>7</c:ID></s:Header>'
        f"{inner}</s:Envelope>"
    ).encode()


ODD = {
    "empty body": soap("<s:Body/>"),
    "no body": soap(""),
    "two bodies": soap("<s:Body><c:GetRPCMethods/></s:Body><s:Body><c:GetRPCMethods/></s:Body>"),
    "two methods": soap("<s:Body><c:GetRPCMethods/><c:Inform/></s:Body>"),
    "wrong root": b"<html><body>404</body></html>",
    "no xml": b"\x00\xff" * 40,
    **{name: soap(f"<s:Body><c:{name}/></s:Body>") for name in NAMES},
}


def check(answer) -> None:
    """A device may be answered nothing at all, or a message that its schema allows."""
    if answer.status == 204:
        assert answer.body == b""
        return
    assert answer.status in (200, 400)
    document = etree.fromstring(answer.body)
    namespace = next(uri for uri in document.nsmap.values() if uri and uri.startswith("urn:dslforum"))
    xsd = schema(namespace)
    assert xsd.validate(document), (xsd.error_log.last_error, answer.body)


async def in_state(bench, http, serial: str, state: str) -> str:
    """Bring the first session of a device, which is asked many things, into a state; return its cookie."""
    if state == "before Inform":
        return ""
    answer = await bench.post(http, inform(serial))
    if state == "after Inform":
        return answer.cookie
    reply = await bench.post(http, b"", cookie=answer.cookie)
    assert reply.status == 200
    if state == "after the end":
        for _ in range(20):
            if reply.status != 200:
                break
            reply = await bench.post(http, m.Fault(9002, "no"), cookie=answer.cookie)
        assert reply.status == 204
    return answer.cookie


@pytest.mark.row("2.3")
@pytest.mark.parametrize("state", ["before Inform", "after Inform", "request outstanding", "after the end"])
async def test_2_3_every_rpc_in_every_state_is_answered_validly(tmp_path, state):
    async for node in make_bench(tmp_path, inform_burst=10_000):
        for number, (name, body) in enumerate(ODD.items()):
            serial = f"S{number}"
            async with node.client(node.tls(serial)) as http:
                cookie = await in_state(node, http, serial, state)
                answer = await node.post(http, body, cookie=cookie)
                if name == "Inform":  # without a DeviceId it is nobody's
                    assert answer.status in (200, 403), answer.body
                else:
                    check(answer)
        async with node.client() as http:
            assert isinstance((await node.post(http, inform())).message, m.InformResponse)
        assert node.metric("acs_posts_total", result="error") == 0


@pytest.mark.row("2.3")
@pytest.mark.parametrize("namespace", [m.CWMP_1_0, m.CWMP_1_1, m.CWMP_1_2])
@pytest.mark.parametrize("body", ["<s:Body/>", "<s:Body><c:X_ACME_Unknown/></s:Body>"])
async def test_2_3_a_fault_is_valid_in_the_namespace_of_the_device(bench, namespace, body):
    async with bench.client() as http:
        opened = await bench.post(http, encode(inform(), namespace=namespace, header=m.Header(id="1")))
        answer = await bench.post(http, soap(body, namespace), cookie=opened.cookie)
        check(answer)
        assert isinstance(answer.message, m.Fault)
        assert namespace.encode() in answer.body


@pytest.mark.row("2.4")
async def test_2_4_a_device_that_sends_large_messages_keeps_no_other_from_being_served(bench):
    values = tuple(m.ParameterValue(f"Device.X.{n}", "v" * 50) for n in range(5_000))
    large = body_of(m.GetParameterValuesResponse(values))
    async with bench.client() as http, bench.client(bench.tls("B2")) as other:
        cookie = (await bench.post(http, inform())).cookie
        sending = asyncio.create_task(bench.post(http, large, cookie=cookie))
        await until(lambda: bench.node.southbound.endpoint.intake.held or sending.done())
        for _ in range(5):
            assert (await bench.post(other, inform("B2"))).status == 200
        assert (await sending).status in (200, 204)


class Counting:
    """Counts what a node's store is asked for the sake of requests, beside its own work."""

    def __init__(self, node, monkeypatch):
        self.reads = self.writes = 0
        store, own = node.store, set(node._tasks)
        read, write = store.read, store.write

        async def reading(*args, **kwargs):
            self.reads += asyncio.current_task() not in own
            return await read(*args, **kwargs)

        async def writing(*args, **kwargs):
            self.writes += asyncio.current_task() not in own
            return await write(*args, **kwargs)

        monkeypatch.setattr(store, "read", reading)
        monkeypatch.setattr(store, "write", writing)


@pytest.mark.row("2.10")
async def test_2_10_the_database_is_not_asked_for_who_proves_nothing(bench, monkeypatch):
    counting = Counting(bench.node, monkeypatch)
    async with bench.client(bench.anonymous()) as http:
        for headers in ({}, {"Authorization": "Negotiate x"}, {"Authorization": 'Digest nonce="AAAA"'}):
            assert (await bench.post(http, inform(), headers=headers)).status == 401
            assert counting.reads == 0
        answer = await bench.post(http, inform(), headers={"Authorization": "Basic bm9ib2R5Ong="})
        assert answer.status == 401
    assert counting.writes == 0


@pytest.mark.row("2.20")
async def test_2_20_messages_that_make_the_acs_fail_are_contained(tmp_path, monkeypatch):
    real = transactions.open_session

    def poisoned(conn, message, proof, **kwargs):
        opened = real(conn, message, proof, **kwargs)
        if message.device_id.serial_number == SERIAL:
            raise ZeroDivisionError("poison")
        return opened

    monkeypatch.setattr(transactions, "open_session", poisoned)
    async for node in make_bench(tmp_path):
        async with node.client() as http, node.client(node.tls("B2")) as other:
            for _ in range(3):
                answer = await node.post(http, inform())
                assert (answer.status, "failed" in answer.text) == (503, True)
                assert (await node.post(other, inform("B2"))).status == 200
            assert node.metric("acs_quarantines_total") == 1
            answer = await node.post(http, inform())
            assert (answer.status, "left aside" in answer.text) == (503, True)
            assert int(answer.headers["Retry-After"]) == 60
            assert node.metric("acs_posts_total", result="error") == 3  # it got no further than its name

            node.clock[0] += 61
            assert "failed" in (await node.post(http, inform())).text
            assert int((await node.post(http, inform())).headers["Retry-After"]) == 120

            monkeypatch.setattr(transactions, "open_session", real)
            node.clock[0] += 121
            assert (await node.post(http, inform())).status == 200
            assert (await node.post(other, inform("B2"))).status == 200
        actions = await node.node.store.read(
            lambda conn: conn.execute(select(audit.c.action)).scalars().all()
        )
        assert actions.count("device left aside") == 2


@pytest.mark.row("2.20")
async def test_2_20_a_database_that_fails_puts_no_device_into_quarantine(bench, monkeypatch):
    from sqlalchemy.exc import OperationalError

    async def fails(*_, **__):
        raise OperationalError("SELECT 1", {}, Exception("gone"))

    async with bench.client() as http:
        with monkeypatch.context() as patch:
            patch.setattr(bench.node.store, "write", fails)
            for _ in range(5):
                assert (await bench.post(http, inform())).status == 503
        assert (await bench.post(http, inform())).status == 200
    assert bench.metric("acs_quarantines_total") == 0


HOSTILE_URLS = [
    "http://localhost:{port}/",
    "http://127.0.0.1:{port}/",
    "http://127.1:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f000001:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://0.0.0.0:{port}/",
    "http://[::1]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::]:{port}/",
    "http://10.0.0.1@127.0.0.1:{port}/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fe80::1]/",
    "http://224.0.0.1/",
    "https://127.0.0.1:{port}/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/",
    "//127.0.0.1:{port}/",
    "http://127.0.0.1:{port}/\r\nX: y",
    "http://",
]


async def calling(bench, serials: list[str]) -> dict[str, str]:
    """Have devices called; return what became of each call."""

    def due(conn):
        for serial in serials:
            found = dev.find(conn, f"0005B9-{serial}")
            cm.enqueue(conn, found.id, m.Reboot("k"), command_key="k", purpose="x", now=bench.clock[0])
        conn.execute(devices.update().values(connection_request_at=bench.clock[0] - 1))

    def errors(conn):
        found = {serial: dev.find(conn, f"0005B9-{serial}") for serial in serials}
        return {serial: each.connection_request_error for serial, each in found.items()}

    await bench.node.store.write(due)

    async def all_told():
        told = await bench.node.store.read(errors)
        return told if all(told.values()) else None

    return await until(all_told)


@pytest.mark.row("2.12")
async def test_2_12_no_hostile_connection_request_url_is_called(tmp_path):
    calls = []

    async def listening(reader, writer):
        calls.append(await reader.read(100))
        writer.close()

    server = await asyncio.start_server(listening, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async for node in make_bench(tmp_path, connection_request_networks=[], inform_burst=1000):
        urls = {f"H{number}": url.format(port=port) for number, url in enumerate(HOSTILE_URLS)}
        for serial, url in urls.items():
            async with node.client(node.tls(serial)) as http:
                told = m.ParameterValue("Device.ManagementServer.ConnectionRequestURL", url)
                assert (await node.post(http, inform(serial, parameters=[told]))).status == 200

        told = await calling(node, list(urls))
        assert all(told.values())
    server.close()
    assert calls == []


@pytest.mark.row("2.12")
async def test_2_12_a_redirect_is_not_followed(tmp_path):
    calls = []

    async def redirecting(reader, writer):
        calls.append(await reader.readuntil(b"\r\n"))
        port = writer.get_extra_info("sockname")[1]
        location = f"Location: http://127.0.0.1:{port}/inside\r\n"
        writer.write(f"HTTP/1.1 302 Found\r\n{location}Content-Length: 0\r\n\r\n".encode())
        writer.close()

    server = await asyncio.start_server(redirecting, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async for node in make_bench(tmp_path):
        async with node.client() as http:
            told = m.ParameterValue(
                "Device.ManagementServer.ConnectionRequestURL", f"http://127.0.0.1:{port}/cr"
            )
            await node.post(http, inform(parameters=[told]))

        await calling(node, [SERIAL])
    server.close()
    assert {each.split()[1] for each in calls} == {b"/cr"}


async def test_2_20_connections_that_end_in_the_middle_of_a_request_are_no_failure_of_the_acs(bench):
    """A device with more connections than it may have loses the oldest, with whatever they were about."""
    body = body_of(inform())
    most = 3 * bench.node.settings.device_connections

    async def one() -> int:
        try:
            async with connected(bench) as wire:
                return (await wire.post(body)).status
        except (OSError, EOFError):
            return 0

    found = await asyncio.gather(*(one() for _ in range(most)))
    assert set(found) <= {0, 200}
    assert bench.metric("acs_posts_total", result="error") == 0
    async with connected(bench) as wire:
        assert (await wire.post(body)).status == 200
