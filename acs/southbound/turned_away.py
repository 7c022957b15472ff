"""Those whom the ACS had no room for: written down, and called when there is room again.

A device that was sent away comes again after a back-off of its own, which doubles each time (TR-069 3.2.1.1):
without a call the last of a storm come long after the ACS has become idle.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from acs import devices as dev
from acs.loops import tried_again
from acs.store import Store

__all__ = ["TurnedAway"]

_MOST = 50_000
_LOOK = 1.0  # seconds between two looks at whom to call
_WRITE = 5.0  # seconds between two times that they are written down
_LATE = 30.0  # seconds after which one that was told to come again should be there: Retry-After is less
_AT_ONCE = 32  # calls at one look
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Late:
    times: int
    at: float


class TurnedAway:
    """The devices that one node sent away, by key or by the name in their certificates.

    ``room`` tells how many could be served now.
    """

    def __init__(self, store: Store, room: Callable[[], int]) -> None:
        self._store, self._room = store, room
        self._late: dict[str, _Late] = {}
        self._fresh: set[str] = set()
        self._written_at = 0.0

    def note(self, who: str) -> None:
        """Note that a device was sent away."""
        now, late = self._store.clock(), self._late.get(who)
        if late is not None:
            late.times, late.at = late.times + 1, now
        elif len(self._late) >= _MOST:
            return
        else:
            self._late[who] = _Late(1, now)
        self._fresh.add(who)

    def came(self, who: str) -> None:
        """Note that a device is served: who has been here since is not written down as one who was not."""
        if self._late:
            self._late.pop(who, None)
            self._fresh.discard(who)

    def due(self, now: float) -> list[str]:
        """Return whom to call: as many as there is room for, those that were sent away most often first."""
        most = min(self._room(), _AT_ONCE)
        if most <= 0:
            return []
        late = [who for who, each in self._late.items() if each.at + _LATE <= now]
        late.sort(key=lambda who: (-self._late[who].times, self._late[who].at))
        return late[:most]

    async def write_down(self) -> None:
        """Write down who was sent away: their cases have more time."""
        self._written_at = self._store.clock()
        fresh, self._fresh = self._fresh, set()
        if not fresh:
            return
        try:
            await self._store.write(dev.note_turned_away, fresh, now=self._written_at)
        except BaseException:
            self._fresh |= fresh  # for the next time
            raise

    async def call(self) -> None:
        """Have those called that are late, where it is known how; once each, the rest is the dispatcher's."""
        now = self._store.clock()
        called = self.due(now)
        if not called:
            return
        if self._fresh:
            await self.write_down()
        await self._store.write(dev.call_turned_away, called, now=now)
        for who in called:
            self._late.pop(who, None)

    async def run(self) -> None:
        """Look now and then until cancelled, and write down the rest at the end."""
        try:
            while True:
                await asyncio.sleep(_LOOK)
                with tried_again(_log, "who was sent away could not be written down or called"):
                    if self._fresh and self._store.clock() >= self._written_at + _WRITE:
                        await self.write_down()
                    if self._late:
                        await self.call()
        finally:
            await self.write_down()
