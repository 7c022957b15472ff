"""Devices behind the kernel's own NAT: three network namespaces, a router that masquerades between them.

Needs root, ``ip`` and ``nft``; elsewhere it is skipped. A NAT in the process: tests/simulator/test_nat.py.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from time import time

import pytest

from acs import commands as cm
from acs import devices as dev
from acs.cwmp import messages as m
from acs.simulator import Vendor
from acs.store import Store
from tests.waiting import until

ACS, ROUTER_OUT, ROUTER_IN, DEVICES = "198.51.100.1", "198.51.100.2", "10.9.0.1", "10.9.0.2"
POLICY = f"extends: default\nname: nat\nprovisioning: {{stun_server: '{ACS}:3478'}}\n"
RULES = """
table ip nat {
  chain out { type nat hook postrouting priority 100; oifname "out" masquerade; }
}
"""


def can() -> str:
    """Return why this can't be run here, "" when it can."""
    missing = [each for each in ("ip", "nft", "unshare") if shutil.which(each) is None]
    if os.geteuid() != 0 or missing:
        return f"network namespaces need root, ip and nft (missing: {', '.join(missing) or 'root'})"
    if subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode:
        return "network namespaces are not allowed here"
    return ""


pytestmark = [pytest.mark.skipif(bool(can()), reason=can()), pytest.mark.timeout(120)]


class Net:
    """Namespaces ``public`` (the ACS), ``router`` and ``inside`` (the devices)."""

    def __init__(self) -> None:
        self.prefix = f"acs{os.getpid()}"

    def name(self, which: str) -> str:
        return f"{self.prefix}-{which}"

    def ip(self, *words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)

    def inside(self, which: str, *command: str, text: str = "") -> None:
        command = ("ip", "netns", "exec", self.name(which), *command)
        subprocess.run(command, check=True, capture_output=True, input=text.encode(), timeout=20)

    def up(self) -> None:
        for each in ("public", "router", "inside"):
            self.ip("netns", "add", self.name(each))
            self.inside(each, "ip", "link", "set", "lo", "up")
        self._wire("public", "acs", ACS, "router", "out", ROUTER_OUT)
        self._wire("inside", "henb", DEVICES, "router", "in", ROUTER_IN)
        self.inside("inside", "ip", "route", "add", "default", "via", ROUTER_IN)
        self.inside("router", "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        self.inside("router", "nft", "-f", "-", text=RULES)

    def _wire(self, one: str, port: str, address: str, other: str, its: str, its_address: str) -> None:
        names = self.name(one), self.name(other)
        self.ip(
            "link", "add", port, "netns", names[0], "type", "veth", "peer", "name", its, "netns", names[1]
        )
        for where, link, where_address in ((one, port, address), (other, its, its_address)):
            self.inside(where, "ip", "addr", "add", f"{where_address}/24", "dev", link)
            self.inside(where, "ip", "link", "set", link, "up")

    def down(self) -> None:
        for each in ("public", "router", "inside"):
            subprocess.run(["ip", "netns", "del", self.name(each)], capture_output=True, check=False)

    async def run(self, which: str, log, *words: str) -> asyncio.subprocess.Process:
        command = ["ip", "netns", "exec", self.name(which), sys.executable, "-m", "acs", *words]
        return await asyncio.create_subprocess_exec(
            *command, stdout=log, stderr=log, stdin=asyncio.subprocess.DEVNULL
        )


@pytest.fixture
def net():
    made = Net()
    try:
        made.up()
        yield made
    finally:
        made.down()


async def stop(*processes: asyncio.subprocess.Process) -> None:
    for each in processes:
        if each.returncode is None:
            each.terminate()
            async with asyncio.timeout(20):
                await each.wait()


async def test_a_device_behind_the_kernels_nat_is_called_through_its_binding(net, tmp_path):
    data, vendor = tmp_path / "acs", tmp_path / "vendor"
    data.mkdir(mode=0o700)
    Vendor(vendor).trusted_in(data / "pki" / "device-ca.d")
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    log = (tmp_path / "log").open("wb")
    serve = [
        "serve",
        "--data",
        str(data),
        "--host",
        ACS,
        "--name",
        ACS,
        "--port",
        "7548",
        "--policy",
        str(policy),
    ]
    serve += ["--management-port", "0", "--stun-port", "3478"]
    acs = await net.run("public", log, *serve)

    async def serves():
        assert acs.returncode is None, (tmp_path / "log").read_text()
        return (data / "node.json").exists()

    await until(serves)
    simulate = ["simulate", "--url", f"https://{ACS}:7548/acs", "--ca", str(data / "pki/server/ca.pem")]
    simulate += ["--vendor", str(vendor), "--count", "2", "--seconds", "100", "--udp", "--host", DEVICES]
    fleet = await net.run("inside", log, *simulate)
    store = await Store.open(f"sqlite:///{data / 'acs.db'}")
    try:

        async def bound():
            found = await store.read(dev.listing)
            good = [each for each in found if each.udp_binding and each.nat_detected]
            return good if len(good) == 2 and not any(each.has_open_commands for each in good) else None

        found = await until(bound)
        assert all(each.udp_binding.startswith(f"{ROUTER_OUT}:") for each in found)
        assert all(each.connection_request_url.startswith(f"http://{DEVICES}:") for each in found)

        def enqueue(conn):
            for each in found:
                request = m.GetParameterValues(("Device.DeviceInfo.",))
                key = f"reach{each.id}"
                cm.enqueue(conn, each.id, request, command_key=key, purpose="operator", now=time())

        await store.write(enqueue)

        async def answered():
            commands = await store.read(cm.list_commands, limit=100)
            mine = [each for each in commands if each.command_key.startswith("reach")]
            return len(mine) == 2 and all(each.state == "succeeded" for each in mine)

        await until(answered)

        async def noted():
            return {each.connection_request_result for each in await store.read(dev.listing)} == {"udp sent"}

        await until(noted)
    finally:
        await store.close()
        await stop(fleet, acs)
        log.close()
