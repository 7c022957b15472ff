"""``acs bench storm``: thousands of devices that raise an alarm within a minute."""

from __future__ import annotations

import asyncio
import json
import os
import secrets as chance
import sys
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Connection, func, select

from acs import subscriptions as sub
from acs.cli.bench import cpu, rss
from acs.cli.options import Json
from acs.cli.output import print_json, print_progress, print_table
from acs.cli.running import run
from acs.cli.storm_manager import Manager
from acs.errors import AcsError

__all__ = ["POLICY", "enrol", "most_at_once", "storm"]

_CHUNK = 500  # devices enrolled in one transaction
_LOOK = 2.0  # seconds between two looks at how far it is
_LAST_WORDS = 60.0
_NOTIFICATION = {"NewAlarm": "notifyNewAlarm", "ClearedAlarm": "notifyClearedAlarm"}
POLICY = """
name: storm
rules: [{procedure: P2R, because: "a storm"}]
ladders: {reconfiguration: [reconfigure, reboot]}
"""


def storm(
    devices: Annotated[int, typer.Option(help="Devices that raise an alarm.", min=1, max=50_000)] = 10_000,
    seconds: Annotated[float, typer.Option(help="Within so many seconds.", min=1)] = 60,
    concurrent: Annotated[int, typer.Option(help="Devices disturbed at once, of the fleet.", min=1)] = 50,
    reboot: Annotated[float, typer.Option(help="Seconds that a reboot takes.", min=0)] = 2,
    patience: Annotated[
        float, typer.Option(help="Seconds after which it ends, whoever is not remediated.")
    ] = 1800,
    new: Annotated[bool, typer.Option("--new", help="New TLS for each session, not a kept one.")] = False,
    json: Json = False,
) -> None:
    """Have all devices raise an alarm; each has to be told once, and so many rebooted at a time.

    The devices are enrolled before, at a stroke. Each is asked for its configuration at once, refuses to tell
    it, and is healthy again after a reboot, for which it waits in line. Each alarm for which a device has got
    an InformResponse has to reach a manager behind Type 2, over TLS, exactly once, and so has its end. What
    was disturbed at once is counted in the journal and the commands.
    """
    if not Path("/proc/self/stat").exists():
        raise AcsError("acs bench reads CPU times from /proc, which this system does not have")
    options = _Options(devices, seconds, concurrent, reboot, patience, not new)
    found = run(_storm(options))
    if json:
        print_json(found)
    else:
        print_table("Storm", ("what", "value"), list(found.items()))
    if found["lost"] or found["doubled"] or found["disturbed at once"] > concurrent:
        raise AcsError("the storm showed an error; see above")


@dataclass(frozen=True, slots=True)
class _Options:
    devices: int
    seconds: float
    concurrent: int
    reboot: float
    patience: float
    kept: bool


async def _storm(options: _Options) -> dict[str, Any]:
    from acs.cli.trial import AcsProcess
    from acs.store import Store

    with tempfile.TemporaryDirectory(prefix="acs-bench-") as name:
        directory = Path(name)
        policy, config = directory / "policy.yaml", directory / "acs.toml"
        limits = f"safety: {{limits: {{fleet: {{concurrent: {options.concurrent}}}}}}}\n"
        policy.write_text(POLICY + limits, encoding="utf-8")
        config.write_text(
            f"max_connections = {2 * options.devices + 1000}\n"
            'connection_request_networks = ["127.0.0.0/8"]\n',
            encoding="utf-8",
        )
        acs = AcsProcess(
            directory / "acs", "--config", str(config), "--policy", str(policy), "--log-level", "error"
        )
        password = chance.token_urlsafe(12)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(acs.stop)
            await acs.start()
            store = await Store.open(f"sqlite:///{(acs.data / 'acs.db').absolute()}")
            stack.push_async_callback(store.close)
            fleet = await _fleet(acs, options, password)
            stack.push_async_callback(_kill, fleet)
            manager = Manager(directory)
            stack.push_async_callback(manager.stop)
            assert fleet.stdout is not None
            port = json.loads(await fleet.stdout.readline())["port"]
            await _enrol(store, acs.data, options.devices, port, password)
            await manager.start(store, acs.data)
            return await _measure(store, acs, fleet, manager, options)


