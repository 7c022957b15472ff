"""Emergency remediation over TLS: an emergency management system and a serving HeMS with a store each."""

from __future__ import annotations

import ssl
import time

import aiohttp
import pytest

from acs import alarms as al
from acs import devices as dev
from acs import remediation as rm
from acs.cwmp import messages as m
from acs.datamodel import golden_configuration
from acs.node import Node
from acs.northbound import create_token
from acs.simulator import OUI, PRODUCT_CLASS, Vendor, build_image
from tests.nodes import NOWHERE, provisioned, running_fleet, running_node
from tests.releasing import release
from tests.southbound.conftest import body_of, inform
from tests.waiting import until

pytestmark = pytest.mark.timeout(120)
SERIAL = "A1"
KEY = f"{OUI}-{SERIAL}"


@pytest.fixture
def vendor(tmp_path) -> Vendor:
    return Vendor(tmp_path / "vendor")


def hems(tmp_path, name: str, vendor: Vendor, roles: list[str], *, fail_safe: bool = True, policy: str = ""):
    """Run a HeMS with a store of its own."""
    cas = [vendor.ca_path, *([vendor.fail_safe_ca_path] if fail_safe else [])]
    text = f"extends: default\ntimers: {{retry: 0.2}}\nevidence: {{files: []}}\n{policy}"
    given = {"roles": roles, "device_ca": cas, "northbound_port": 0}
    return running_node(tmp_path / name, vendor, policy_text=text, **given)


async def tell(node: Node, happened: str) -> tuple[int, dict]:
    """Tell a HeMS by its REST interface, as the managers do, what the other one saw."""

    def token(conn):
        now = node.store.clock()
        return create_token(conn, "nms", ["cases:instruct"], expires_at=now + 1000, who="test", now=now)[1]

    tls = ssl.create_default_context(cafile=node.settings.data / "pki/server/ca.pem")
    headers = {"Authorization": f"Bearer {await node.store.write(token)}"}
    body = {"happened": happened, "version": "2.0.0", "why": "the other HeMS notified it"}
    url = f"https://127.0.0.1:{node.northbound_port}/v1/devices/{KEY}/emergency"
    connector = aiohttp.TCPConnector(ssl=tls)
    async with (
        aiohttp.ClientSession(connector=connector, headers=headers) as http,
        http.post(url, json=body) as response,
    ):
        return response.status, await response.json(content_type=None)


@pytest.mark.row("S1 L82.4")
@pytest.mark.row("S1 L82.5")
async def test_a_henb_comes_back_over_an_emergency_management_system_of_its_own(tmp_path, vendor):
    async with (
        hems(tmp_path, "serving", vendor, ["serving"], fail_safe=False) as serving,
        hems(tmp_path, "emergency", vendor, ["emergency"]) as emergency,
        running_fleet(serving, vendor, path="/") as fleet,
    ):
        path = tmp_path / "image"
        path.write_bytes(build_image("2.0.0", PRODUCT_CLASS, vendor.image_key, size=1000))
        await release(emergency, vendor, path)
        golden = [m.ParameterValue(*each) for each in golden_configuration("henb")]
        await serving.store.write(dev.set_golden, "*", golden)
        device = fleet.add(SERIAL)
        fleet.protect(SERIAL, f"{emergency.url}/", server_ca=emergency.settings.data / "pki/server/ca.pem")
        fleet.power_on()

        at_home = await provisioned(serving, KEY, "1.0.0")
        reachable = device.access
        device.access = reachable.at(NOWHERE)
        fleet.tamper(SERIAL, "software-modified")

        await until(lambda: device.henb.fail_safe)
        status, body = await tell(serving, "loaded")
        assert (status, body["device"]) == (200, KEY)
        status, body = await tell(serving, "registered")
        assert (status, "no emergency case" in body["detail"]) == (409, True)
        device.access = reachable

        await provisioned(serving, KEY, "2.0.0")
        assert await serving.store.read(al.active_alarms, at_home.id) == []
        assert await serving.store.read(rm.list_cases, kind="remediation") == []
        (case,) = await emergency.store.read(rm.list_cases)
        known = await emergency.store.read(dev.find, KEY)
        assert (case.procedure, case.state, known.channel) == ("EM", "active", "emergency")
        assert known.certificate_name is None  # a fail-safe image binds nothing

        status, _ = await tell(emergency, "registered")
        told = await emergency.store.read(rm.find_case, case.id)
        assert (status, told.state, told.outcome) == (200, "closed", "HANDED_OVER")
        assert device.henb.stage == "N0"
        assert fleet.failures() == []


