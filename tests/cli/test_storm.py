"""``acs bench storm``: with few devices, over real sockets, and what it counts."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys

import pytest

from acs.cli.storm import most_at_once


def test_the_most_spans_that_overlap_are_counted():
    assert most_at_once([]) == 0
    assert most_at_once([(1, 2), (2, 3)]) == 1
    assert most_at_once([(1, 3), (2, 4), (2.5, None), (5, 6)]) == 3


@pytest.mark.parametrize("way", [(), ("--new",)])
def test_a_small_storm_is_told_once_and_stays_within_its_limits(acs, way):
    options = ("--devices", 6, "--seconds", 1, "--concurrent", 2, "--reboot", 0.1, "--patience", 60)
    found = acs("bench", "storm", *options, *way, "--json").json
    assert (found["alarms raised"], found["acknowledged"], found["forwarded"]) == (6, 6, 6)
    assert (found["ends forwarded"], found["lost"], found["doubled"]) == (6, 0, 0)
    assert found["cases"] == "6 REMEDIATED"
    assert 1 <= found["disturbed at once"] <= 2


async def test_a_storm_that_is_terminated_leaves_no_acs_behind(tmp_path):
    command = [sys.executable, "-m", "acs", "bench", "storm", "--devices", "2", "--concurrent", "1"]
    command += ["--reboot", "600", "--patience", "600", "--json"]
    bench = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, "TMPDIR": str(tmp_path)}, stderr=asyncio.subprocess.PIPE
    )
    try:
        assert bench.stderr is not None
        async with asyncio.timeout(200):
            assert b"alarms stored" in await bench.stderr.readline()
            node = next(tmp_path.glob("acs-bench-*/acs/node.json"))
            pid = json.loads(node.read_bytes())["pid"]
            os.kill(pid, 0)  # it is there
            bench.send_signal(signal.SIGTERM)
            assert await bench.wait() == 128 + signal.SIGTERM
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    finally:
        if bench.returncode is None:
            bench.kill()