async def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()


async def _fleet(acs: Any, options: _Options, password: str) -> asyncio.subprocess.Process:
    told = {
        "devices": options.devices,
        "seconds": options.seconds,
        "reboot_seconds": options.reboot,
        "kept": options.kept,
        "password": password,
        "port": acs.facts["port"],
        "ca": str(acs.ca_path),
    }
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "acs.simulator.storm", json.dumps(told)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=64 * 1024 * 1024,
    )


async def _enrol(store: Any, data: Path, count: int, port: int, password: str) -> None:
    """Make the devices known, provisioned and at rest, as if they had been there for long."""
    from acs.security import Secrets
    from acs.southbound import seal_device_password

    sealed = seal_device_password(Secrets.load_or_create(data), password)
    at = time.time()

    for first in range(0, count, _CHUNK):
        numbers = range(first, min(first + _CHUNK, count))
        await store.write(enrol, numbers, port=port, sealed=sealed, now=at)


def enrol(conn: Connection, numbers: range, *, port: int, sealed: bytes, now: float) -> None:
    """Make devices of the storm known, provisioned and at rest; ``port`` is where they are called."""
    from acs import devices as dev
    from acs.cwmp import messages as m
    from acs.simulator.storm import OUI, PARAMETER, VERSION, calling_url, username
    from acs.store.tables import devices as table

    dev.set_golden(conn, "*", [m.ParameterValue(PARAMETER, "storm")])
    for number in numbers:
        name = username(number)
        made = dev.register(
            conn,
            OUI,
            name.partition("-")[2],
            product_class="HeNB-LTE",
            digest_username=name,
            digest_secret_sealed=sealed,
            now=now,
        )
        values = {
            "manufacturer": "ACME",
            "root": "Device.",
            "software_version": VERSION,
            "hardware_version": "A1",
            "provisioned_for": VERSION,
            "cwmp_namespace": m.CWMP_1_2,
            "last_inform_at": now,
            "bootstrapped_at": now,
            "booted_at": now,
            "fault_management": "Device.FaultMgmt.",
            "secrets_once": False,
            "secrets_rotated_at": now,
            "connection_request_url": calling_url(port, number),
        }
        conn.execute(table.update().where(table.c.id == made.id).values(**values))


async def _measure(
    store: Any, acs: Any, fleet: asyncio.subprocess.Process, manager: Manager, options: _Options
) -> dict[str, Any]:
    """Let the storm begin, wait until all are remediated, and count."""
    assert fleet.stdin is not None
    used, started, largest = cpu(acs.pid), time.time(), 0.0
    fleet.stdin.write(b"go\n")
    while True:
        await asyncio.sleep(_LOOK)
        largest = max(largest, rss(acs.pid))
        raised, healed = await store.read(_progress)
        print_progress(f"{time.time() - started:6.0f} s: {raised} alarms stored, {healed} cases ended")
        if healed >= options.devices or time.time() - started > options.patience:
            break
    took, used = time.time() - started, cpu(acs.pid) - used
    fleet.stdin.close()
    assert fleet.stdout is not None
    async with asyncio.timeout(_LAST_WORDS):
        told = json.loads(await fleet.stdout.readline())
        await fleet.wait()
    await _forwarding_done(store)
    found = await store.read(_counted, told, manager.heard)
    return {
        **found,
        "allowed at once": options.concurrent,
        "rebooting at once, as the fleet saw it": told["most_rebooting"],
        "duration s": round(took, 1),
        "ACS CPU s": round(used, 1),
        "ACS CPU ms per device": round(used / options.devices * 1000, 1),
        "ACS RSS MB": round(largest, 1),
        "the fleet saw": ", ".join(f"{name} {count}" for name, count in sorted(told["seen"].items())),
        "load average": round(os.getloadavg()[0], 1),
    }


