"""Who attacks: connections from many addresses, as a stranger or as whoever owns an enrolled device."""

from __future__ import annotations

import asyncio
import itertools
import math
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from acs.cwmp import encode
from acs.cwmp import messages as m
from acs.simulator.vendor import OUI, Vendor

__all__ = ["Attacker", "Connection", "Reply", "inform"]

_PATIENCE = 10.0


def inform(serial: str, url: str = "http://192.0.2.1:7547/") -> bytes:
    """Return a steady Inform of a device; ``url`` is its ConnectionRequestURL."""
    identity = m.DeviceId("bench", OUI, "HeNB-LTE", serial)
    names = {
        "Device.DeviceInfo.HardwareVersion": "A1",
        "Device.DeviceInfo.SoftwareVersion": "1.0.0",
        "Device.ManagementServer.ConnectionRequestURL": url,
    }
    values = tuple(m.ParameterValue(name, value) for name, value in names.items())
    message = m.Inform(identity, (m.Event("2 PERIODIC"),), 1, "2026-01-01T00:00:00Z", 0, values)
    return encode(message, namespace=m.CWMP_1_2, header=m.Header(id="1"))


@dataclass(frozen=True, slots=True)
class Reply:
    """What the ACS answered: status (0: it closed the connection), header fields, body."""

    status: int
    fields: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(slots=True)
class Attacker:
    """Where to strike, from which addresses, and what it came to.

    ``overheard``: a username and password with a colon between, of a device whose exchange was overheard.
    ``pace``: connections that the attack left-open opens a second.
    """

    port: int
    ca: Path
    vendor: Path
    addresses: list[str]
    count: int = 100
    overheard: str = ""
    pace: float = math.inf
    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    _next: Iterator[str] = field(init=False)
    _contexts: dict[str, ssl.SSLContext] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._next = itertools.cycle(self.addresses)

    def tls(self, serial: str = "") -> ssl.SSLContext:
        """Return the context of an enrolled device, or of a stranger."""
        if serial not in self._contexts:
            if serial:
                name = f"{serial}.{OUI}.henb.femto.example".lower()
                context = Vendor(self.vendor).client_context(name, self.ca)
            else:
                context = ssl.create_default_context(cafile=self.ca)
            self._contexts[serial] = context
        return self._contexts[serial]

    async def connect(self, serial: str = "", *, plain: bool = False) -> Connection:
        """Open a connection from the next address: TLS, or none at all yet."""
        tls = None if plain else self.tls(serial)
        name = None if plain else "localhost"
        async with asyncio.timeout(_PATIENCE):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", self.port, ssl=tls, server_hostname=name, local_addr=(next(self._next), 0)
            )
        return Connection(reader, writer)

    async def forever(self, one: Callable[[], Awaitable[str]], at_once: int) -> None:
        """Do ``one`` again and again, ``at_once`` of them; count the outcome that each returns."""

        async def work() -> None:
            while True:
                try:
                    async with asyncio.timeout(120):
                        outcome = await one()
                except (OSError, EOFError, TimeoutError, ValueError) as error:
                    outcome = type(error).__name__
                    await asyncio.sleep(0.01)
                self.outcomes[outcome] += 1

        await asyncio.gather(*(work() for _ in range(at_once)))


@dataclass(slots=True)
class Connection:
    """One connection to the ACS."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def open(self) -> bool:
        """Whether the ACS has not closed it."""
        return not self.reader.at_eof() and self.reader.exception() is None

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)

    async def post(self, body: bytes, *fields: str) -> Reply:
        """Send a POST in one piece and return the answer."""
        head = ["POST /acs HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *fields, "", ""]
        self.send("\r\n".join(head).encode("latin-1") + body)
        return await self.reply()

    async def reply(self) -> Reply:
        """Return the next answer; one of status 0 when the connection is closed instead."""
        try:
            async with asyncio.timeout(60):
                head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                pairs = (line.split(": ", 1) for line in head[1:] if ": " in line)
                fields = {name.lower(): value for name, value in pairs}
                body = await self.reader.readexactly(int(fields.get("content-length", "0")))
        except (OSError, EOFError):
            return Reply(0)
        return Reply(int(head[0].split()[1]), fields, body)

    async def closed(self, seconds: float = 60) -> bytes:
        """Wait until the ACS closes; return what it said before. Raises ``TimeoutError``."""
        async with asyncio.timeout(seconds):
            try:
                return await self.reader.read(-1)
            except OSError:
                return b""

    def close(self) -> None:
        """Drop it."""
        self.writer.transport.abort()
