"""The clock of remediation: cases whose wait is over are advanced. Everything else happens in-line."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from sqlalchemy import Connection

from acs.remediation.advance import advance, begin_put_off, due_cases, postpone
from acs.remediation.environment import Environment
from acs.remediation.put_off import put_back, put_off_cases
from acs.remediation.reactions import begin_runs
from acs.remediation.safety.slots import TOPIC, give_out, in_line
from acs.remediation.scripts import due_runs
from acs.store import Store

__all__ = ["Engine"]

_log = logging.getLogger(__name__)
_PAUSE = 0.5  # seconds between two looks
_BATCH = 64
_RETRY = 30.0  # seconds until a case is tried again that could not be advanced
_SAFETY = 5.0  # seconds after which the line is looked at, even where nobody told that a slot is free


class Engine:
    """Advances overdue cases of any device; several nodes may run one each on the same store.

    ``room`` tells how many sessions could begin now: so many of the cases that were put off are begun.
    """

    def __init__(self, store: Store, env: Environment, room: Callable[[], int] = lambda: _BATCH) -> None:
        self._store, self.env, self._room = store, env, room
        self._line, self._looked_at = asyncio.Event(), float("-inf")
        store.on(TOPIC, lambda _: self._line.set())

    async def tick(self) -> int:
        """Advance what is due; return how many cases that were."""
        now = self._store.clock()
        await self._give_out(now)
        found = await self._store.read(due_cases, now=now, limit=_BATCH)
        await asyncio.gather(*(self._advance(case_id) for case_id in found))
        await self._begin_put_off()
        free = await self._store.read(due_runs, limit=_BATCH)
        await asyncio.gather(*(self._begin(device_id) for device_id in free))
        return len(found)

    async def _begin_put_off(self) -> None:
        """Begin cases that were put off, as many as there is room for, and one in any case."""
        found = await self._store.read(put_off_cases, limit=min(max(self._room(), 1), _BATCH))
        await asyncio.gather(*(self._begin_case(case_id) for case_id in found))

    async def _begin_case(self, case_id: int) -> None:
        """Begin one case; where that fails it goes to the end of the line, as above."""
        try:
            await self._store.write(self._begin_case_now, case_id)
        except Exception:  # noqa: BLE001 - as below
            _log.exception("a case can't be begun; it is tried again", extra={"case_id": case_id})
            await self._store.write(put_back, case_id, now=self._store.clock())

    def _begin_case_now(self, conn: Connection, case_id: int) -> None:
        begin_put_off(conn, case_id, env=self.env, now=self._store.clock())

    async def _give_out(self, now: float) -> None:
        """Give free slots to cases that wait for one, when one was freed and now and then."""
        if not self._line.is_set() and now < self._looked_at + _SAFETY:
            return
        self._line.clear()
        self._looked_at = now
        if await self._store.read(in_line):
            await self._store.write(self._give_out_now)

    def _give_out_now(self, conn: Connection) -> None:
        rules, system_dn = self.env.policy.safety, self.env.system_dn
        if give_out(conn, rules=rules, system_dn=system_dn, now=self._store.clock()) is None:
            self._looked_at = float("-inf")  # somebody else is at it and may not have seen all

    async def _begin(self, device_id: int) -> None:
        """Begin what was asked of a device that has become free."""
        try:
            await self._store.write(self._begin_now, device_id)
        except Exception:  # noqa: BLE001 - as below
            _log.exception("a run can't be begun; it is tried again", extra={"device_id": device_id})

    def _begin_now(self, conn: Connection, device_id: int) -> None:
        begin_runs(conn, device_id, env=self.env, now=self._store.clock())

    async def _advance(self, case_id: int) -> None:
        """Advance one case; where that fails it goes to the end of the line and keeps no other waiting."""
        try:
            await self._store.write(self._advance_now, case_id)
        except Exception:  # noqa: BLE001 - whatever it is, the other cases must go on
            _log.exception("a case can't be advanced; it is tried again", extra={"case_id": case_id})
            await self._store.write(postpone, case_id, until=self._store.clock() + _RETRY)

    def _advance_now(self, conn: Connection, case_id: int) -> None:
        advance(conn, case_id, env=self.env, now=self._store.clock())

    async def run(self) -> None:
        """Tick until cancelled. What fails is logged and tried again."""
        while True:
            try:
                count = await self.tick()
            except Exception:  # noqa: BLE001 - the clock must not stop
                _log.exception("advancing overdue cases failed; it is tried again")
                count = 0
            if count < _BATCH:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._line.wait(), _PAUSE)
