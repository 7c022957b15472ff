"""Keeping order in the store: what is overdue is given up, what ended long ago is deleted, bit by bit."""

from __future__ import annotations

import asyncio

import structlog
from sqlalchemy import Connection

from acs.alarms import prune_alarms
from acs.bulkdata import prune_bulk
from acs.commands import expire_overdue, prune_commands
from acs.files import UploadKeeper
from acs.remediation import prune_cases
from acs.store import Store

__all__ = ["Housekeeper"]

_BATCH = 200  # rows of each kind in one transaction: devices wait for the writer
_PAUSE = 60.0
_BREATH = 0.2
_log = structlog.get_logger(__name__)


def _tidy(conn: Connection, now: float, before: float, bulk_before: float) -> int:
    """Give up what is overdue and delete one batch of each kind; return the number of rows."""
    return (
        expire_overdue(conn, now=now, limit=_BATCH)
        + prune_cases(conn, before=before, limit=_BATCH)
        + prune_commands(conn, before=before, limit=_BATCH)
        + prune_alarms(conn, before=before, limit=_BATCH)
        + prune_bulk(conn, before=bulk_before, limit=_BATCH)
    )


class Housekeeper:
    """Forgets what ended more than ``retention`` seconds ago. The audit is kept for ever.

    ``bulk_retention`` is that of bulk data, in seconds too; None: the same. ``uploads`` are kept as their
    keeper says.
    """

    def __init__(
        self,
        store: Store,
        retention: float,
        bulk_retention: float | None = None,
        *,
        uploads: UploadKeeper | None = None,
    ) -> None:
        self._store, self._retention = store, retention
        self._uploads = uploads
        self._bulk_retention = retention if bulk_retention is None else bulk_retention

    async def tidy(self) -> int:
        """Deal with all that is overdue or too old; return the number of rows."""
        now, total = self._store.clock(), 0
        while count := await self._store.write(_tidy, now, now - self._retention, now - self._bulk_retention):
            total += count
            await asyncio.sleep(_BREATH)
        return total + (await self._uploads.tidy() if self._uploads is not None else 0)

    async def run(self) -> None:
        """Tidy now and then, until cancelled."""
        while True:
            try:
                count = await self.tidy()
            except Exception:  # noqa: BLE001 - it is tried again
                _log.exception("tidying the store failed; it is tried again")
            else:
                if count:
                    _log.info("overdue commands were given up, old records deleted", rows=count)
            await asyncio.sleep(_PAUSE)
