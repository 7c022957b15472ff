"""A distress channel that is triggered over XMPP, through a real server (S1 L54, TR-069 annex K)."""

from __future__ import annotations

import asyncio
import socket

import pytest

from acs import devices as dev
from acs import distress as ds
from acs.node import Node
from acs.security import Secrets
from acs.settings import load_settings
from acs.simulator import OUI, Fleet, Vendor
from tests.southbound.prosody import DOMAIN
from tests.southbound.test_xmpp import SECRET, server

pytest.importorskip("slixmpp", reason="the extra xmpp is not installed")
from acs.simulator.xmpp import JabberListener

__all__ = ["server"]  # a fixture

SERIAL = "X1"


async def test_a_trigger_over_xmpp_leads_a_device_from_the_dead_standard_path_to_the_second(server, tmp_path):
    (tmp_path / "xmpp.password").write_text(SECRET)
    vendor = Vendor(tmp_path / "vendor")
    values = {"data": tmp_path / "acs", "host": "127.0.0.1", "port": 0, "management_port": 0}
    values |= {"device_ca": [vendor.ca_path], "distress_port": 0, "drain_timeout": 0.2}
    values |= {"xmpp_jabber_id": f"acs@{DOMAIN}", "xmpp_password_file": tmp_path / "xmpp.password"}
    values |= {"xmpp_server": f"127.0.0.1:{server.port}", "xmpp_ca": server.ca}
    node = Node(load_settings(None, values, {}))
    await node.start()
    fleet = Fleet(vendor, f"{node.url}/", server_ca=node.settings.data / "pki/server/ca.pem")
    listening = None
    try:
        await fleet.start()
        device, key = fleet.add(SERIAL), f"{OUI}-{SERIAL}"
        secret = Secrets.load_or_create(node.settings.data).distress_key(key)
        url = f"https://127.0.0.1:{node.southbound.distress_port}/"
        await fleet.listen_for_triggers(
            SERIAL, {"IPsec2": "https://127.0.0.1:9/", "AirInterface": url}, secret
        )
        fleet.power_on()

        async def until(told) -> None:
            async with asyncio.timeout(20):
                while not told(await node.store.read(dev.find, key)):
                    await asyncio.sleep(0.05)

        await until(lambda found: found is not None and found.provisioned_for)
        account = f"henb@{DOMAIN}", "henb account"
        listener = JabberListener(
            device, *account, ca=server.ca, server=("127.0.0.1", server.port), kind="AirInterface"
        )
        listening = asyncio.create_task(listener.run())
        async with asyncio.timeout(20):
            await listener.stream.ready.wait()
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            dead = f"https://127.0.0.1:{unused.getsockname()[1]}/"
        device.access = type(device.access)(dead, device.access.tls)

        def trigger(conn, now):
            found = dev.find(conn, key)
            path = ds.Path("AirInterface", listener.stream.full_jabber_id, "XMPP")
            return ds.request_trigger(conn, found, path, case_id=None, hourly=12, now=now)

        assert await node.store.write(trigger, node.store.clock())
        await until(lambda found: found.channel == "distress")
        assert device.henb.tree.value("Device.ManagementServer.ConnReqJabberID") == ""
    finally:
        if listening is not None:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
        await fleet.stop()
        await node.stop()
