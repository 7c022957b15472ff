r"""A stand-in for a fraud-detection system behind Type 2: it weighs what devices were caught at.

    python fraud.py --keep fraud-data --acs https://localhost:7550 --acs-ca ca.pem --token-file token \
        --certificate fraud.pem --key fraud.key --ca fraud-ca.pem --block-at 6

A device that was caught at too much within a day is blocked where its case waits for an instruction (S1 L32,
L66); of the others people decide. Its token needs the scopes alarms:subscribe, cases:read and cases:instruct.
Started again it judges by what it kept.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import defaultdict
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import aiohttp
from nms import RefusedError, ask, kept, options_of_a_manager, options_of_the_acs, serve, show

WEIGHTS = {"CRITICAL": 6, "MAJOR": 3, "MINOR": 2, "WARNING": 1, "INDETERMINATE": 1}
DAY = 86_400
PATIENCE = 30.0  # seconds until it looks again at cases that may wait by now


class Judge:
    """What each device was caught at: by cause, when it was last told and how grave it was."""

    def __init__(self, block_at: int) -> None:
        self.block_at = block_at
        self.news = asyncio.Event()
        self._known: dict[str, dict[str, tuple[float, int]]] = defaultdict(dict)

    def learn(self, told: dict[str, Any]) -> None:
        """Take in a notification; those that are no security alarm say nothing about fraud."""
        if told["notificationType"] == "notifyNewAlarm" and "securityAlarmDetector" in told:
            device = told["serviceProvider"].removeprefix("ManagedElement=")
            cause = told["additionalInformation"].get("specificProblem") or told["probableCause"]
            at = datetime.fromisoformat(told["eventTime"]).timestamp()
            self._known[device][cause] = (at, WEIGHTS.get(told["perceivedSeverity"], 1))
        self.news.set()

    def guilty(self, now: float) -> dict[str, str]:
        """Return the devices that are too much for it, and why."""
        found = {}
        for device, causes in self._known.items():
            lately = {cause: weight for cause, (at, weight) in causes.items() if at > now - DAY}
            if sum(lately.values()) >= self.block_at:
                told = ", ".join(sorted(lately))
                found[device] = f"fraud detection: {told}, weight {sum(lately.values())} within a day"
        return found


async def judge(options: argparse.Namespace, known: Judge) -> None:
    """Have the guilty blocked whose cases wait, whenever something is told and now and then."""
    loop = asyncio.get_running_loop()
    while True:
        known.news.clear()
        for device, why in known.guilty(datetime.now().astimezone().timestamp()).items():
            try:
                await block(options, device, why)
            except (RefusedError, aiohttp.ClientError, TimeoutError) as error:
                print(f"{device}: {error}", file=sys.stderr, flush=True)
        handle = loop.call_later(PATIENCE, known.news.set)
        await known.news.wait()
        handle.cancel()


async def block(options: argparse.Namespace, device: str, why: str) -> None:
    """Tell the cases of a device that wait, and have not blocked it, to block it."""
    query = urlencode({"device": device, "state": "waiting"})
    for case in (await ask(options, "GET", f"/v1/cases?{query}"))["items"]:
        if case["outcome"] in ("EXTENDED", "NO_COMMUNICATION"):
            body = {"action": "BLOCK", "why": why}
            await ask(options, "POST", f"/v1/cases/{case['id']}/instruct", body)
            print(f"case {case['id']} is told to block {device}: {why}", flush=True)


async def run(options: argparse.Namespace) -> None:
    """Listen, and judge."""
    known = Judge(options.block_at)
    for each in kept(options.keep):
        known.learn(each)

    def heard(told: dict[str, Any]) -> None:
        show(told)
        known.learn(told)

    await asyncio.gather(serve(options, heard), judge(options, known))


def main() -> None:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0],
        parents=[options_of_the_acs(), options_of_a_manager()],
    )
    parser.add_argument("--block-at", type=int, default=6, help="weight at which a device is blocked")
    try:
        asyncio.run(run(parser.parse_args()))
    except RefusedError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
