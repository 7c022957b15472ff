"""Distress channels on real sockets: their listener, its certificate and few methods, and the trigger."""

from __future__ import annotations

import asyncio
import ssl
import time

import pytest
from sqlalchemy import select

from acs import devices as dev
from acs import distress as ds
from acs import remediation as rm
from acs.commands import enqueue, list_commands
from acs.cwmp import messages as m
from acs.security import Secrets
from acs.southbound import Guard, TriggerSender, UdpMedium
from acs.store.tables import distress_triggers
from tests.nodes import NOWHERE, provisioned, running_fleet, running_node
from tests.southbound.conftest import OUI, SERIAL, Vendor, body_of, inform, make_bench
from tests.waiting import until


@pytest.fixture
async def bench(tmp_path):
    async for made in make_bench(tmp_path, distress_port=0, distress_names=["127.0.0.1", "distress.example"]):
        yield made


def url_of(bench) -> str:
    return f"https://127.0.0.1:{bench.node.southbound.distress_port}/"


async def post(bench, http, body, *, url: str = "", cookie: str = "") -> tuple[int, str, str]:
    data = body if isinstance(body, bytes) else body_of(body)
    headers = {"Cookie": cookie} if cookie else {}
    async with http.post(url or url_of(bench), data=data, headers=headers) as response:
        sent = response.headers.get("Set-Cookie", "").partition(";")[0]
        return response.status, await response.text(), sent


@pytest.mark.row("S1 L54.2")
async def test_only_the_simplified_protocol_is_spoken_what_else_there_is_waits(bench):
    async with bench.client() as http:
        status, _, cookie = await post(bench, http, inform(SERIAL, "0 BOOTSTRAP", "X 0005B9 DISTRESS"))
        assert status == 200

        def ask(conn):
            device = dev.find(conn, f"{OUI}-{SERIAL}")
            for number, request in enumerate((m.GetParameterNames("", True), m.Reboot("r1"))):
                key = f"k{number}"
                enqueue(
                    conn,
                    device.id,
                    request,
                    command_key=key,
                    purpose="operator",
                    priority=0,
                    now=bench.clock[0],
                )
            return device.channel

        assert await bench.node.store.write(ask) == "distress"
        _, text, _ = await post(bench, http, b"", cookie=cookie)
        assert "<cwmp:Reboot>" in text
        status, text, _ = await post(bench, http, m.Kicked("a", "", "b", ""), cookie=cookie)
        assert "8000" in text
    states = {each.method: each.state for each in await bench.node.store.read(list_commands)}
    assert states["GetParameterNames"] == "queued"
    assert states["Reboot"] == "sent"


async def test_a_session_does_not_go_on_over_another_channel(bench):
    async with bench.client() as http:
        _, _, cookie = await post(bench, http, inform(SERIAL))
        status, text, _ = await post(bench, http, b"", url=f"{bench.node.url}/acs", cookie=cookie)
        assert (status, "distress channel" in text) == (403, True)


@pytest.mark.row("S1 L54.5")
async def test_the_same_mutual_authentication_and_a_certificate_of_its_own(bench):
    async with bench.client(bench.anonymous()) as http:
        status, _, _ = await post(bench, http, inform(SERIAL))
        assert status == 401
    shown = []
    for port in (bench.node.southbound.port, bench.node.southbound.distress_port):
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=bench.tls())
        tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
        shown.append([name for _, name in tls.getpeercert()["subjectAltName"]])
        writer.close()
    assert "distress.example" in shown[1]
    assert "distress.example" not in shown[0]


async def test_a_flood_of_the_standard_listener_leaves_the_distress_channel_alone(tmp_path):
    """Even from the address that the device has, as behind one NAT."""
    async for bench in make_bench(tmp_path, distress_port=0, address_connections=2):
        port = bench.node.southbound.port
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        with pytest.raises(OSError, match="reset"):
            await held[2][0].readexactly(1)
        async with bench.client() as http:
            status, _, _ = await post(bench, http, inform(SERIAL, "0 BOOTSTRAP", "X 0005B9 DISTRESS"))
            assert status == 200
        for _, writer in held:
            writer.transport.abort()


class Silent:
    """A medium whose devices do not answer, or one that is broken."""

    def __init__(self, method: str, *, broken: bool = False) -> None:
        self.method, self.broken, self.asked = method, broken, 0

    async def send(self, due, trigger, key) -> str:
        self.asked += 1
        if self.broken:
            raise ZeroDivisionError
        await asyncio.Event().wait()
        return ""


