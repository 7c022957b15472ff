"""The demo, and what is left of it when the ACS is killed at random moments."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys

import msgspec
import pytest

from acs.cli.trial import Trial
from acs.simulator import load_scenario

# Whatever a restart takes on a busy machine, no timer of the ladder may end because of it, and a download
# that finds the file server dead is one more transient fault.
PATIENT = """
extends: default
name: patient
limits: {tries: 9}
timers: {session: 200, diagnostic: 200, reboot: 200, factory_reset: 200, download: 200, retry: 0.3}
"""
pytestmark = pytest.mark.timeout(280)


def test_the_demo_ends_as_expected(tmp_path):
    command = [sys.executable, "-m", "acs", "demo", "--json", "--keep", str(tmp_path / "demo")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    report = json.loads(done.stdout)
    assert report["ok"]
    assert report["executed_twice"] == []
    rungs = {(row["procedure"], rung) for row in report["devices"] for rung in row["rungs"]}
    assert {(p, r) for p in ("P2R",) for r in ("reconfigure", "reboot", "factory_reset")} <= rungs
    assert {(p, r) for p in ("P2S",) for r in ("download", "reboot", "factory_reset")} <= rungs
    assert len({row["tamper"] for row in report["devices"]}) == 7


def test_an_outcome_that_differs_makes_the_exit_code_1(tmp_path):
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(
        "name: wrong\n"
        "devices:\n"
        "  - serial: a\n"
        "    tamper: case-opened\n"
        "    expect: {procedure: P3, outcome: BLOCKED}\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "acs", "demo", "--scenario", str(scenario)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 1
    assert "procedure: expected P3, got DX" in " ".join(done.stdout.split())


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_killing_the_acs_changes_no_outcome_and_repeats_no_command(tmp_path, seed):
    chance = random.Random(seed)
    scenario = load_scenario(None)
    # Left out: one that waits for a timer, one whose only fault may be swallowed with its answer (a
    # SetParameterValues is then rightly sent again), and those that nothing is done to.
    out = ("reboot-hangs", "values-rejected-once", "quiet")
    devices = [entry for entry in scenario.devices if entry.serial not in out]
    trial = Trial(msgspec.structs.replace(scenario, devices=devices), tmp_path, policy=PATIENT)
    try:
        await trial.start()
        trial.fleet.power_on()
        await asyncio.sleep(chance.uniform(0.1, 1.0))  # killed at whatever moment it then is
        await trial.acs.kill()
        await trial.acs.start()
        total = len(trial.entries)
        assert await trial.until(trial.provisioned, 60, lambda _: None) == total
        trial.tamper()
        for _ in range(3):
            await asyncio.sleep(chance.uniform(0.05, 1.2))
            await trial.acs.kill()
            await trial.acs.start()
        assert await trial.until(trial.decided, 120, lambda _: None) == total
        rows = await trial.rows()
        assert [f"{row.serial}: {row.problem}, {row.because}" for row in rows if not row.ok] == []
        assert trial.executed_twice() == []
        assert trial.fleet.failures() == []
    finally:
        await trial.stop()


def test_henbs_behind_a_nat_are_remediated_like_all_others(tmp_path):
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(
        "name: nat\n"
        "devices:\n"
        "  - serial: hidden\n"
        "    count: 2\n"
        "    nat: true\n"
        "    tamper: configuration-modified\n"
        "    until: reboot\n"
        "    expect: {procedure: P2R, outcome: REMEDIATED, rungs: [reconfigure, reboot]}\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "acs", "demo", "--json", "--scenario", str(scenario)]
    command += ["--keep", str(tmp_path / "demo")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert len(json.loads(done.stdout)["devices"]) == 2
    show = [sys.executable, "-m", "acs", "devices", "show", "0005B9-hidden%2D1", "--json"]
    show += ["--data", str(tmp_path / "demo" / "acs")]
    shown = json.loads(subprocess.run(show, capture_output=True, check=True, timeout=60).stdout)
    # NATDetected is false from each boot until its binding is found again, which may be after the last one.
    assert shown["connection_request_url"].startswith("http://10.0.0.1:")  # which leads nowhere from outside
    assert shown["udp_binding"].startswith("127.0.0.2:")
