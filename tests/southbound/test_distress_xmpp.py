"""A distress channel that is triggered over XMPP, through a real server (S1 L54, TR-069 annex K)."""

from __future__ import annotations

import asyncio

import pytest

from acs import devices as dev
from acs import distress as ds
from acs.security import Secrets
from acs.simulator import OUI, Vendor
from tests.nodes import NOWHERE, provisioned, running_fleet, running_node
from tests.southbound.prosody import DOMAIN
from tests.southbound.test_xmpp import SECRET, server
from tests.waiting import until

pytest.importorskip("slixmpp", reason="the extra xmpp is not installed")
from acs.simulator.xmpp import JabberListener

__all__ = ["server"]  # a fixture

SERIAL = "X1"


async def test_a_trigger_over_xmpp_leads_a_device_from_the_dead_standard_path_to_the_second(server, tmp_path):
    (tmp_path / "xmpp.password").write_text(SECRET)
    vendor = Vendor(tmp_path / "vendor")
    given = {"xmpp_jabber_id": f"acs@{DOMAIN}", "xmpp_password_file": tmp_path / "xmpp.password"}
    given |= {"xmpp_server": f"127.0.0.1:{server.port}", "xmpp_ca": server.ca}
    async with (
        running_node(tmp_path / "acs", vendor, distress_port=0, **given) as node,
        running_fleet(node, vendor, path="/") as fleet,
    ):
        device, key = fleet.add(SERIAL), f"{OUI}-{SERIAL}"
        secret = Secrets.load_or_create(node.settings.data).distress_key(key)
        url = f"https://127.0.0.1:{node.southbound.distress_port}/"
        await fleet.listen_for_triggers(SERIAL, {"IPsec2": NOWHERE, "AirInterface": url}, secret)
        fleet.power_on()

        async def on_the_second_path():
            return (await node.store.read(dev.find, key)).channel == "distress"

        await provisioned(node, key)
        account = f"henb@{DOMAIN}", "henb account"
        listener = JabberListener(
            device, *account, ca=server.ca, server=("127.0.0.1", server.port), kind="AirInterface"
        )
        listening = asyncio.create_task(listener.run())
        try:
            async with asyncio.timeout(20):
                await listener.stream.ready.wait()
            device.access = device.access.at(NOWHERE)

            def trigger(conn, now):
                found = dev.find(conn, key)
                path = ds.Path("AirInterface", listener.stream.full_jabber_id, "XMPP")
                return ds.request_trigger(conn, found, path, case_id=None, hourly=12, now=now)

            assert await node.store.write(trigger, node.store.clock())
            await until(on_the_second_path)
            assert device.henb.tree.value("Device.ManagementServer.ConnReqJabberID") == ""
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
