"""Keeping the store small: what ended longer ago than is to be remembered is deleted, bit by bit."""

from __future__ import annotations

import asyncio

import structlog
from sqlalchemy import Connection

from acs.alarms import prune_alarms
from acs.commands import prune_commands
from acs.remediation import prune_cases
from acs.store import Store

__all__ = ["Housekeeper"]

_BATCH = 200  # rows of each kind in one transaction: devices wait for the writer
_PAUSE = 600.0
_BREATH = 0.2
_log = structlog.get_logger(__name__)


def _prune(conn: Connection, before: float) -> int:
    """Delete one batch of each kind; return the number of rows."""
    return (
        prune_cases(conn, before=before, limit=_BATCH)
        + prune_commands(conn, before=before, limit=_BATCH)
        + prune_alarms(conn, before=before, limit=_BATCH)
    )


class Housekeeper:
    """Forgets what ended more than ``retention`` seconds ago. The audit is kept for ever."""

    def __init__(self, store: Store, retention: float) -> None:
        self._store, self._retention = store, retention

    async def tidy(self) -> int:
        """Delete all that is too old; return the number of rows."""
        before, total = self._store.clock() - self._retention, 0
        while count := await self._store.write(_prune, before):
            total += count
            await asyncio.sleep(_BREATH)
        return total

    async def run(self) -> None:
        """Tidy now and then, until cancelled."""
        while True:
            try:
                count = await self.tidy()
            except Exception:  # noqa: BLE001 - it is tried again
                _log.exception("tidying the store failed; it is tried again")
            else:
                if count:
                    _log.info("old records were deleted", rows=count)
            await asyncio.sleep(_PAUSE)
