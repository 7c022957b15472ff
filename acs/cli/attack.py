"""``acs bench attack``: what well-behaved devices feel while others attack."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from acs.cli.bench import Client, cpu, device_serial, overheard, rss, steady
from acs.cli.options import Json
from acs.cli.output import console, print_json, print_table
from acs.cli.running import run
from acs.errors import AcsError

__all__ = ["attack"]

_ADDRESSES = [f"127.0.{net}.{host}" for net in range(10, 18) for host in range(1, 255)]
_PER_PROCESS = 15_000  # connections that one attacking process may keep open
_LAST_WORDS = 60  # seconds in which an attacker has to end and tell what it saw
_RECONNECTING = 2  # every second device makes a new connection for each session


def attack(
    only: Annotated[str, typer.Option(help="Names of attacks with commas between; empty: all.")] = "",
    seconds: Annotated[float, typer.Option(help="How long each attack lasts.", min=1)] = 8,
    devices: Annotated[int, typer.Option(help="Well-behaved devices.", min=2)] = 50,
    rate: Annotated[float, typer.Option(help="Sessions that they hold a second, together.", min=1)] = 60,
    connections: Annotated[int, typer.Option(help="That the attack left-open opens.", min=1)] = 100_000,
    opening_rate: Annotated[
        float, typer.Option(help="Connections that left-open opens a second; 0: all that it can.", min=0)
    ] = 5000,
    rounds: Annotated[int, typer.Option(help="How often all of it is done; more tell more.", min=1)] = 1,
    json: Json = False,
) -> None:
    """Sessions of well-behaved devices in quiet and under each attack in turn, in one run.

    The ACS has the first core to itself, devices and attackers the second, of which attackers only get what
    devices leave.
    Devices and attackers have addresses of their own in 127.0.0.0/8, which here is limited like any other.
    """
    from acs.simulator.attacks import ATTACKS

    names = [name.strip() for name in only.split(",") if name.strip()] or list(ATTACKS)
    unknown = sorted(set(names) - set(ATTACKS))
    if unknown:
        raise AcsError(f"--only {unknown[0]!r} is no attack; there are {', '.join(ATTACKS)}")
    flood = _Flood(connections, opening_rate)
    rows = run(_attacks(names * rounds, seconds, devices, rate, flood, quiet=json))
    if json:
        print_json(rows)
        return
    print_table("Sessions of well-behaved devices", list(rows[0]), [list(row.values()) for row in rows])


@dataclass(frozen=True, slots=True)
class _Flood:
    """How many connections left-open opens, and how many a second; 0: all that it can."""

    connections: int
    rate: float


@dataclass(slots=True)
class _Slice:
    """What was measured in one stretch of time."""

    kept: list[float] = field(default_factory=list)
    new: list[float] = field(default_factory=list)
    failed: int = 0
    rss: float = 0.0
    cpu: list[float] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    answers: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, *slices: _Slice) -> _Slice:
        """Return all of them as one."""
        return cls(
            kept=[second for each in slices for second in each.kept],
            new=[second for each in slices for second in each.new],
            failed=sum(each.failed for each in slices),
            rss=max(each.rss for each in slices),
            cpu=[share for each in slices for share in each.cpu],
            seen=sum((each.seen for each in slices), Counter()),
            answers={text: value for each in slices for text, value in each.answers.items()},
        )


async def _attacks(
    names: list[str], seconds: float, devices: int, rate: float, flood: _Flood, *, quiet: bool
) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="acs-bench-") as directory:
        scene = _Scene(Path(directory), rate, flood)
        try:
            await scene.start(devices)
            calm, found = [await scene.measure(seconds)], []
            with Progress(console=console, disable=quiet) as progress:
                task = progress.add_task("quiet", total=len(names))
                for each in names:
                    progress.update(task, description=each)
                    found.append(await scene.under(each, seconds))
                    calm.append(await scene.measure(seconds))
                    progress.advance(task)
            quiet_one = _Slice.of(*calm)
            rows = [_row("quiet", quiet_one, quiet_one)]
            for name in dict.fromkeys(names):  # compared with the quiet before and after it, in each round
                at = [number for number, each in enumerate(names) if each == name]
                around = [calm[number + after] for number in at for after in (0, 1)]
                rows.append(_row(name, _Slice.of(*(found[number] for number in at)), _Slice.of(*around)))
            return rows
        finally:
            await scene.stop()


def _row(name: str, measured: _Slice, calm: _Slice) -> dict[str, Any]:
    row: dict[str, Any] = {
        "attack": name,
        "sessions": len(measured.kept) + len(measured.new),
        "failed": measured.failed,
    }
    for way in ("kept", "new"):
        seconds, before = sorted(getattr(measured, way)), sorted(getattr(calm, way))
        row[f"{way} p50 ms"] = _quantile(seconds, 0.5)
        row[f"{way} p99 ms"] = _quantile(seconds, 0.99)
        row[f"{way} p99 ratio"] = round(_quantile(seconds, 0.99) / max(_quantile(before, 0.99), 0.1), 2)
    row["ACS CPU %"] = round(sum(measured.cpu) / len(measured.cpu) * 100)
    row["RSS MB"] = round(measured.rss)
    row["what the attackers saw"] = ", ".join(
        f"{text} ({count})" for text, count in measured.seen.most_common(6)
    )
    row["median answer ms"] = ", ".join(f"{text} {value:.0f}" for text, value in measured.answers.items())
    return row


def _quantile(ordered: list[float], part: float) -> float:
    return round(ordered[min(int(len(ordered) * part), len(ordered) - 1)] * 1000, 1) if ordered else 0.0


class _Scene:
    """One ACS on a core of its own, its devices, and whoever attacks it."""

    def __init__(self, directory: Path, rate: float, flood: _Flood) -> None:
        from acs.cli.trial import AcsProcess
        from acs.simulator import Vendor

        self._rate, self._flood = rate, flood
        self._vendor = Vendor(directory / "vendor")
        self._data = directory / "acs"
        self._vendor.trusted_in(self._data / "pki" / "device-ca.d")
        config = directory / "acs.toml"
        config.write_text("unlimited_networks = []\n", encoding="utf-8")
        self._acs = AcsProcess(self._data, "--config", str(config), "--log-level", "error")
        self._clients: list[Client] = []

    async def start(self, devices: int) -> None:
        await self._acs.start()
        cores = sorted(os.sched_getaffinity(0))
        self._pin(self._acs.pid, cores[:1])
        self._pin(os.getpid(), cores[1:] or cores)
        for number in range(devices):
            client = Client(self._vendor, self._acs, device_serial(number), f"127.0.1.{number % 250 + 1}")
            self._clients.append(client)
            await client.session()
            client.close()
        await steady(self._data, 0)
        for client in self._clients:
            await client.session()

    @staticmethod
    def _pin(pid: int, cores: list[int]) -> None:
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                os.sched_setaffinity(int(task.name), cores)

    async def measure(self, seconds: float) -> _Slice:
        """Hold sessions at a steady rate, however slowly they are answered."""
        measured, tasks = _Slice(), []
        free = [[], []]  # type: list[list[Client]]
        for number, client in enumerate(self._clients):
            free[number % _RECONNECTING].append(client)
        started, number, used = time.perf_counter(), 0, cpu(self._acs.pid)
        while (now := time.perf_counter() - started) < seconds:
            if number / self._rate > now:
                await asyncio.sleep(number / self._rate - now)
            kind = number % 2
            number += 1
            if not free[kind]:
                measured.failed += 1  # all of them wait for their sessions to end
                continue
            client = free[kind].pop(0)
            tasks.append(asyncio.create_task(self._session(client, measured, free[kind], new=bool(kind))))
            if number % 20 == 0:
                measured.rss = max(measured.rss, rss(self._acs.pid))
        measured.cpu.append((cpu(self._acs.pid) - used) / (time.perf_counter() - started))
        await asyncio.gather(*tasks)
        measured.rss = max(measured.rss, rss(self._acs.pid))
        return measured

    @staticmethod
    async def _session(client: Client, measured: _Slice, free: list[Client], *, new: bool) -> None:
        if new:
            client.close()
        started = time.perf_counter()
        try:
            await client.session()
        except (AcsError, OSError, EOFError, TimeoutError):
            measured.failed += 1
            client.close()
        else:
            (measured.new if new else measured.kept).append(time.perf_counter() - started)
        free.append(client)

    async def under(self, name: str, seconds: float) -> _Slice:
        """Measure while one attack goes on, and while left-open opens ``seconds`` longer."""
        flood = self._flood if name == "left-open" else _Flood(500, 0)
        processes = [
            await self._attacker(name, min(_PER_PROCESS, flood.connections - first), first, flood)
            for first in range(0, flood.connections, _PER_PROCESS)
        ]
        for process in processes:
            assert process.stdout is not None
            await process.stdout.readline()
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(b"\n")
        await asyncio.sleep(1)
        opening = flood.connections / flood.rate if flood.rate else 2 * (len(processes) - 1)
        measured = await self.measure(seconds + opening)
        for process in processes:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        await self._last_words(name, processes, measured)
        await asyncio.sleep(1)
        return measured

    @staticmethod
    async def _last_words(name: str, processes: list[asyncio.subprocess.Process], measured: _Slice) -> None:
        for process in processes:
            try:
                out, _ = await asyncio.wait_for(process.communicate(), _LAST_WORDS)
            except TimeoutError as error:
                process.kill()
                raise AcsError(f"the attacker {name} did not end in {_LAST_WORDS} s") from error
            told = json.loads(out)
            measured.seen.update(told["outcomes"])
            for text, times in told["seconds"].items():
                measured.answers[text] = sorted(times)[len(times) // 2] * 1000

    async def _attacker(self, name: str, count: int, first: int, flood: _Flood) -> asyncio.subprocess.Process:
        options = {
            "attack": name,
            "count": count,
            "pace": flood.rate * count / flood.connections,
            "port": self._acs.facts["port"],
            "ca": str(self._acs.ca_path),
            "vendor": str(self._vendor.directory),
            "overheard": overheard(1),
            "addresses": _ADDRESSES[first % 2000 :] + _ADDRESSES[: first % 2000],
        }
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "acs.simulator.attacks", json.dumps(options)),
            stdout=asyncio.subprocess.PIPE,
            stdin=asyncio.subprocess.PIPE,
        )

    async def stop(self) -> None:
        for client in self._clients:
            client.close()
        await self._acs.stop()
