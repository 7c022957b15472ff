"""The standard path is cut by the kernel: HeMS and HeNB in network namespaces with two links between them.

Needs root, ``ip`` and ``nft``; elsewhere it is skipped. Over relays: test_distress_paths.py.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import AsyncExitStack

import pytest

from acs import devices as dev
from acs import distress as ds
from acs import remediation as rm
from acs.simulator import OUI, Vendor
from acs.store import Store
from tests.e2e.test_nat_namespaces import Net, can, stop
from tests.waiting import until

STANDARD, SECOND = ("198.51.100.1", "198.51.100.2"), ("203.0.113.1", "203.0.113.2")  # HeMS, HeNB
KEY = f"{OUI}-A1"
POLICY = """
extends: default
name: namespaces
timers: {session: 1}
distress: {standard_path: 1, second_path: 15}
"""
CUT = """
table inet cut {
  chain in { type filter hook input priority 0; iifname "std" drop; }
  chain out { type filter hook output priority 0; oifname "std" drop; }
}
"""
HENB = """
import asyncio, json, sys
from pathlib import Path
from acs.security import Secrets
from acs.simulator import Fleet, Vendor

async def main(data, vendor, url, second, told):
    data = Path(data)
    fleet = Fleet(Vendor(Path(vendor)), url, server_ca=data / "pki/server/ca.pem", host="0.0.0.0", timeout=2)
    await fleet.start()
    henb = fleet.add("A1").henb
    key = Secrets.load_or_create(data).distress_key("0005B9-A1")
    ports = await fleet.listen_for_triggers("A1", {"IPsec2": second}, key)
    henb.distress.silence_tries = henb.distress.alarm_tries = 1000  # it comes when it is triggered
    Path(told).write_text(json.dumps(ports))
    fleet.power_on()
    await asyncio.wait_for(asyncio.Event().wait(), 100)  # it is terminated before

asyncio.run(main(*sys.argv[1:]))
"""
pytestmark = [pytest.mark.skipif(bool(can()), reason=can()), pytest.mark.timeout(120)]


class Links(Net):
    """Namespaces ``hems`` and ``henb``, with the links ``std`` and ``second``."""

    def up(self) -> None:
        for each in ("hems", "henb"):
            self.ip("netns", "add", self.name(each))
            self.inside(each, "ip", "link", "set", "lo", "up")
        self._wire("hems", "std", STANDARD[0], "henb", "std", STANDARD[1])
        self._wire("hems", "second", SECOND[0], "henb", "second", SECOND[1])

    def down(self) -> None:
        for each in ("hems", "henb"):
            subprocess.run(["ip", "netns", "del", self.name(each)], capture_output=True, check=False)

    async def python(self, which: str, log, *words: str) -> asyncio.subprocess.Process:
        command = ["ip", "netns", "exec", self.name(which), sys.executable, *words]
        return await asyncio.create_subprocess_exec(
            *command, stdout=log, stderr=log, stdin=asyncio.subprocess.DEVNULL
        )


@pytest.fixture
def links():
    made = Links()
    try:
        made.up()
        yield made
    finally:
        made.down()


@pytest.mark.row("S1 L62.4")
@pytest.mark.row("S1 L72")
async def test_a_henb_whose_standard_path_the_kernel_drops_is_reached_over_the_second(links, tmp_path):
    data, vendor, told = tmp_path / "acs", tmp_path / "vendor", tmp_path / "ports"
    data.mkdir(mode=0o700)
    Vendor(vendor).trusted_in(data / "pki" / "device-ca.d")
    (tmp_path / "policy.yaml").write_text(POLICY)
    settings = tmp_path / "settings.toml"
    networks = json.dumps(["198.51.100.0/24", "203.0.113.0/24"])
    settings.write_text(
        f'host = "0.0.0.0"\nnames = ["{STANDARD[0]}"]\nport = 7548\nmanagement_port = 0\n'
        f'distress_port = 7551\ndistress_names = ["{SECOND[0]}"]\nconnection_request_networks = {networks}\n'
        f'policy = "{tmp_path / "policy.yaml"}"\ndrain_timeout = 0.2\n'
    )
    log = (tmp_path / "log").open("wb")
    acs = await links.run("hems", log, "serve", "--data", str(data), "--config", str(settings))

    async def serves():
        assert acs.returncode is None, (tmp_path / "log").read_text()
        return (data / "node.json").exists()

    running, stack = [acs], AsyncExitStack()
    try:
        await until(serves)
        store = await Store.open(f"sqlite:///{data / 'acs.db'}")
        stack.push_async_callback(store.close)
        urls = f"https://{STANDARD[0]}:7548/acs", f"https://{SECOND[0]}:7551/"
        henb = await links.python("henb", log, "-c", HENB, str(data), str(vendor), *urls, str(told))
        running.append(henb)

        async def provisioned():
            assert henb.returncode is None, (tmp_path / "log").read_text()
            found = await store.read(dev.find, KEY)
            return found if found is not None and found.provisioned_for else None

        device = await until(provisioned)
        port = json.loads(told.read_text())["IPsec2"]

        def add(conn, now):
            ds.add_path(conn, device, ds.Path("IPsec2", f"{SECOND[1]}:{port}"), who="test", now=now)

        await store.write(add, store.clock())
        links.inside("henb", "nft", "-f", "-", text=CUT)
        command = [sys.executable, "-m", "acs", "devices", "reach", KEY, "--because", "not heard of"]
        command += ["--data", str(data), "--config", str(settings)]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr

        async def ended():
            found = [each for each in await store.read(rm.list_cases) if each.procedure == "REACH"]
            return found[0] if found and found[0].state in ("closed", "waiting") else None

        case = await until(ended)
        assert case.outcome == "REACHED", case.because
        assert case.because == "over the second path, IPsec2; the standard path does not work"
        assert (await store.read(dev.find, KEY)).channel == "distress"
    finally:
        await stack.aclose()
        await stop(*running)
        log.close()
