"""``acs bench``: measure an ACS of this machine."""

from __future__ import annotations

import asyncio
import hashlib
import os
import ssl
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy import Connection

from acs.cli.options import Json
from acs.cli.output import console, print_json, print_table
from acs.cli.running import run
from acs.errors import AcsError

__all__ = ["Client", "bench", "cpu", "device_serial", "overheard", "rss", "steady"]

bench = typer.Typer(no_args_is_help=True)
_PASSWORD = "of-a-device-of-the-bench"  # noqa: S105 - of devices that live for a minute
_TICKS = os.sysconf("SC_CLK_TCK")


@bench.callback()
def about() -> None:
    """Measure an ACS of this machine; noise of 30 % is normal, so compare within one run."""


@bench.command()
def sessions(
    count: Annotated[int, typer.Option(help="Sessions in each measurement.", min=10)] = 3000,
    devices: Annotated[int, typer.Option(help="Devices that take turns.", min=1)] = 200,
    at_once: Annotated[int, typer.Option(help="Sessions open at once.", min=1)] = 50,
    parameters: Annotated[
        str, typer.Option(help="Stored parameters per device, one measurement each.")
    ] = "0,3000",
    json: Json = False,
) -> None:
    """Steady periodic sessions (Inform, empty POST), each commit durable: how many, and what they cost.

    Measured four ways: over TLS with client certificates on connections that are kept; the same with a
    new connection for each session; with a new one that resumes the last TLS session; over plain HTTP with
    Digest, a new connection for each. CPU seconds are those of the ACS process alone, read from /proc.
    """
    try:
        counts = [int(text) for text in parameters.split(",")]
    except ValueError:
        raise AcsError(f"--parameters {parameters!r}: numbers with commas between them are wanted") from None
    if not Path("/proc/self/stat").exists():
        raise AcsError("acs bench reads CPU times from /proc, which this system does not have")
    rows = run(_sessions(count, devices, at_once, counts, quiet=json))
    if json:
        print_json(rows)
        return
    print_table("Sessions", list(rows[0]), [list(row.values()) for row in rows])


_WAYS = ("TLS, kept", "TLS, new", "TLS, resumed", "HTTP, new")
_SLICES = 6


async def _sessions(
    count: int, devices: int, at_once: int, counts: list[int], *, quiet: bool
) -> list[dict[str, Any]]:
    """Measure in slices, one ACS after the other and again, so that the machine's moods hit all alike."""
    from acs.simulator import Vendor

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with tempfile.TemporaryDirectory(prefix="acs-bench-") as name:
        vendor = Vendor(Path(name) / "vendor")
        arms = [_Arm(Path(name), vendor, stored) for stored in counts]
        try:
            for arm in arms:
                await arm.start(devices)
            with Progress(*columns, console=console, disable=quiet) as progress:
                for way in _WAYS:
                    task = progress.add_task(way, total=count * len(arms))
                    for number in range(_SLICES):
                        share = count * (number + 1) // _SLICES - count * number // _SLICES
                        for arm in arms:
                            await arm.measure(way, share, at_once)
                            progress.advance(task, share)
            return [arm.row(way) for way in _WAYS for arm in arms]
        finally:
            for arm in arms:
                await arm.stop()


@dataclass(slots=True)
class _Sum:
    """What the slices of one measurement came to."""

    sessions: int = 0
    took: float = 0.0
    used: float = 0.0
    seconds: list[float] = field(default_factory=list)