async def test_devices_that_do_not_answer_hold_up_no_other_devices_trigger(tmp_path, store):
    """Neither do those of a medium that is broken, which is not tried for ever."""
    now = store.clock()

    def request(conn):
        device = dev.register(conn, OUI, SERIAL, now=now)
        methods = ["COAP"] * 70 + ["XMPP", "UDP"]
        paths = [ds.Path("Internet", "127.0.0.1:9999", method) for method in methods]
        return [ds.request_trigger(conn, device, path, case_id=None, hourly=99, now=now) for path in paths]

    numbers = await store.write(request)
    guard = Guard(["127.0.0.0/8"])
    silent, broken = Silent("COAP"), Silent("XMPP", broken=True)
    secrets = Secrets.load_or_create(tmp_path)
    sender = asyncio.create_task(TriggerSender(store, secrets, [silent, broken, UdpMedium(guard)]).run())

    def results(conn):
        query = select(distress_triggers.c.id, distress_triggers.c.result)
        return {row.id: row.result for row in conn.execute(query)}

    try:

        async def the_last_is_sent():
            told = await store.read(results)
            return told if told[numbers[-1]] == "sent" else None

        found = await until(the_last_is_sent)
        assert found[numbers[-2]] == "not sent: ZeroDivisionError"
        assert (silent.asked, broken.asked) == (70, 1)
        assert {found[number] for number in numbers[:70]} == {""}
    finally:
        sender.cancel()
        await asyncio.gather(sender, return_exceptions=True)
        guard.close()


@pytest.mark.row("S1 L54.3")
async def test_files_are_fetched_over_a_distress_channel_and_none_are_sent(bench):
    node = bench.node
    assert node.distress_url == f"https://127.0.0.1:{node.southbound.distress_port}"
    url = node.env.distress_file_url(1, "image", bench.clock[0])
    assert url.startswith(f"{node.distress_url}/files/")
    sent = node.env.upload_url(1, "1 Vendor Configuration File", "k", bench.clock[0])
    async with bench.client() as http:
        async with http.get(url) as response:
            assert (response.status, await response.text()) == (404, "there is no such file\n")
        async with http.get(url.replace("/files/", "/files/x")) as response:
            assert response.status == 404
        async with http.put(sent.replace(node.url, node.distress_url), data=b"x") as response:
            assert response.status == 404
            assert "Not Found" in await response.text()


@pytest.mark.row("S1 L62.4")
@pytest.mark.row("S1 L54.5")
@pytest.mark.parametrize("method", ["UDP", "COAP"])
async def test_a_trigger_leads_a_device_from_the_dead_standard_path_to_the_second(tmp_path, method):
    if method == "COAP":
        pytest.importorskip("aiocoap", reason="the extra coap is not installed")
    vendor = Vendor(tmp_path / "vendor")
    async with (
        running_node(tmp_path / "acs", vendor, distress_port=0) as node,
        running_fleet(node, vendor, path="/") as fleet,
    ):
        device = fleet.add(SERIAL)
        key = f"{OUI}-{SERIAL}"
        secret = Secrets.load_or_create(node.settings.data).distress_key(key)
        url = f"https://127.0.0.1:{node.southbound.distress_port}/"
        ports = await fleet.listen_for_triggers(SERIAL, {"Internet": url}, secret)
        fleet.power_on()

        async def on_the_second_path():
            return (await node.store.read(dev.find, key)).channel == "distress"

        await provisioned(node, key)
        device.access = device.access.at(NOWHERE)

        def trigger(conn):
            found = dev.find(conn, key)
            path = ds.Path("Internet", f"127.0.0.1:{ports['Internet']}", method)
            return ds.request_trigger(conn, found, path, case_id=None, hourly=12, now=time.time())

        assert await node.store.write(trigger)
        await until(on_the_second_path)
        assert device.henb.distress.refused.keys() <= {"repeated"}
        assert fleet.failures() == []
        assert not await node.store.read(rm.list_cases, state="waiting")
        query, wanted = select(distress_triggers.c.result), {"UDP": "sent", "COAP": "acknowledged"}[method]

        async def noted():
            return await node.store.read(lambda conn: conn.execute(query).scalar()) == wanted

        await until(noted)