async def _forwarding_done(store: Any) -> None:
    """Wait until the manager has been told everything, or for as long as makes sense."""
    for _ in range(int(_LAST_WORDS / _LOOK)):
        if all(each.waiting == 0 for each in await store.read(sub.backlogs)):
            return
        await asyncio.sleep(_LOOK)


def _progress(conn: Connection) -> tuple[int, int]:
    from acs.store.tables import alarms, cases

    raised = conn.execute(select(func.count()).select_from(alarms)).scalar_one()
    healed = conn.execute(select(func.count()).select_from(cases).where(cases.c.state == "closed"))
    return int(raised), int(healed.scalar_one())


def _forwarded(conn: Connection, keys: dict[int, str], heard: Counter[int]) -> dict[str, Counter[str]]:
    """Return how often managers heard of each device's alarm, and of its end."""
    from acs.store.tables import outbox

    kinds = {name: kind for kind, name in _NOTIFICATION.items()}
    forwarded = {kind: Counter[str]() for kind in _NOTIFICATION}
    for told in conn.execute(select(outbox.c.id, outbox.c.device_id, outbox.c.notification_type)):
        if told.notification_type in kinds:
            forwarded[kinds[told.notification_type]][keys[told.device_id]] += heard[told.id]
    return forwarded


def _counted(conn: Connection, told: dict[str, Any], heard: Counter[int]) -> dict[str, Any]:
    """Count what the database tells of alarms, notifications, commands and cases."""
    from acs.remediation.safety.limits import Safety
    from acs.store.tables import alarms, cases, commands, devices

    keys: dict[int, str] = {
        row.id: row.device_key for row in conn.execute(select(devices.c.id, devices.c.device_key))
    }
    raised, acknowledged = told["raised"], told["acknowledged"]
    stored = conn.execute(select(func.count()).select_from(alarms)).scalar_one()
    forwarded = _forwarded(conn, keys, heard)
    found = conn.execute(select(cases)).mappings().all()
    sent = conn.execute(
        select(commands).where(commands.c.case_id.is_not(None), commands.c.sent_at.is_not(None))
    )
    first: dict[int, float] = {}
    disturbed: dict[int, float] = {}
    methods = Safety().methods
    for row in sent.mappings():
        first[row["device_id"]] = min(row["sent_at"], first.get(row["device_id"], row["sent_at"]))
        if row["method"] in methods:
            case = row["case_id"]
            disturbed[case] = min(row["created_at"], disturbed.get(case, row["created_at"]))
    waits = sorted(at - raised[keys[device]] for device, at in first.items() if keys[device] in raised)
    ends = {row["id"]: row["closed_at"] for row in found}
    outcomes = sorted({str(row["outcome"]) for row in found})
    return {
        "alarms raised": len(raised),
        "acknowledged": len(acknowledged["NewAlarm"]),
        "stored": stored,
        "forwarded": len(+forwarded["NewAlarm"]),
        "ends forwarded": len(+forwarded["ClearedAlarm"]),
        "lost": sum(not forwarded[kind][key] for kind in _NOTIFICATION for key in acknowledged[kind]),
        "doubled": sum(count - 1 for each in forwarded.values() for count in (+each).values()),
        "cases": ", ".join(
            f"{sum(str(row['outcome']) == each for row in found)} {each}" for each in outcomes
        ),
        "disturbed at once": most_at_once([(at, ends[case]) for case, at in disturbed.items()]),
        "alarm to first command, median s": _quantile(waits, 0.5),
        "alarm to first command, p99 s": _quantile(waits, 0.99),
    }


def most_at_once(spans: list[tuple[float, float | None]]) -> int:
    """Return how many spans of time overlap at most; one without an end lasts for ever."""
    moments = [(begin, 1) for begin, _ in spans] + [(end, -1) for _, end in spans if end is not None]
    most = now = 0
    for _, change in sorted(moments):
        now += change
        most = max(most, now)
    return most


def _quantile(ordered: list[float], part: float) -> float:
    return round(ordered[min(int(len(ordered) * part), len(ordered) - 1)], 3) if ordered else 0.0
