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
import math
import os
import resource
import signal
import socket
import sys
import time
import zlib
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from acs.security.digest_client import answer_challenge, best_challenge, parse_challenges
from acs.simulator.attacker import Attacker, inform
from acs.simulator.hostile_xml import HOSTILE_XML
from acs.simulator.vendor import OUI

__all__ = ["ATTACKS", "bomb"]

Attack = Callable[[Attacker], Awaitable[None]]


# --- connections --------------------------------------------------------------------------------------


async def left_open(attacker: Attacker) -> None:
    """Open connections at the attacker's pace, send nothing, and keep them."""
    loop, kept = asyncio.get_running_loop(), []
    began = loop.time()
    with contextlib.suppress(asyncio.CancelledError):
        for number in range(attacker.count):
            ahead = number / attacker.pace - (loop.time() - began)
            if ahead > 0:
                await asyncio.sleep(ahead)
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


async def replays(attacker: Attacker) -> None:
    """Send what a device once proved itself with, Digest and all, as somebody who overheard it."""
    username, _, password = attacker.overheard.partition(":")
    body = inform(username.partition("-")[2])
    connection = await attacker.connect()
    challenge = best_challenge(
        parse_challenges([(await connection.post(body)).fields.get("www-authenticate", "")])
    )
    assert challenge is not None
    said = answer_challenge(challenge, username, password, method="POST", uri="/acs", cnonce="overheard")
    genuine = await connection.post(body, f"Authorization: {said}")
    attacker.outcomes[f"the device was answered {genuine.status} ({challenge.scheme})"] += 1
    connection.close()

    async def one() -> str:
        connection = await attacker.connect()
        try:
            while (reply := await connection.post(body, f"Authorization: {said}")).status:
                attacker.outcomes[f"answered {reply.status}"] += 1
        finally:
            connection.close()
        return "closed"

    await attacker.forever(one, 20)


_URLS = (
    "http://127.0.0.1:22/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[::ffff:127.0.0.1]:7547/",
    "http://[:]@/",
    "http://device.invalid:7547/",
    "gopher://192.0.2.1:7547/",
    f"http://192.0.2.1:7547/{'x' * 200}",
)


async def urls(attacker: Attacker) -> None:
    """Be five devices that want to be called at places of the operator's, and never do what they are told."""
    numbers = itertools.count()

    async def one() -> str:
        number = next(numbers)
        serial = f"HOSTILE7{number % 5}"
        connection = await attacker.connect(serial)
        try:
            reply = await connection.post(inform(serial, _URLS[number % len(_URLS)]))
            return f"answered {reply.status}"
        finally:
            connection.close()

    await attacker.forever(one, 10)


async def informs(attacker: Attacker) -> None:
    """Send Informs of one enrolled device without pause."""
    await _press(attacker, "HOSTILE1", inform("HOSTILE1"), 20)


async def impostor(attacker: Attacker) -> None:
    """Send, with the certificate of one device, Informs of another and its cookie."""
    await _press(attacker, "HOSTILE2", inform("BENCH00001"), 10)


async def _press(attacker: Attacker, serial: str, body: bytes, at_once: int) -> None:
    """Send a message over connections of one device, again and again until each is closed."""

    async def one() -> str:
        connection = await attacker.connect(serial)
        try:
            while (reply := await connection.post(body)).status:
                attacker.outcomes[f"answered {reply.status}"] += 1
        finally:
            connection.close()
        return "closed"

    await attacker.forever(one, at_once)


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
    "replays": replays,
    "informs": informs,
    "impostor": impostor,
    "urls": urls,
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
    await loop.run_in_executor(None, sys.stdin.readline)  # all of them begin together
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
        options["port"],
        Path(options["ca"]),
        Path(options["vendor"]),
        options["addresses"],
        options["count"],
        options["overheard"],
        options["pace"] or math.inf,
    )
    asyncio.run(_run(options["attack"], attacker))
    sys.stdout.write(json.dumps({"outcomes": attacker.outcomes, "seconds": attacker.seconds}) + "\n")


if __name__ == "__main__":
    _main()
