"""Mortal nodes, and what lives on around them: simulated HeNBs, a manager, the operator's network."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import ssl
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from acs.security import Authority
from acs.simulator import HeNB
from tests.waiting import until

ROOT = Path(__file__).parents[2]
QUICK = {
    "acs.commands.queue:RESTART_PATIENCE": 2.0,  # these HeNBs restart within one
    "acs.devices.connection_requests:BACK_OFF": (0.5,) * 6,
    "acs.devices.connection_requests:AFTER_SESSION": 2.0,
    "acs.subscriptions.queue:LEASE": 1.0,
    "acs.measures.queue:LEASE": 1.0,
}
"""What takes a minute of a real network is over in a second here."""
_START, _END = 60.0, 30.0


class Cradle:
    """The process of ``tests/model/dying.py``, from which nodes are forked."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process

    async def start(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.model.dying"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
            env=environment,
        )

    async def fork(self, **life: Any) -> int:
        """Start a node; return its pid."""
        self._process.stdin.write(json.dumps(life).encode() + b"\n")
        async with asyncio.timeout(_START):
            return int(await self._process.stdout.readline())

    async def stop(self) -> None:
        self._process.stdin.close()
        await self._process.wait()


class Mortal:
    """An ``acs serve`` that can be told where to die; it keeps its ports over its lives."""

    def __init__(
        self, cradle: Cradle, data: Path, options: tuple[str, ...], environment: dict[str, str]
    ) -> None:
        self.data, self._cradle, self._options = data, cradle, options
        self._environment = environment
        self._orders = data / "orders.json"
        self._pid = 0
        self.lives = 0
        self.facts: dict[str, Any] = {}

    @property
    def ca_path(self) -> Path:
        return self.data / "pki/server/ca.pem"

    @property
    def alive(self) -> bool:
        try:
            os.kill(self._pid, 0)
        except ProcessLookupError:
            return False
        return True

    async def start(self) -> None:
        """Start it, and wait until it serves, or is dead where it was told to die."""
        node = self.data / "node.json"
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        node.unlink(missing_ok=True)
        port = str(self.facts.get("port", 0))
        argv = ["serve", "--data", str(self.data), "--port", port, "--host", "127.0.0.1"]
        argv += ["--management-port", "0", "--log-format", "json", *self._options]
        self._pid = await self._cradle.fork(
            argv=argv,
            log=str(self.data / "acs.log"),
            orders=str(self._orders),
            environment=self._environment,
            set=QUICK,
        )
        self.lives += 1
        await until(lambda: node.exists() or not self.alive, seconds=_START)
        if not node.exists():
            assert self._orders.exists(), f"the node did not start: {self.words()[-2000:]}"
            return
        self.facts = json.loads(node.read_bytes())

    def order(self, at: int, when: str = "", what: str = "") -> None:
        """Tell it where to die, from now on; 0: nowhere."""
        order: dict[str, Any] = {"at": at}
        order |= {"when": when} if when else {}
        order |= {"what": what} if what else {}
        new = self._orders.with_suffix(".new")
        new.write_text(json.dumps(order))
        new.replace(self._orders)

    def pardon(self) -> list[str]:
        """Take the order back; return the points that it passed, the last first where it died."""
        self._orders.unlink(missing_ok=True)
        notes = self._orders.with_suffix(".points")
        found = notes.read_text().splitlines() if notes.exists() else []
        notes.unlink(missing_ok=True)
        return found

    def words(self) -> str:
        return (self.data / "acs.log").read_text(errors="replace")

    def errors(self) -> list[str]:
        """Return what it logged as an error."""
        lines = [json.loads(line) for line in self.words().splitlines() if line.startswith("{")]
        return [str(line) for line in lines if line["level"] in ("error", "critical")]

    async def stop(self) -> None:
        if self._pid and self.alive:
            os.kill(self._pid, signal.SIGTERM)
            await until(lambda: not self.alive, seconds=_END)


class Door:
    """The one address of several nodes, as of a load balancer: the first that lives has the connection."""

    def __init__(self) -> None:
        self.nodes: list[Mortal] = []
        self._server: asyncio.Server
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._lead, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for node in self.nodes:
            try:
                inner = await asyncio.open_connection("127.0.0.1", node.facts["port"])
            except OSError:
                continue
            await asyncio.gather(_pump(reader, inner[1]), _pump(inner[0], writer))
            return
        writer.close()

    async def stop(self) -> None:
        self._server.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


class Manager:
    """A subscribed manager over HTTPS that keeps all it is told, as it comes."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        authority = Authority.load_or_create(folder, "manager CA")
        issued = authority.issue_server(["localhost"])
        (folder / "manager.pem").write_bytes(issued.certificate + issued.key)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(folder / "manager.pem")
        self.ca = (folder / "ca.pem").read_text()
        self.heard: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.url = ""
        self._runner: web.AppRunner

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/notify", self._notify)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls).start()
        self.url = f"https://localhost:{self._runner.addresses[0][1]}/notify"

    async def _notify(self, request: web.Request) -> web.Response:
        told = json.loads(await request.read())
        self.heard[told["href"].rpartition("/")[2]].append(told)
        return web.Response(status=204)

    def told(self, device_key: str) -> list[int]:
        """Return the numbers of what it was told of a device, each where it came first.

        What is told again after a death is told again in order.
        """
        return list(dict.fromkeys(each["notificationId"] for each in self.heard[device_key]))

    def repeated(self) -> Counter[int]:
        """Return how often each was told, where that was more than once."""
        counts = Counter(each["notificationId"] for heard in self.heard.values() for each in heard)
        return Counter({number: count for number, count in counts.items() if count > 1})

    async def stop(self) -> None:
        await self._runner.cleanup()


@asynccontextmanager
async def acknowledgements(monkeypatch: Any) -> Any:
    """Note every Inform of a simulated HeNB that was answered; yields them by serial number."""
    noted: dict[str, list[Any]] = defaultdict(list)
    informed = HeNB.informed

    def note(henb: HeNB, inform: Any) -> None:
        noted[henb.device_id.serial_number].append(inform)
        informed(henb, inform)

    with monkeypatch.context() as patch:
        patch.setattr(HeNB, "informed", note)
        yield noted


def share_identity(first: Path, second: Path) -> None:
    """Give a second node the keys and the CA of the first, as one that shares its database has them."""
    second.mkdir(mode=0o700)
    shutil.copytree(first / "pki", second / "pki")
    shutil.copy(first / "master.key", second / "master.key")


def kinds(points: list[str]) -> Iterator[tuple[str, str]]:
    """Yield each kind of point once: when, and what was done."""
    seen = set()
    for point in points:
        when, *what = point.split()
        for each in what:
            if (when, each) not in seen:
                seen.add((when, each))
                yield when, each
