"""Lets alarms out that nothing holds back any more, and holds back what a new silence or rule is about."""

from __future__ import annotations

import asyncio

import structlog
from sqlalchemy import Connection

from acs import alarms as al
from acs import devices as dev
from acs import remediation as rm
from acs.loops import tried_again
from acs.store import Store

__all__ = ["HoldWatch", "review_device"]

_LOOK = 1.0  # seconds between two looks at which silences are in force
_AT_ONCE = 32  # devices
_WHOLE = 60.0  # seconds between two looks at all active alarms, whatever was signalled
_log = structlog.get_logger(__name__)


def review_device(conn: Connection, device_id: int, *, env: rm.Environment, now: float) -> None:
    """Hold back and let out the alarms of a device; remediation begins where it was held."""
    dev.lock(conn, device_id)
    if al.review(conn, device_id, now=now):
        rm.begin_runs(conn, device_id, env=env, now=now)


class HoldWatch:
    """One for each node; what it does twice does no harm.

    A change of an alarm is judged at once, with its own device's. Silences begin and end by the clock, and
    the alarms of a site concern other devices: these are looked at here.
    """

    def __init__(self, store: Store, env: rm.Environment, *, page: int = 200) -> None:
        self._store, self.env, self._page = store, env, page
        self._in_force: tuple[int, ...] | None = None
        self._looked_at = 0.0
        self._wake = asyncio.Event()

    async def look(self) -> int:
        """Look at all active alarms where something changed, or a minute passed; return how many changed."""
        now = self._store.clock()
        found = await self._store.read(al.silences_in_force, now=now)
        in_force = tuple(each.id for each in found)
        if in_force == self._in_force and not self._wake.is_set() and now - self._looked_at < _WHOLE:
            return 0
        self._wake.clear()
        after, count = 0, 0
        while True:
            devices, after = await self._store.read(al.to_be_reviewed, now=now, after=after, limit=self._page)
            for at in range(0, len(devices), _AT_ONCE):  # which are committed together
                await asyncio.gather(*(self._review(each) for each in devices[at : at + _AT_ONCE]))
            count += len(devices)
            if not after:
                break
        self._in_force, self._looked_at = in_force, now
        return count

    async def _review(self, device_id: int) -> None:
        await self._store.write(review_device, device_id, env=self.env, now=self._store.clock())

    async def run(self) -> None:
        """Look now and then, until cancelled. What fails is logged and tried again."""
        off = [self._store.on(topic, lambda _: self._wake.set()) for topic in ("silences", "holds")]
        try:
            while True:
                with tried_again(_log, "alarms that are held back can't be looked at"):
                    await self.look()
                await asyncio.sleep(_LOOK)
        finally:
            for each in off:
                each()
