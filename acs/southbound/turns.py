"""So many at a time, the others in order, and none for longer than it will wait for the answer."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from acs.southbound.authentication import Refused

__all__ = ["Turns"]

_LINE = 4  # times as many may wait
_SOONEST, _LATEST = 5.0, 30.0  # seconds after which one that was refused may come again


class Turns:
    """Lets ``at_once`` pass at a time; who does not come in for ``patience`` seconds is told to come again.

    What is begun is finished: were everything let in that comes, each session would wait for all the others
    between two messages, longer than its device does, and nothing would come to its end.
    """

    def __init__(self, at_once: int, patience: float) -> None:
        self._free, self._patience = asyncio.Semaphore(at_once), patience
        self._waiting, self._most = 0, _LINE * at_once
        self._spread = random.Random()  # noqa: S311 - those who are refused must not all come back at once

    def demand_room(self) -> None:
        """Raise ``Refused`` where too many wait for another to come in, before it costs more."""
        if self._waiting >= self._most:
            raise self._busy()

    def _busy(self) -> Refused:
        later = self._spread.uniform(_SOONEST, _LATEST)
        return Refused(503, "busy", "too many sessions begin now; come again", retry_after=later)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn and keep it inside. Raises ``Refused`` 503 with Retry-After."""
        self._waiting += 1
        try:
            async with asyncio.timeout(self._patience):
                await self._free.acquire()
        except TimeoutError as error:
            raise self._busy() from error
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._free.release()
