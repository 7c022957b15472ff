"""The stand-ins for the network over real sockets: whom they let in, and how they are told not to."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import ssl
import time

import aiohttp
import pytest

from acs.northbound import sign
from acs.simulator import Fleet, Vendor
from acs.simulator.attachment import Attachment
from acs.simulator.henb_gw import fits_identity
from acs.simulator.lists import Lists
from acs.simulator.operator_network import SYSTEMS, OperatorNetwork
from acs.simulator.stages import Stage
from tests.waiting import until

pytestmark = pytest.mark.timeout(60)
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


class Site:
    """The stand-ins and a fleet, whose HeNBs run without a HeMS."""

    def __init__(self, folder) -> None:
        self.vendor = Vendor(folder / "vendor")
        self.network = OperatorNetwork(folder / "network", self.vendor.ca_path)
        self.fleet = Fleet(self.vendor, "https://127.0.0.1:9/acs", server_ca=self.vendor.ca_path)
        self.attachments: dict[str, Attachment] = {}
        self._tasks: list[asyncio.Task] = []

    def attach(self, serial: str) -> Attachment:
        device = self.fleet.add(serial)
        device.henb.power_on(time.time())
        attachment = self.fleet.attach(serial, ("localhost", self.network.segw.port), self.network.ca_path)
        self._tasks.append(asyncio.create_task(attachment.run()))
        self.attachments[serial] = attachment
        return attachment

    async def start(self) -> None:
        await self.network.start()
        for name in SYSTEMS:
            (self.network.directory / f"{name}.secret").write_text(SECRET + "\n")
        tls = ssl.create_default_context(cafile=self.network.ca_path)
        tls.load_cert_chain(self.network.client_path)
        self.http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.http.close()
        await self.network.stop()

    async def tell(self, name: str, operation: str, serial: str, message_id: str = "m1", **changed):
        """Send a measure as the HeMS does; ``changed`` headers replace right ones."""
        device = {
            "deviceKey": f"0005B9-{serial}",
            "serialNumber": serial,
            "certificateName": f"{serial}.0005b9.henb.femto.example".lower(),
        }
        body = json.dumps({"operation": operation, "device": device, "reason": "stolen"}).encode()
        now = int(time.time())
        headers = {
            "webhook-id": message_id,
            "webhook-timestamp": str(now),
            "webhook-signature": sign(SECRET, message_id, now, body),
            "Authorization": f"Bearer {self.network.credentials[name].bearer}",
        }
        headers |= {key.replace("_", "-"): value for key, value in changed.items()}
        async with self.http.post(self.network.url(name), data=body, headers=headers) as answer:
            return answer.status, await answer.text()


@pytest.fixture
async def site(tmp_path):
    made = Site(tmp_path)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def test_a_device_brings_up_its_tunnel_and_s1(site: Site):
    attached = site.attach("A1")
    assert not attached._henb.distress.connected
    await until(lambda: attached.s1)
    assert list(site.network.segw.tunnels) == ["a1.0005b9.henb.femto.example"]
    assert list(site.network.gateway.connected) == ["0005B9-A1"]
    assert attached._henb.distress.connected
    attached._henb.shut_down()
    await until(lambda: not site.network.gateway.connected and not site.network.segw.tunnels)
    assert (attached.tunnel, attached.s1, attached._henb.stage) == (False, False, Stage.SHUT_DOWN)


@pytest.mark.row("S1 L90")
@pytest.mark.parametrize(
    ("block", "undo", "why"),
    [
        ("blockListAdd", "blockListRemove", "no tunnel: on the black list: stolen"),
        ("allowListRemove", "allowListAdd", "no tunnel: not on the white list"),
    ],
)
async def test_a_blocked_device_loses_tunnel_and_s1_and_gets_no_other(site: Site, block, undo, why):
    attached, other = site.attach("A1"), site.attach("A2")
    await until(lambda: attached.s1 and other.s1)
    assert await site.tell("segw", block, "A1") == (200, "done")
    await until(lambda: attached.refused == why)
    assert (attached.tunnel, attached.s1, attached._henb.distress.connected) == (False, False, False)
    assert list(site.network.gateway.connected) == ["0005B9-A2"]
    assert site.network.segw.refused["a1.0005b9.henb.femto.example"] >= 1
    assert await site.tell("segw", undo, "A1", "m2") == (200, "done")
    await until(lambda: attached.s1)
    assert other.s1


@pytest.mark.row("S1 L92")
async def test_a_device_blocked_at_the_henb_gw_has_no_s1(site: Site):
    attached = site.attach("A1")
    await until(lambda: attached.s1)
    assert await site.tell("henb-gw", "block", "A1") == (200, "done")
    await until(lambda: attached.refused == "no S1: on the black list: stolen")
    assert not attached._henb.distress.connected
    assert await site.tell("henb-gw", "unblock", "A1", "m2") == (200, "done")
    await until(lambda: attached.s1)


@pytest.mark.row("S1 L94")
async def test_the_subscriber_is_written_to(site: Site):
    assert await site.tell("subscribers", "replace", "A1") == (200, "done")
    assert await site.tell("subscribers", "replace", "A1") == (200, "done before")  # sent again
    [letter] = site.network.subscribers.letters
    assert (letter.device_key, letter.operation) == ("0005B9-A1", "replace")
    assert "A1 has to be replaced" in letter.text
    [line] = (site.network.directory / "letters.jsonl").read_text().splitlines()
    assert json.loads(line)["text"] == letter.text


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"Authorization": "Bearer other"}, "the bearer token is wrong"),
        ({"webhook_signature": "v1,AAAA"}, "the signature is wrong"),
        ({"webhook_id": "m2"}, "the signature is wrong"),
        ({"webhook_timestamp": "1000"}, "too old"),
        ({"webhook_timestamp": "soon"}, "no number"),
    ],
)
async def test_a_measure_of_somebody_else_is_not_believed(site: Site, changed, why):
    attached = site.attach("A1")
    await until(lambda: attached.s1)
    status, text = await site.tell("segw", "blockListAdd", "A1", **changed)
    assert (status, why in text) == (401, True)
    assert attached.s1
    assert not site.network.segw.lists.blocked


async def test_without_the_certificate_of_the_hems_nobody_is_heard(site: Site):
    tls = ssl.create_default_context(cafile=site.network.ca_path)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as http:
        with pytest.raises((aiohttp.ClientError, OSError)):
            async with http.post(site.network.url("segw"), data=b"{}"):
                pass
    assert site.network.measures.requests == 0


@pytest.mark.parametrize(
    ("name", "operation"), [("segw", "block"), ("henb-gw", "blockListAdd"), ("subscribers", "block")]
)
async def test_what_a_system_cant_do_is_refused_for_good(site: Site, name, operation):
    status, text = await site.tell(name, operation, "A1")
    assert (status, "is no" in text) == (422, True)
    assert (await site.tell("segw", "blockListAdd", "A1"))[0] == 200  # its id was not used up


async def test_a_device_that_calls_itself_otherwise_gets_no_s1(site: Site):
    attached = site.attach("A1")
    await until(lambda: attached.s1)
    identity = attached._henb.device_id
    object.__setattr__(identity, "serial_number", "A2")
    site.network.segw.tunnels["a1.0005b9.henb.femto.example"].transport.abort()
    await until(lambda: attached.refused.startswith("no S1: it comes through the tunnel of a1."))


async def test_a_certificate_of_another_vendor_gets_no_tunnel(site: Site, tmp_path):
    stranger = Vendor(tmp_path / "stranger")
    tls = stranger.client_context("a1.0005b9.henb.femto.example", site.network.ca_path)

    async def knock() -> bytes:
        reader, writer = await asyncio.open_connection("localhost", site.network.segw.port, ssl=tls)
        try:
            return await reader.readexactly(1)
        finally:
            writer.transport.abort()

    with pytest.raises((OSError, asyncio.IncompleteReadError)):
        await knock()
    assert not site.network.segw.tunnels


def test_a_white_list_lets_in_only_who_is_on_it():
    lists = Lists(allowed={"a1"})
    assert (lists.refuse("A1"), lists.refuse("a2")) == ("", "not on the white list")
    lists.allow("A2")
    lists.disallow("A1", "stolen")
    assert (lists.refuse("a1"), lists.refuse("a2")) == ("not on the white list", "")


@pytest.mark.parametrize(
    ("key", "identity", "fits"),
    [
        ("0005B9-A1", "a1.0005b9.henb.femto.example", True),
        ("0005B9-A1", "a11.0005b9.henb.femto.example", False),
        ("0005B9-a%2D1", "a-1.0005b9.henb.femto.example", True),
        ("0005B9-", ".0005b9.henb.femto.example", False),
        ("", "", False),
    ],
)
def test_a_device_key_belongs_to_a_certificate(key, identity, fits):
    assert fits_identity(key, identity) == fits


def test_the_signature_is_that_of_standard_webhooks():
    digest = hmac.digest(bytes(range(32)), b"m1.1000.{}", "sha256")
    assert sign(SECRET, "m1", 1000, b"{}") == "v1," + base64.b64encode(digest).decode()
