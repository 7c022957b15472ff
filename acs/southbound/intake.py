"""What a peer may make the ACS take in: bytes in memory, messages a second, and failures.

Everything here is decided before a message is parsed and before the database is asked.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import re
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from acs.settings import Settings
from acs.southbound.authentication import Refused
from acs.southbound.limits import Buckets

__all__ = ["Intake", "Narrow", "Quarantine"]

_INFORM = re.compile(rb"<(?:[\w.-]{1,64}:)?Inform[\s/>]")
_HEAD_OF_MESSAGE = 8192  # bytes; the Body of an envelope begins there
_MESSAGE_RATE, _MESSAGE_BURST = 50, 500  # messages of one device a second, and at once; more have to wait
_LONGEST_PAUSE = 1.0  # seconds that a device that sends too much waits for its refusal
_MOST_PAUSED = 500


@dataclass(eq=False, slots=True)
class _Received:
    """A body on its way in, or being worked on."""

    size: int = 0
    timeout: asyncio.Timeout | None = None
    evicted: bool = False


class Intake:
    """Bounds what devices send: memory of all bodies together, and messages by device."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._informs = Buckets(settings.inform_rate, settings.inform_burst)
        self._bytes = Buckets(settings.message_rate, 2 * settings.max_body)
        self._messages = Buckets(_MESSAGE_RATE, _MESSAGE_BURST)
        self._received: set[_Received] = set()
        self._paused = 0
        self.held = 0
        """Bytes of all bodies that are held now."""

    @asynccontextmanager
    async def body(self, request: web.Request, device: str, most: int | None = None) -> AsyncIterator[bytes]:
        """Receive the body of a request; its bytes count as held until the context is left.

        ``most`` bytes of it, unpacked, are allowed; the setting ``max_body`` by default. All that came
        is charged to ``device``, also when it is refused. Raises ``Refused``.
        """
        loop = asyncio.get_running_loop()
        wait = self._bytes.wait(device, loop.time())
        if wait:
            raise await self._too_many("bytes", wait)
        received = _Received()
        self._received.add(received)
        try:
            try:
                body = await self._receive(request, received, most or self._settings.max_body)
            finally:
                self._bytes.spend(device, loop.time(), received.size, debt=True)
            yield body
        finally:
            self._received.discard(received)
            self.held -= received.size

    async def _receive(self, request: web.Request, received: _Received, most: int) -> bytes:
        chunks: list[bytes] = []
        content = request.content
        try:
            async with asyncio.timeout(self._settings.body_timeout) as received.timeout:
                while chunk := await content.readany():
                    chunks.append(chunk)
                    received.size += len(chunk)
                    self.held += len(chunk)
                    if received.size > most:
                        raise Refused(413, "too-large", f"the body has more than {most} bytes")
                    self._make_room(received)
        except web.RequestPayloadError as error:
            raise Refused(400, "bad-encoding", "the body is not what its encoding says") from error
        except TimeoutError as error:
            if received.evicted:
                raise Refused(503, "no-memory", "the ACS has no memory for this body now") from error
            text = f"the body took more than {self._settings.body_timeout:g} s"
            raise Refused(408, "slow-body", text) from error
        finally:
            received.timeout = None
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _make_room(self, newest: _Received) -> None:
        """Refuse the largest body that is still being received, where all together are too large."""
        if self.held <= self._settings.body_memory:
            return
        left = self.held - sum(each.size for each in self._received if each.evicted)
        while left > self._settings.body_memory:
            coming = [each for each in self._received if each.timeout is not None and not each.evicted]
            victim = max(coming, key=lambda each: each.size, default=newest)
            victim.evicted = True
            left -= victim.size
            if victim.timeout is not None:
                victim.timeout.reschedule(0)
            if victim is newest:
                return

    @staticmethod
    def is_inform(body: bytes) -> bool:
        """Tell whether a message looks like an Inform, before it is read."""
        return _INFORM.search(body, 0, _HEAD_OF_MESSAGE) is not None

    async def admit(self, device: str, body: bytes) -> None:
        """Let a message of a device pass, or refuse it with 503: too many Informs.

        A device that sends many messages waits for its turn.
        """
        loop = asyncio.get_running_loop()
        turn = self._messages.take(device, loop.time())
        if turn:
            await asyncio.sleep(turn)
            self._messages.spend(device, loop.time())
        if self.is_inform(body):
            wait = self._informs.take(device, loop.time())
            if wait:
                raise await self._too_many("informs", wait)

    async def _too_many(self, what: str, wait: float) -> Refused:
        """Return the refusal of a device that sends too much; after a while, so that it costs little."""
        if self._paused < _MOST_PAUSED:
            self._paused += 1
            try:
                await asyncio.sleep(min(wait, _LONGEST_PAUSE))
            finally:
                self._paused -= 1
        text = f"this device sends more than it may (too many {what})"
        return Refused(503, f"too-many-{what}", text, retry_after=wait)


class Narrow:
    """Lets one pass at a time, the smallest first: large messages are parsed one after the other."""

    def __init__(self) -> None:
        self._busy = False
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    @asynccontextmanager
    async def passing(self, size: int) -> AsyncIterator[None]:
        """Wait for the turn of something of ``size``."""
        if self._busy:
            turn = asyncio.get_running_loop().create_future()
            heapq.heappush(self._waiting, (size, next(self._numbers), turn))
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._next()
                raise
        self._busy = True
        try:
            yield
        finally:
            self._next()

    def _next(self) -> None:
        while self._waiting:
            turn = heapq.heappop(self._waiting)[2]
            if not turn.done():
                turn.set_result(None)
                return
        self._busy = False


class Quarantine:
    """Devices whose messages make the ACS fail are left aside, longer each time. No I/O.

    After ``strikes`` failures with nothing good between them a device is not served for ``first`` seconds,
    then for twice as long with each further failure, ``longest`` seconds at most.
    """

    def __init__(
        self, *, strikes: int = 3, first: float = 60, longest: float = 3600, capacity: int = 10_000
    ) -> None:
        self._strikes, self._first, self._longest, self._capacity = strikes, first, longest, capacity
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def left(self, device: str, now: float) -> float:
        """Return for how many seconds the device is still left aside."""
        _, until = self._failures.get(device, (0, 0.0))
        return max(0.0, until - now)

    def failed(self, device: str, now: float) -> float:
        """Note a failure; return for how many seconds the device is left aside from now, 0 for not yet."""
        count = self._failures.pop(device, (0, 0.0))[0] + 1
        seconds = 0.0
        if count >= self._strikes:
            seconds = min(self._longest, self._first * 2.0 ** min(count - self._strikes, 30))
        self._failures[device] = (count, now + seconds)
        if len(self._failures) > self._capacity:
            self._failures.popitem(last=False)
        return seconds

    def fine(self, device: str) -> None:
        """Note that a message of the device was dealt with."""
        if self._failures:
            self._failures.pop(device, None)