@pytest.mark.row("S1 L82.5")
async def test_an_initial_hems_leads_to_the_serving_one(tmp_path, vendor):
    told = "discovery: {{serving_hems: '{}/', security_gateways: [segw.example]}}\n"
    async with (
        hems(tmp_path, "serving", vendor, ["serving"], fail_safe=False) as serving,
        hems(
            tmp_path, "initial", vendor, ["initial", "emergency"], policy=told.format(serving.url)
        ) as initial,
        running_fleet(initial, vendor, path="/") as fleet,
    ):
        device = fleet.add(SERIAL)
        device.access.tls.load_verify_locations(serving.settings.data / "pki/server/ca.pem")
        fleet.protect(SERIAL)  # the emergency management system is the initial HeMS
        path = tmp_path / "image"
        path.write_bytes(build_image("2.0.0", PRODUCT_CLASS, vendor.image_key, size=1000))
        await release(initial, vendor, path)
        fleet.power_on()

        await provisioned(serving, KEY, "1.0.0")
        assert device.henb.acs_url == f"{serving.url}/"
        gateway = "Device.Services.FAPService.1.FAPControl.LTE.Gateway.SecGWServer1"
        assert device.henb.tree.value(gateway) == "segw.example"
        known = await initial.store.read(dev.find, KEY)
        assert (known.channel, known.provisioned_for) == ("initial", "")
        device.henb.begin_emergency(time.time())
        device.wake()
        await provisioned(serving, KEY, "2.0.0")
        assert device.henb.stage == "N0"
        assert fleet.failures() == []


async def answer(node: Node, tls, url: str, body: bytes = b"") -> tuple[int, str]:
    connector = aiohttp.TCPConnector(ssl=tls)
    async with aiohttp.ClientSession(connector=connector) as http:
        sent = http.post(url, data=body) if body else http.get(url)
        async with sent as response:
            return response.status, await response.text()


@pytest.mark.row("S1 L82.3")
async def test_the_credentials_of_a_fail_safe_image_are_good_for_nothing_else(tmp_path, vendor):
    """Wherever the CA is trusted: a serving HeMS, another device, another name, another kind of file."""
    name, own = f"a1.{OUI}.failsafe.femto.example".lower(), f"a1.{OUI}.henb.femto.example".lower()
    hello = body_of(inform(SERIAL))
    async with (
        hems(tmp_path, "serving", vendor, ["serving"]) as serving,
        hems(tmp_path, "emergency", vendor, ["emergency"]) as emergency,
    ):

        def shown(node: Node, dns_name: str, *, fail_safe: bool = True):
            ca = node.settings.data / "pki/server/ca.pem"
            authority = vendor.fail_safe_authority if fail_safe else vendor.authority
            return vendor.client_context(dns_name, ca, authority=authority)

        async def told(node: Node, *args, **kwargs) -> tuple[int, str]:
            return await answer(node, shown(node, *args, **kwargs), f"{node.url}/", hello)

        status, text = await told(serving, name)
        assert (status, "emergency management system alone" in text) == (403, True)
        status, text = await told(emergency, own)  # the fail-safe CA does not make it the device
        assert (status, "not that of the fail-safe image" in text) == (403, True)
        status, text = await told(emergency, name, fail_safe=False)  # nor the vendor's the fail-safe image
        assert (status, "role of this HeMS is emergency" in text) == (403, True)
        status, text = await told(serving, name, fail_safe=False)
        assert (status, "is not that of" in text) == (403, True)
        other = f"a2.{OUI}.failsafe.femto.example".lower()
        assert (await told(emergency, other))[0] == 403
        assert (await told(emergency, name))[0] == 200
        assert await serving.store.read(dev.find, KEY) is None
        known = await emergency.store.read(dev.find, KEY)
        url = emergency.env.upload_url(known.id, "1 Vendor Configuration File", "k", emergency.store.clock())
        status, text = await answer(emergency, shown(emergency, name), url, b"a=b")
        assert (status, "sends no files" in text) == (403, True)
