"""Two nodes on one PostgreSQL: either continues what the other began."""

from __future__ import annotations

import shutil

import aiohttp
import pytest

from acs import commands as cm
from acs import devices as dev
from acs import files as fl
from acs import remediation as rm
from acs.cwmp import decode, encode
from acs.cwmp import messages as m
from acs.datamodel import golden_configuration
from acs.simulator import OUI, PRODUCT_CLASS, Fleet, Vendor, build_image
from tests.nodes import running_node
from tests.releasing import release
from tests.waiting import until

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
async def nodes(postgresql_url, tmp_path):
    """Two nodes that share the database, the master key and the server's CA."""
    vendor, one, two = Vendor(tmp_path / "vendor"), tmp_path / "one", tmp_path / "two"
    given = {"policy_text": "extends: default\ntimers: {retry: 0.2}\n", "database": postgresql_url}
    async with running_node(one, vendor, **given) as first:
        shutil.copytree(one / "pki", two / "pki")
        shutil.copy(one / "master.key", two / "master.key")
        async with running_node(two, vendor, **given) as second:
            yield [first, second], vendor


async def test_a_session_that_one_node_opened_is_continued_by_the_other(nodes):
    (one, two), vendor = nodes
    tls = vendor.client_context(
        f"a1.{OUI}.henb.femto.example".lower(), one.settings.data / "pki/server/ca.pem"
    )
    inform = m.Inform(m.DeviceId("ACME", OUI, PRODUCT_CLASS, "A1"), (m.Event("1 BOOT"),), 1, "", 0, ())
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=tls), cookie_jar=aiohttp.DummyCookieJar()
    ) as http:
        body = encode(inform, namespace=m.CWMP_1_2, header=m.Header(id="1"))
        async with http.post(f"{one.url}/acs", data=body) as response:
            cookie = response.headers["Set-Cookie"].partition(";")[0]
        async with http.post(f"{two.url}/acs", headers={"Cookie": cookie}) as response:
            request = decode(await response.read())
            assert isinstance(request.message, m.GetParameterValues)
        fault = encode(m.Fault(9005, "no"), namespace=m.CWMP_1_2, header=m.Header(id=request.header.id))
        async with http.post(f"{one.url}/acs", data=fault, headers={"Cookie": cookie}) as response:
            assert response.status == 200
    settled = await two.store.read(cm.list_commands, state="failed")
    assert [each.fault_code for each in settled] == [9005]


async def test_fleets_at_both_nodes_are_remediated(nodes, tmp_path):
    (one, two), vendor = nodes
    image = tmp_path / "image"
    image.write_bytes(build_image("2.0.0", PRODUCT_CLASS, vendor.image_key))
    await release(one, vendor, image, product_class="*")
    fl.TrustedSigners(two.settings.data).trust("vendor", vendor.image_signer, "its key")
    await fl.take_in(two.storage, image)

    def fill(conn):
        dev.set_golden(conn, "*", [m.ParameterValue(*each) for each in golden_configuration("henb")])

    await one.store.write(fill)
    fleets = []
    for number, node in enumerate((one, two)):
        fleet = Fleet(vendor, f"{node.url}/acs", server_ca=node.settings.data / "pki/server/ca.pem")
        await fleet.start()
        for tamper in ("software-modified", "configuration-modified", "clock-modified"):
            fleet.add(f"{tamper}-{number}")
        fleet.power_on()
        fleets.append(fleet)

    async def provisioned():
        found = await two.store.read(dev.listing)
        return len(found) == 6 and all(each.provisioned_for for each in found)

    async def done():
        found = await two.store.read(rm.list_cases, kind="remediation")
        return len(found) == 6 and all(each.state == "closed" for each in found)

    try:
        await until(provisioned)
        for fleet in fleets:
            for serial in fleet.devices:
                fleet.tamper(serial, serial.rpartition("-")[0])
        await until(done)
        cases = await two.store.read(rm.list_cases, kind="remediation")
        assert {case.outcome for case in cases} == {"REMEDIATED"}
        assert [fleet.failures() for fleet in fleets] == [[], []]
    finally:
        for fleet in fleets:
            await fleet.stop()