class _Arm:
    """One ACS whose devices have ``stored`` parameters each."""

    def __init__(self, directory: Path, vendor: Any, stored: int) -> None:
        from acs.cli.trial import AcsProcess

        self._data, self._vendor, self._stored = directory / f"acs-{stored}", vendor, stored
        vendor.trusted_in(self._data / "pki" / "device-ca.d")
        config = directory / "acs.toml"
        config.write_text("inform_rate = 1e6\ninform_burst = 1000000\n", encoding="utf-8")
        options = ("--config", str(config), "--log-level", "warning", "--insecure-http", "0")
        self._acs = AcsProcess(self._data, *options)
        self._clients: list[Client] = []
        self._sums = {way: _Sum() for way in _WAYS}

    async def start(self, devices: int) -> None:
        """Start the ACS, and have every device known and at rest."""
        await self._acs.start()
        self._clients = [Client(self._vendor, self._acs, device_serial(number)) for number in range(devices)]
        for client in self._clients:
            await client.session()
            client.close()
        await steady(self._data, self._stored)

    async def measure(self, way: str, count: int, at_once: int) -> None:
        """Hold ``count`` sessions and add up what they took."""
        done = self._sums[way]
        free: asyncio.Queue[Client] = asyncio.Queue()
        for client in self._clients:
            if client.plain != (way == "HTTP, new"):
                client.close()
                client.plain = not client.plain
            client.resumes = way == "TLS, resumed"
            free.put_nowait(client)
        left = iter(range(count))

        async def work() -> None:
            for _ in left:
                client = await free.get()
                started = time.perf_counter()
                await client.session()
                done.seconds.append(time.perf_counter() - started)
                if way != "TLS, kept":
                    client.close()
                free.put_nowait(client)

        before, started = cpu(self._acs.pid), time.perf_counter()
        await asyncio.gather(*(work() for _ in range(min(at_once, len(self._clients)))))
        done.took += time.perf_counter() - started
        done.used += cpu(self._acs.pid) - before
        done.sessions += count

    def row(self, way: str) -> dict[str, Any]:
        """Return one line of the result."""
        done = self._sums[way]
        seconds = sorted(done.seconds)
        return {
            "parameters": self._stored,
            "connections": way,
            "sessions": done.sessions,
            "sessions/s": round(done.sessions / done.took, 1),
            "CPU s per 1000": round(done.used / done.sessions * 1000, 3),
            "p50 ms": round(seconds[len(seconds) // 2] * 1000, 1),
            "p99 ms": round(seconds[int(len(seconds) * 0.99)] * 1000, 1),
            "RSS MB": round(rss(self._acs.pid), 1),
        }

    async def stop(self) -> None:
        """Stop the ACS."""
        for client in self._clients:
            client.close()
        await self._acs.stop()


async def steady(data: Path, stored: int) -> None:
    """Have every device provisioned, with ``stored`` parameters, and nothing waiting for it."""
    from acs.cwmp import messages as m
    from acs.security import Secrets
    from acs.southbound import seal_device_password
    from acs.store import Store
    from acs.store.tables import cases, commands, devices

    def act(conn: Connection) -> None:
        from acs import devices as dev

        for device in dev.listing(conn, limit=100_000):
            values = [m.ParameterValue(f"Device.X_BENCH.P{number}", str(number)) for number in range(stored)]
            dev.save_parameters(conn, device.id, values, now=time.time())
            assert len(dev.parameters_of(conn, device.id, "Device.X_BENCH.")) == stored
            dev.mark_provisioned(conn, device.id, device.software_version)
            dev.set_digest_secret(conn, device.id, device.device_key, sealed)
        conn.execute(cases.update().values(state="closed", wake_at=None))
        conn.execute(commands.update().values(state="cancelled"))
        conn.execute(devices.update().values(connection_request_at=None))

    sealed = seal_device_password(Secrets.load_or_create(data), _PASSWORD)
    store = await Store.open(f"sqlite:///{(data / 'acs.db').absolute()}")
    try:
        await store.write(act)
    finally:
        await store.close()


def overheard(number: int) -> str:
    """Return the username and password of a device of the bench, with a colon between."""
    from acs.simulator import OUI

    return f"{OUI}-{device_serial(number)}:{_PASSWORD}"


def device_serial(number: int) -> str:
    """Return the SerialNumber of a device of the bench."""
    return f"BENCH{number:05d}"


def cpu(pid: int) -> float:
    """Return the CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def rss(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


class _Resuming(ssl.SSLContext):
    """A client's context that can resume its last TLS session."""

    last: ssl.SSLSession | None = None

    def wrap_bio(  # type: ignore[override] # asyncio gives the others by name
        self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, **options: Any
    ) -> ssl.SSLObject:
        """Begin a connection where the last one ended."""
        return super().wrap_bio(incoming, outgoing, **{**options, "session": self.last})


class Client:
    """A device that says the least there is to say, as cheaply as possible."""

    def __init__(self, vendor: Any, acs: Any, serial: str, address: str = "127.0.0.1") -> None:
        from acs.cwmp import encode
        from acs.cwmp import messages as m
        from acs.simulator import OUI

        name = f"{serial}.{OUI}.henb.femto.example".lower()
        tls = vendor.client_context(name, acs.ca_path, kind=_Resuming)
        assert isinstance(tls, _Resuming)
        self._tls = tls
        self._ports = int(acs.facts["port"]), int(acs.facts["http_port"] or 0)
        self._username, self._address = f"{OUI}-{serial}", address
        self._nonce, self._count = "", 0
        self.plain = self.resumes = False
        identity = m.DeviceId("bench", OUI, "HeNB-LTE", serial)
        names = {
            "Device.RootDataModelVersion": "2.17",
            "Device.DeviceInfo.HardwareVersion": "A1",
            "Device.DeviceInfo.SoftwareVersion": "1.0.0",
            "Device.DeviceInfo.ProvisioningCode": "",
            "Device.ManagementServer.ParameterKey": "",
            "Device.ManagementServer.ConnectionRequestURL": "http://192.0.2.1:7547/",
        }
        values = tuple(m.ParameterValue(name, value) for name, value in names.items())
        inform = m.Inform(identity, (m.Event("2 PERIODIC"),), 1, "2026-01-01T00:00:00Z", 0, values)
        self._inform = encode(inform, namespace=m.CWMP_1_2, header=m.Header(id="1"))
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def session(self) -> None:
        """Inform, then say nothing until the ACS has nothing to say either."""
        async with asyncio.timeout(60):
            if self._writer is None:
                tls = None if self.plain else self._tls
                port = self._ports[self.plain]
                name = None if tls is None else "localhost"
                self._reader, self._writer = await asyncio.open_connection(
                    "127.0.0.1", port, ssl=tls, server_hostname=name, local_addr=(self._address, 0)
                )
            status, cookie = await self._post(self._inform, "")
            if status == 401:  # now there is a nonce, which is good for many sessions
                status, cookie = await self._post(self._inform, "")
            if status != 200:
                raise AcsError(f"the ACS answered the Inform with HTTP {status}")
            status, _ = await self._post(b"", cookie)
            if status != 204:  # the first contact brings requests; this client does not answer them
                self.close()

    async def _post(self, body: bytes, cookie: str) -> tuple[int, str]:
        assert self._reader is not None
        assert self._writer is not None
        head = f"POST /acs HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        head += f"Cookie: {cookie}\r\n" if cookie else ""
        head += self._authorization() if self.plain and self._nonce and not cookie else ""
        head += 'Content-Type: text/xml; charset="utf-8"\r\n' if body else ""
        self._writer.write(head.encode() + b"\r\n" + body)
        answer = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        status = int(answer[9:12])
        if status == 401:
            self._nonce = answer.rpartition('nonce="')[2].partition('"')[0]
        fields = dict(line.split(": ", 1) for line in answer.split("\r\n")[1:] if ": " in line)
        length = int(fields.get("Content-Length", 0))
        if length:
            await self._reader.readexactly(length)
        return status, fields.get("Set-Cookie", "").partition(";")[0]

    def _authorization(self) -> str:
        """Return the answer to the challenge, with MD5, which is what the smallest clients know."""
        secret = _md5(f"{self._username}:femto.example:{_PASSWORD}")
        self._count += 1
        response = _md5(f"{secret}:{self._nonce}:00000001:{self._count}:auth:{_md5('POST:/acs')}")
        return (
            f'Authorization: Digest username="{self._username}", realm="femto.example", '
            f'nonce="{self._nonce}", uri="/acs", qop=auth, nc=00000001, cnonce="{self._count}", '
            f'response="{response}"\r\n'
        )

    def close(self) -> None:
        """Drop the connection; keep its TLS session where the next is to resume it."""
        if self._writer is not None:
            tls = self._writer.get_extra_info("ssl_object")
            if tls is not None:
                self._tls.last = tls.session if self.resumes else None
            self._writer.close()
        self._reader = self._writer = None
