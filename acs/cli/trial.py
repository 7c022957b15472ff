"""A trial: a real ACS process, a fleet of HeNBs that a scenario tampers with, and what came of it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from time import time
from typing import Any

import msgspec
import yaml
from sqlalchemy import Connection

from acs import alarms as al
from acs import devices as dev
from acs import distress as ds
from acs import files as fl
from acs import remediation as rm
from acs.cwmp import messages as m
from acs.datamodel import golden_configuration
from acs.errors import AcsError
from acs.security import Secrets
from acs.simulator import LAB, OUI, PRODUCT_CLASS, Entry, Fleet, Pace, Scenario, Vendor, build_image
from acs.simulator.lines import parse_cut
from acs.store import Store

__all__ = ["AcsProcess", "Row", "Trial"]

_START_TIMEOUT = 60.0
_POLL = 0.25
_HASTY = 3.0  # seconds after which a HeNB takes an answer for lost, where paths are cut


class AcsProcess:
    """An ``acs serve`` in a process of its own; it keeps its port when it is started again."""

    def __init__(self, data: Path, *options: str) -> None:
        self.data, self._options = data, options
        self._process: asyncio.subprocess.Process | None = None
        self.facts: dict[str, Any] = {}

    async def start(self) -> None:
        """Start it and wait until it serves. Raises ``AcsError`` with its last words when it does not."""
        node = self.data / "node.json"
        node.unlink(missing_ok=True)
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        port = str(self.facts.get("port", 0))
        command = [sys.executable, "-m", "acs", "serve", "--data", str(self.data), "--port", port]
        command += ["--host", "127.0.0.1", "--management-port", "0", "--log-format", "json", *self._options]
        with (self.data / "acs.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command, stdout=log, stderr=log, stdin=asyncio.subprocess.DEVNULL, start_new_session=True
            )
        async with asyncio.timeout(_START_TIMEOUT):
            while not node.exists():
                if self._process.returncode is not None:
                    words = (self.data / "acs.log").read_text(errors="replace")[-2000:]
                    raise AcsError(f"the ACS did not start: {words}")
                await asyncio.sleep(0.02)
        self.facts = msgspec.json.decode(node.read_bytes())

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def url(self) -> str:
        """Where devices reach it."""
        return f"{self.facts['url']}/acs"

    @property
    def ca_path(self) -> Path:
        """The CA of its server certificate."""
        return self.data / "pki" / "server" / "ca.pem"

    async def kill(self) -> None:
        """Kill it without warning."""
        if self._process is not None and self._process.returncode is None:
            os.kill(self._process.pid, signal.SIGKILL)
            await self._process.wait()

    async def stop(self) -> int:
        """Ask it to stop; return its exit code."""
        if self._process is None:
            return 0
        if self._process.returncode is None:
            self._process.terminate()
            try:
                async with asyncio.timeout(30):
                    await self._process.wait()
            except TimeoutError:
                await self.kill()
        return self._process.returncode or 0


@dataclass(slots=True)
class Row:
    """What became of one device of the scenario. Times in seconds since the tampering."""

    serial: str
    tamper: str
    until: str
    expected: str
    alarm: str = ""
    procedure: str = ""
    outcome: str = ""
    because: str = ""
    rungs: list[str] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Whether all came as the scenario expects."""
        return not self.problem


def _free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _lab_policy(*, cut: bool) -> str:
    text = resources.files("acs.simulator").joinpath("lab-policy.yaml").read_text(encoding="utf-8")
    if not cut:
        return text
    policy = yaml.safe_load(text)  # a path that is cut is noticed soon
    policy["timers"]["session"] = 10
    policy["distress"] = {"standard_path": 4, "second_path": 6}
    return str(yaml.safe_dump(policy))


