"""Hostile peers: each attack is a coroutine that runs until it is cancelled and counts what came of it.

They speak for whoever owns a network connection, and some of them for whoever owns an enrolled device.
``python -m acs.simulator.attacks`` runs one in a process of its own; ``acs bench attack`` starts those.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import logging
import os
import resource
import signal
import socket
import ssl
import sys
import time
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from acs.cwmp import encode
from acs.cwmp import messages as m
from acs.simulator.fleet import OUI, Vendor

__all__ = ["ATTACKS", "HOSTILE_XML", "Attacker", "Reply", "inform"]

_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_PATIENCE = 10.0
Attack = Callable[["Attacker"], Awaitable[None]]


def _soap(inner: str, before: str = "") -> bytes:
    return (
        f'{before}<s:Envelope xmlns:s="{_SOAP}" xmlns:c="urn:dslforum-org:cwmp-1-0"><s:Body>{inner}'
        "</s:Body></s:Envelope>"
    ).encode()


def _laughs() -> bytes:
    rows = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return _soap("<c:Inform>&l9;</c:Inform>", f'<!DOCTYPE x [<!ENTITY l0 "ha">{rows}]>')


# What XML can be made to cost (interop-and-hardening, items 2.1 and 2.2).
HOSTILE_XML: dict[str, Callable[[], bytes]] = {
    "xxe-file": lambda: _soap("&e;", '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'),
    "xxe-http": lambda: _soap("&e;", '<!DOCTYPE x [<!ENTITY e SYSTEM "http://127.0.0.1:9/">]>'),
    "xxe-parameter": lambda: _soap("", '<!DOCTYPE x [<!ENTITY % e SYSTEM "file:///etc/passwd">%e;]>'),
    "billion-laughs": _laughs,
    "quadratic": lambda: _soap("&e;" * 50_000, f'<!DOCTYPE x [<!ENTITY e "{"x" * 50_000}">]>'),
    "deep": lambda: _soap("<a>" * 100_000 + "</a>" * 100_000),
    "unclosed": lambda: b"<a>" * 100_000,
    "attributes": lambda: _soap("<c:Inform " + " ".join(f'a{n}=""' for n in range(700_000)) + "/>"),
    "namespaces": lambda: _soap("<c:Inform " + " ".join(f'xmlns:n{n}="u{n}"' for n in range(200_000)) + "/>"),
    "elements": lambda: _soap("<a/>" * 1_500_000),
}


def inform(serial: str) -> bytes:
    """Return a steady Inform of a device."""
    identity = m.DeviceId("bench", OUI, "HeNB-LTE", serial)
    names = {
        "Device.DeviceInfo.HardwareVersion": "A1",
        "Device.DeviceInfo.SoftwareVersion": "1.0.0",
        "Device.ManagementServer.ConnectionRequestURL": "http://192.0.2.1:7547/",
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
    """Where to strike, from which addresses, and what it came to."""

    port: int
    ca: Path
    vendor: Path
    addresses: list[str]
    count: int = 100
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


# --- connections --------------------------------------------------------------------------------------


async def left_open(attacker: Attacker) -> None:
    """Open connections as fast as it goes, send nothing, and keep them."""
    loop, kept = asyncio.get_running_loop(), []
    with contextlib.suppress(asyncio.CancelledError):
        for number in range(attacker.count):
            each = socket.socket()
            each.setblocking(False)
            with contextlib.suppress(OSError):
                each.bind((next(attacker._next), 0))
                await loop.sock_connect(each, ("127.0.0.1", attacker.port))
                attacker.outcomes["opened"] += 1
            kept.append(each)
            if number % 50 == 0:
                await asyncio.sleep(0)
        await asyncio.sleep(3600)
    for each in kept:
        try:
            gone = each.recv(1) == b""
        except BlockingIOError:
            gone = False
        except OSError:
            gone = True
        attacker.outcomes["closed by the ACS" if gone else "still open"] += 1
        each.close()


async def slow(
    attacker: Attacker, begin: bytes, drip: bytes, *, serial: str = "", plain: bool = False
) -> None:
    """Begin something and go on with a few bytes a second, on many connections."""

    async def one() -> str:
        connection = await attacker.connect(serial, plain=plain)
        try:
            connection.send(begin)
            while not connection.reader.at_eof():
                connection.send(drip)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(1):
                        answer = await connection.reader.read(64)
                        return "answered " + answer[9:12].decode("latin-1") if answer else "closed"
            return "closed"
        finally:
            connection.close()

    await attacker.forever(one, attacker.count)


_POST = b"POST /acs HTTP/1.1\r\nHost: x\r\n"


async def never_reads(attacker: Attacker) -> None:
    """Send requests one behind the other and read no answer."""

    async def one() -> str:
        connection = await attacker.connect()
        try:
            connection.reader._transport.pause_reading()  # type: ignore[attr-defined] # there is no other way
            while True:
                connection.send((_POST + b"Content-Length: 0\r\n\r\n") * 100)
                async with asyncio.timeout(60):
                    await connection.writer.drain()
                    await asyncio.sleep(
                        0.01
                    )  # drain() does not yield where a broken connection takes everything
                if connection.writer.transport.is_closing():
                    return "closed"
        finally:
            connection.close()

    await attacker.forever(one, 50)


async def handshakes(attacker: Attacker) -> None:
    """Negotiate TLS again and again."""

    async def one() -> str:
        (await attacker.connect()).close()
        return "handshake"

    await attacker.forever(one, 50)


# --- requests -----------------------------------------------------------------------------------------


async def strangers(attacker: Attacker) -> None:
    """Post Informs without credentials, on connections that are kept for as long as possible."""
    body = inform("STRANGER")

    async def one() -> str:
        connection = await attacker.connect()
        try:
            for number in itertools.count():
                reply = await connection.post(body)
                if not reply.status:
                    return f"closed after {'some' if number else 'no'} answers"
                attacker.outcomes[f"answered {reply.status}"] += 1
        finally:
            connection.close()
        return ""

    await attacker.forever(one, 20)


async def passwords(attacker: Attacker) -> None:
    """Guess passwords."""
    body, numbers = inform("GUESS"), itertools.count()

    async def one() -> str:
        connection = await attacker.connect()
        try:
            while True:
                guess = base64.b64encode(f"{OUI}-BENCH00001:{next(numbers)}".encode()).decode()
                reply = await connection.post(body, f"Authorization: Basic {guess}")
                if not reply.status:
                    return "closed"
                attacker.outcomes[f"answered {reply.status}"] += 1
        finally:
            connection.close()

    await attacker.forever(one, 20)


async def informs(attacker: Attacker) -> None:
    """Send Informs of one enrolled device without pause."""
    body = inform("HOSTILE1")

    async def one() -> str:
        connection = await attacker.connect("HOSTILE1")
        try:
            while (reply := await connection.post(body)).status:
                attacker.outcomes[f"answered {reply.status}"] += 1
        finally:
            connection.close()
        return "closed"

    await attacker.forever(one, 20)


async def impostor(attacker: Attacker) -> None:
    """Send, with the certificate of one device, Informs of another and its cookie."""
    body = inform("BENCH00001")

    async def one() -> str:
        connection = await attacker.connect("HOSTILE2")
        try:
            while (reply := await connection.post(body)).status:
                attacker.outcomes[f"answered {reply.status}"] += 1
        finally:
            connection.close()
        return "closed"

    await attacker.forever(one, 10)


async def _messages(attacker: Attacker, bodies: dict[str, bytes], *fields: str) -> None:
    turns = itertools.cycle(bodies.items())

    async def one() -> str:
        name, body = next(turns)
        connection = await attacker.connect("HOSTILE3")
        try:
            started = time.perf_counter()
            reply = await connection.post(body, *fields)
            if reply.status != 503:  # which a device that sends too much gets after a while
                attacker.seconds.setdefault(name, []).append(time.perf_counter() - started)
            return f"{name}: {reply.status or 'closed'}"
        finally:
            connection.close()

    await attacker.forever(one, 4)


async def xml(attacker: Attacker) -> None:
    """Send, as an enrolled device, XML that is meant to cost much."""
    await _messages(attacker, {name: make() for name, make in HOSTILE_XML.items()})


def bomb(size: int = 200_000_000, wbits: int = 31) -> bytes:
    """Return ``size`` zeros, compressed: 31 makes gzip of them, 15 deflate."""
    packer = zlib.compressobj(9, wbits=wbits)
    block = bytes(1_000_000)
    return b"".join(packer.compress(block) for _ in range(size // len(block))) + packer.flush()


async def bombs(attacker: Attacker) -> None:
    """Send, as an enrolled device, bodies that unfold to a thousand times their size."""
    await _messages(attacker, {"gzip-bomb": bomb()}, "Content-Encoding: gzip")


async def large(attacker: Attacker) -> None:
    """Send, as an enrolled device, bodies of 100 MB."""
    body = b"<" + b"x" * 1_000_000

    async def one() -> str:
        connection = await attacker.connect("HOSTILE4")
        try:
            connection.send(_POST + b"Content-Length: 100000000\r\n\r\n")
            for _ in range(100):
                connection.send(body)
                await connection.writer.drain()
            return f"answered {(await connection.reply()).status}"
        finally:
            connection.close()

    await attacker.forever(one, 4)


async def endless_chunks(attacker: Attacker) -> None:
    """Send, as an enrolled device, chunks without end."""
    chunk = b"1000\r\n" + b"x" * 0x1000 + b"\r\n"

    async def one() -> str:
        connection = await attacker.connect("HOSTILE5")
        try:
            connection.send(_POST + b"Transfer-Encoding: chunked\r\n\r\n")
            while not connection.reader.at_eof():
                connection.send(chunk * 16)
                await connection.writer.drain()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.001):
                        head = await connection.reader.readuntil(b"\r\n")
                        return "answered " + head[9:12].decode("latin-1")
            return "closed"
        finally:
            connection.close()

    await attacker.forever(one, 4)


ATTACKS: dict[str, Attack] = {
    "left-open": left_open,
    "slow-tls": partial(slow, begin=b"\x16\x03\x01\x02\x00", drip=b"", plain=True),
    "slow-header": partial(slow, begin=_POST, drip=b"X-A: b\r\n"),
    "slow-body": partial(slow, begin=_POST + b"Content-Length: 9999\r\n\r\n", drip=b"x", serial="HOSTILE6"),
    "never-reads": never_reads,
    "handshakes": handshakes,
    "strangers": strangers,
    "passwords": passwords,
    "informs": informs,
    "impostor": impostor,
    "xml": xml,
    "bombs": bombs,
    "large": large,
    "endless-chunks": endless_chunks,
}


async def _run(name: str, attacker: Attacker) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.set_exception_handler(lambda *_: None)  # broken connections are what this is about,
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # and writing to them
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    task = loop.create_task(_attack(name, attacker))
    await stop.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _attack(name: str, attacker: Attacker) -> None:
    await ATTACKS[name](attacker)


def _main() -> None:
    options = json.loads(sys.argv[1])
    # An attacker has a machine of its own: what it computes must not keep the devices of this one waiting.
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    attacker = Attacker(
        options["port"], Path(options["ca"]), Path(options["vendor"]), options["addresses"], options["count"]
    )
    asyncio.run(_run(options["attack"], attacker))
    sys.stdout.write(json.dumps({"outcomes": attacker.outcomes, "seconds": attacker.seconds}) + "\n")


if __name__ == "__main__":
    _main()
