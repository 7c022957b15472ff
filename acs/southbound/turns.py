"""So many at a time, what the ACS waits for first, and none for longer than it will wait for the answer."""

from __future__ import annotations

import asyncio
import random
import re
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from acs.cwmp import events as ev
from acs.cwmp import messages as m
from acs.southbound.authentication import Refused

__all__ = ["BUSY", "Turns", "is_expected", "seems_expected"]

BUSY = "busy"
"""The reason of the refusal of whom there is no room for."""

_LINE = 8  # times as many may wait
_KEPT = 4  # the last of so many parts of the line is kept for those who are expected
_SOONEST, _LATEST = 5.0, 30.0  # seconds after which one that was refused may come again
_OFTEN = 4  # times that one came in vain: it stays away for minutes after each further one (TR-069 3.2.1.1)
_ANSWERS = (ev.CONNECTION_REQUEST, ev.TRANSFER_COMPLETE, ev.DIAGNOSTICS_COMPLETE)
_SEEMS_EXPECTED = re.compile(
    rb"6 CONNECTION REQUEST|7 TRANSFER COMPLETE|8 DIAGNOSTICS COMPLETE|>\s*M [A-Z]"
    rb"|<RetryCount[^>]{0,200}>\s*(?:[4-9]|[1-9][0-9])"
)


def is_expected(inform: m.Inform) -> bool:
    """Tell whether a device was called, tells of what it was told to do, or came in vain often enough."""
    told = any(each.code in _ANSWERS or each.code.startswith("M ") for each in inform.events)
    return told or inform.retry_count >= _OFTEN


def seems_expected(raw: bytes) -> bool:
    """Tell the same at a glance, before the message is decoded: how long the line may be depends on it."""
    return _SEEMS_EXPECTED.search(raw) is not None


class Turns:
    """Lets ``at_once`` pass at a time; who does not come in for ``patience`` seconds is told to come again.

    What is begun is finished: were everything let in that comes, each session would wait for all the others
    between two messages, longer than its device does, and nothing would come to its end. For the same reason
    those go first who were called or have done what they were told: their cases are under way. And those who
    were sent away again and again, or else a few of many would come hours later than all others.
    """

    def __init__(self, at_once: int, patience: float) -> None:
        self._free = self._at_once = at_once
        self._patience, self._most = patience, _LINE * at_once
        self._expected: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()
        self._spread = random.Random()  # noqa: S311 - those who are refused must not all come back at once

    @property
    def _waiting(self) -> int:
        return len(self._expected) + len(self._others)

    @property
    def crowded(self) -> bool:
        """Whether more wait than can pass at a time: what can be done later should be."""
        return self._waiting > self._at_once

    @property
    def room(self) -> int:
        """How many could pass now."""
        return 0 if self._waiting else self._free

    def demand_room(self, *, expected: bool = True) -> None:
        """Raise ``Refused`` where too many wait for another to come in, before it costs more."""
        most = self._most if expected else self._most - self._most // _KEPT
        if self._waiting >= most:
            raise self._busy()

    def _busy(self) -> Refused:
        later = self._spread.uniform(_SOONEST, _LATEST)
        text = "too many sessions begin now; come again"
        return Refused(503, BUSY, text, retry_after=later, expected=True)

    @asynccontextmanager
    async def turn(self, *, expected: bool = False) -> AsyncIterator[None]:
        """Wait for a turn and keep it inside. Raises ``Refused`` 503 with Retry-After."""
        if self._free:
            self._free -= 1
        else:
            self.demand_room(expected=expected)
            await self._wait(self._expected if expected else self._others)
        try:
            yield
        finally:
            self._next()

    async def _wait(self, line: deque[asyncio.Future[None]]) -> None:
        mine = asyncio.get_running_loop().create_future()
        line.append(mine)
        try:
            async with asyncio.timeout(self._patience):
                await mine
        except BaseException as error:
            if mine in line:
                line.remove(mine)
            elif mine.done() and not mine.cancelled():
                self._next()  # it was given a turn at the moment at which it gave up
            if isinstance(error, TimeoutError):
                raise self._busy() from error
            raise

    def _next(self) -> None:
        """Give a turn that is free to the first who waits."""
        for line in (self._expected, self._others):
            while line:
                first = line.popleft()
                if not first.done():
                    first.set_result(None)
                    return
        self._free += 1