class Trial:
    """Runs one scenario in ``directory``; what is left there can be looked at with ``acs … --data``."""

    def __init__(
        self,
        scenario: Scenario,
        directory: Path,
        *,
        pace: Pace = LAB,
        policy: str | None = None,
        options: tuple[str, ...] = (),
    ) -> None:
        self.scenario, self.directory, self._pace = scenario, directory, pace
        self.data = directory / "acs"
        self.vendor = Vendor(directory / "vendor")
        path = directory / "policy.yaml"
        cut = any(entry.separate for entry in scenario.devices)
        text = policy or _lab_policy(cut=cut)
        if any(entry.distress for entry in scenario.devices):
            options = (*options, "--distress-port", "0")
        if any(entry.nat for entry in scenario.devices):
            port = _free_udp_port()
            text += f"provisioning: {{stun_server: '127.0.0.1:{port}'}}\n"
            options = (*options, "--stun-port", str(port))
        path.write_text(text, encoding="utf-8")
        networks = ("--connection-requests-to", "127.0.0.0/8")
        self.acs = AcsProcess(self.data, "--policy", str(path), *networks, *options)
        self.fleet: Fleet
        self.store: Store
        self._tampered_at: dict[str, float] = {}

    @property
    def entries(self) -> dict[str, Entry]:
        """The scenario's entry of each device."""
        return {serial: entry for entry in self.scenario.devices for serial in entry.serials}

    async def start(self) -> None:
        """Start the ACS, fill its catalogue, and make the fleet."""
        self.vendor.trusted_in(self.data / "pki" / "device-ca.d")
        await self.acs.start()
        self.store = await Store.open(f"sqlite:///{(self.data / 'acs.db').absolute()}")
        await self._release_image()
        await self.store.write(self._fill)
        timeout = _HASTY if any(entry.separate for entry in self.scenario.devices) else 60
        self.fleet = Fleet(
            self.vendor, self.acs.url, server_ca=self.acs.ca_path, pace=self._pace, timeout=timeout
        )
        await self.fleet.start()
        for serial, entry in self.entries.items():
            self.fleet.add(serial)
            if entry.nat:
                self.fleet.put_behind_nat(serial)
            if entry.separate:
                await self.fleet.separate_paths(serial)

    async def _release_image(self) -> None:
        image = build_image(self.scenario.image, PRODUCT_CLASS, self.vendor.image_key)
        path = self.directory / f"henb-{self.scenario.image}.img"
        path.write_bytes(image)
        signers = fl.TrustedSigners(self.data)
        signers.trust("vendor", self.vendor.image_signer, "the simulated vendor's key")
        made = await fl.enter_file(
            self.store,
            fl.DiskStorage(self.data),
            signers,
            path,
            name=path.name,
            file_type=fl.FIRMWARE,
            version=self.scenario.image,
            product_class=PRODUCT_CLASS,
            signature=self.vendor.sign_image(image),
            who="trial",
        )
        await self.store.write(fl.approve_file, made.name, who="trial's second person", now=time())

    def _fill(self, conn: Connection) -> None:
        values = [m.ParameterValue(*each) for each in golden_configuration("henb")]
        dev.set_golden(conn, f"class:{PRODUCT_CLASS}", values)

    async def until(
        self, done: Callable[[], Any], timeout_seconds: float, tell: Callable[[int], None]
    ) -> int:
        """Poll ``done`` (a coroutine function that counts) until it counts all, or time is over."""
        wanted, count = len(self.entries), 0
        deadline = time() + timeout_seconds
        while time() < deadline:
            count = await done()
            tell(count)
            if count >= wanted:
                break
            await asyncio.sleep(_POLL)
        return count

    async def provisioned(self) -> int:
        """Return how many devices are provisioned."""
        return await self.store.read(self._count_provisioned)

    def _count_provisioned(self, conn: Connection) -> int:
        found = (dev.find(conn, dev.device_key(OUI, serial)) for serial in self.entries)
        return sum(1 for each in found if each is not None and each.provisioned_for)

    async def give_distress_channels(self) -> None:
        """Give devices that are provisioned the distress channels that the scenario says they have."""
        secrets = Secrets.load_or_create(self.data)
        for serial, entry in self.entries.items():
            if entry.distress:
                key = dev.device_key(OUI, serial)
                url = f"https://localhost:{self.acs.facts['distress_port']}/"
                urls = {str(kind): url for kind in entry.distress}
                ports = await self.fleet.listen_for_triggers(serial, urls, secrets.distress_key(key))
                await self.store.write(self._add_paths, key, ports)

    def _add_paths(self, conn: Connection, key: str, ports: dict[str, int]) -> None:
        device = dev.find(conn, key)
        assert device is not None
        for kind, port in ports.items():
            ds.add_path(conn, device, ds.Path(kind, f"127.0.0.1:{port}"), who="trial", now=time())

    def tamper(self) -> None:
        """Do to each device what the scenario says."""
        for serial, entry in self.entries.items():
            if entry.tamper:
                self._tampered_at[serial] = time()
                self.fleet.devices[serial].henb.faults = entry.make_faults()
                for each in entry.paths:
                    what = parse_cut(each.cut)
                    if each.at:
                        loop = asyncio.get_running_loop()
                        loop.call_later(each.at, self.fleet.networks[serial].cut, each.path, what)
                    else:
                        self.fleet.networks[serial].cut(each.path, what)
                self.fleet.tamper(serial, entry.tamper, until=entry.until)

    async def decided(self) -> int:
        """Return for how many devices everything is done that the ACS does by itself."""
        return await self.store.read(self._count_decided)

    def _count_decided(self, conn: Connection) -> int:
        count = 0
        for serial, entry in self.entries.items():
            device = dev.find(conn, dev.device_key(OUI, serial))
            if device is None:
                continue
            found = rm.list_cases(conn, device_id=device.id)
            told = not entry.tamper or any(each.kind == "remediation" for each in found)
            count += told and not any(each.state == "active" for each in found)
        return count

    async def rows(self) -> list[Row]:
        """Return what became of each device that was tampered with."""
        return await self.store.read(self._rows)

    def _rows(self, conn: Connection) -> list[Row]:
        return [self._row(conn, serial, entry) for serial, entry in self.entries.items() if entry.tamper]

    def _row(self, conn: Connection, serial: str, entry: Entry) -> Row:
        wanted = entry.expect
        expected = f"{wanted.procedure} {wanted.outcome}" if wanted else ""
        row = Row(serial, entry.tamper, entry.until, expected)
        device = dev.find(conn, dev.device_key(OUI, serial))
        found = rm.list_cases(conn, device_id=device.id, kind="remediation") if device is not None else []
        if len(found) != 1:
            row.problem = f"{len(found)} remediation cases in place of one"
        if not found:
            return row
        case = found[-1]
        alarm = al.get_alarm(conn, case.alarm_id) if case.alarm_id is not None else None
        row.alarm = f"{alarm.event_type} {alarm.specific_problem}" if alarm else ""
        row.procedure, row.outcome, row.because = case.procedure, case.outcome or case.state, case.because
        started = self._tampered_at.get(serial, case.opened_at)
        journal = rm.journal_of(conn, case.id)
        row.rungs = [
            each.detail.removeprefix("rung: ") for each in journal if each.detail.startswith("rung: ")
        ]
        row.steps = [
            {
                "step": each.name,
                "detail": each.detail,
                "because": each.because,
                "at": round(each.started_at - started, 3),
                "done": round(each.done_at - started, 3) if each.done_at is not None else None,
            }
            for each in journal
        ]
        ended = [each.done_at for each in journal if each.done_at is not None]
        row.seconds = round(max(ended, default=case.opened_at) - started, 3)
        if not row.problem and wanted is not None:
            row.problem = self._differs(row, entry)
        return row

    @staticmethod
    def _differs(row: Row, entry: Entry) -> str:
        wanted = entry.expect
        assert wanted is not None
        for name, expected, actual in (
            ("procedure", wanted.procedure, row.procedure),
            ("outcome", wanted.outcome, row.outcome),
            ("rungs", wanted.rungs, row.rungs),
        ):
            if expected != actual:
                return f"{name}: expected {expected}, got {actual}"
        return ""

    def executed_twice(self) -> list[str]:
        """Return commands that a device really carried out more than once; there must be none."""
        found = []
        for serial, device in self.fleet.devices.items():
            counts = Counter(
                (each.method, each.command_key) for each in device.henb.executed if each.command_key
            )
            found += [f"{serial}: {method} {key}" for (method, key), count in counts.items() if count > 1]
        return found

    async def stop(self) -> None:
        """Stop the fleet and the ACS."""
        if hasattr(self, "fleet"):
            await self.fleet.stop()
        if hasattr(self, "store"):
            await self.store.close()
        await self.acs.stop()
