"""``acs serve``, ``acs simulate`` and ``acs bench`` as processes of their own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys

import pytest

from acs import devices as dev
from acs.cli.trial import AcsProcess
from acs.simulator import Vendor
from acs.store import Store


async def acs(*arguments: object) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "acs", *map(str, arguments)]
    process = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    async with asyncio.timeout(100):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


@pytest.fixture
async def served(tmp_path):
    """A node that serves from tmp_path/acs and trusts the vendor of tmp_path/vendor."""
    vendor = Vendor(tmp_path / "vendor")
    vendor.trusted_in(tmp_path / "acs/pki/device-ca.d")
    process = AcsProcess(tmp_path / "acs", "--connection-requests-to", "127.0.0.0/8", "--log-level", "debug")
    await process.start()
    try:
        yield process
    finally:
        await process.stop()


async def test_a_simulated_fleet_is_served_and_sigterm_ends_the_node_with_0(served, tmp_path):
    options = ("--data", served.data, "--vendor", tmp_path / "vendor", "--enrol", "--json")
    tampering = ("--tamper", "case-opened", "--every", 5, "--until", "never")
    code, out, err = await acs("simulate", "--count", 5, *tampering, *options)
    assert (code, err) == (0, ""), err
    facts = json.loads(out)
    assert facts["devices"] == 5
    assert facts["sessions"] >= 5
    for name in ("failed sessions", "devices never served"):
        assert facts[name] == 0
    assert facts["errors"] == facts["simulator failures"] == ""
    assert facts["stages"][1:].startswith(" N0 OPERATIONAL")

    store = await Store.open(f"sqlite:///{served.data}/acs.db")
    known = [each.serial_number for each in await store.read(dev.listing)]
    await store.close()
    assert known == [f"SIM{number:06d}" for number in range(1, 6)]

    assert await served.stop() == 0
    lines = (served.data / "acs.log").read_text(encoding="utf-8").splitlines()
    events = [json.loads(line)["event"] for line in lines]
    assert "serving" in events
    assert events[-1] == "stopped"
    assert events.count("first contact") == 5


async def test_a_running_node_reads_its_policy_anew_and_goes_on_where_that_is_wrong(tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text("extends: default\nname: before\n")
    process = AcsProcess(tmp_path / "acs", "--policy", str(policy))
    await process.start()
    try:
        policy.write_text("extends: default\nname: after\nladders: {reconfiguration: [pray]}\n")
        code, _, err = await acs("reload", "--data", tmp_path / "acs")
        told = " ".join(err.split())
        assert (code, "what was in force stays so" in told, "'pray' is unknown" in told) == (2, True, True)
        policy.write_text("extends: default\nname: after\n")
        code, out, err = await acs("reload", "--data", tmp_path / "acs")
        assert (code, err) == (0, "")
        assert process.facts["policy"] in out
        assert out.startswith("in force: policy ")
    finally:
        assert await process.stop() == 0
    code, _, err = await acs("reload", "--data", tmp_path / "acs")
    assert (code, "no node runs on" in err) == (2, True)


async def test_ctrl_c_ends_the_node_with_0(tmp_path):
    process = AcsProcess(tmp_path / "acs")
    await process.start()
    os.kill(process.pid, signal.SIGINT)
    async with asyncio.timeout(20):
        await process._process.wait()
    assert await process.stop() == 0
    for line in (tmp_path / "acs/acs.log").read_text(encoding="utf-8").splitlines():
        assert json.loads(line)["level"] in ("info", "warning")


async def test_bench_measures_sessions():
    options = ("--count", 50, "--devices", 5, "--parameters", 0, "--json")
    code, out, err = await acs("bench", "sessions", *options)
    assert (code, err) == (0, "")
    rows = json.loads(out)
    assert len({row["connections"] for row in rows}) == len(rows) >= 2
    for row in rows:
        assert (row["parameters"], row["sessions"]) == (0, 50)
        assert row["sessions/s"] > 0
        assert row["p50 ms"] <= row["p99 ms"]
