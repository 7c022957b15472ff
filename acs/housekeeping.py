"""Keeping order in the store: what is overdue is given up, what ended long ago is deleted, bit by bit."""

from __future__ import annotations

import asyncio
from functools import partial

import structlog
from sqlalchemy import Connection

from acs.alarms import prune_alarms, prune_silences
from acs.bulkdata import profile_commands_settled, prune_bulk
from acs.commands import expire_overdue, prune_commands
from acs.distress import prune_triggers
from acs.files import UploadKeeper
from acs.loops import tried_again
from acs.measures import prune_measures
from acs.northbound import forget_tokens
from acs.remediation import prune_cases
from acs.remediation.safety.groups import prune_groups
from acs.store import Store
from acs.subscriptions import prune_dead
from acs.traces import prune_traces

__all__ = ["Housekeeper"]

_BATCH = 200  # rows of each kind in one transaction: devices wait for the writer
_PAUSE = 60.0
_BREATH = 0.2
_log = structlog.get_logger(__name__)


def _tidy(
    conn: Connection, now: float, before: float, bulk_before: float, *, trace_before: float, trace_quota: int
) -> int:
    """Give up what is overdue and delete one batch of each kind; return the number of rows."""
    given_up = expire_overdue(conn, now=now, limit=_BATCH)
    profile_commands_settled(conn, given_up, now=now)
    return (
        len(given_up)
        + prune_cases(conn, before=before, limit=_BATCH)
        + prune_groups(conn, before=before, limit=_BATCH)
        + prune_commands(conn, before=before, limit=_BATCH)
        + prune_triggers(conn, before=before, limit=_BATCH)
        + prune_alarms(conn, before=before, limit=_BATCH)
        + prune_silences(conn, before=before, limit=_BATCH)
        + prune_bulk(conn, before=bulk_before, limit=_BATCH)
        + prune_traces(conn, before=trace_before, quota=trace_quota, limit=_BATCH)
        + prune_measures(conn, before=before, limit=_BATCH)
        + prune_dead(conn, before=before, limit=_BATCH)
        + forget_tokens(conn, before=before, limit=_BATCH)
    )


class Housekeeper:
    """Forgets what ended more than ``retention`` seconds ago. The audit is kept for ever.

    ``bulk_retention`` and ``trace_retention`` are those of bulk data and of traces, in seconds too; None: the
    same. ``trace_quota``: bytes of all traces together.
    ``uploads`` are kept as their keeper says.
    """

    def __init__(
        self,
        store: Store,
        retention: float,
        bulk_retention: float | None = None,
        *,
        uploads: UploadKeeper | None = None,
        trace_retention: float | None = None,
        trace_quota: int = 256 * 1024 * 1024,
    ) -> None:
        self._store, self._retention = store, retention
        self._uploads = uploads
        self._trace_retention = retention if trace_retention is None else trace_retention
        self._trace_quota = trace_quota
        self._bulk_retention = retention if bulk_retention is None else bulk_retention

    async def tidy(self) -> int:
        """Deal with all that is overdue or too old; return the number of rows."""
        now, total = self._store.clock(), 0
        before = now - self._retention, now - self._bulk_retention
        tidy = partial(_tidy, trace_before=now - self._trace_retention, trace_quota=self._trace_quota)
        while count := await self._store.write(tidy, now, *before):
            total += count
            await asyncio.sleep(_BREATH)
        return total + (await self._uploads.tidy() if self._uploads is not None else 0)

    async def run(self) -> None:
        """Tidy now and then, until cancelled."""
        while True:
            with tried_again(_log, "tidying the store failed"):
                if count := await self.tidy():
                    _log.info("overdue commands were given up, old records deleted", rows=count)
            await asyncio.sleep(_PAUSE)
