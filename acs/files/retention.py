"""Forgetting uploads: content first, then the row, so that nothing is left that nobody knows of.

What is left nevertheless, when a process dies in between, is swept once a day.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from acs.files.orphans import ABANDONED, sweep_orphans
from acs.files.storage import Storage
from acs.files.uploads import break_overdue, forget_uploads, old_uploads
from acs.store import Store

__all__ = ["UploadKeeper"]

_BATCH = 100
_log = structlog.get_logger(__name__)


class UploadKeeper:
    """Deletes uploads that came more than ``retention`` seconds ago.

    ``longest``: seconds after which an upload that is still being received can't be any more. ``wall``: the
    clock by which the storage writes down when it was written to.
    """

    def __init__(
        self,
        store: Store,
        storage: Storage,
        *,
        retention: float,
        longest: float,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._storage = store, storage
        self._retention, self._longest = retention, longest
        self._wall, self._swept_at = wall, 0.0

    async def tidy(self) -> int:
        """Deal with all that is overdue, too old, or of nobody; return how many."""
        gone, now = await self._forget(self._store.clock()), self._wall()
        if now - self._swept_at >= ABANDONED:
            try:
                gone += await sweep_orphans(self._store, self._storage, now=now)
            except OSError as error:
                _log.error("the file storage can't be swept; it is tried again", why=str(error))
            else:
                self._swept_at = now
        return gone

    async def _forget(self, now: float) -> int:
        total = await self._store.write(break_overdue, before=now - 2 * self._longest, now=now, limit=_BATCH)
        while True:
            old = await self._store.read(old_uploads, before=now - self._retention, limit=_BATCH)
            gone = []
            for each in old:
                try:
                    for key in each.storage_keys:
                        await self._storage.delete(key)
                except OSError as error:
                    _log.error("an old upload can't be deleted; it is tried again", why=str(error))
                else:
                    gone.append(each.id)
            total += await self._store.write(forget_uploads, gone) if gone else 0
            if len(gone) < _BATCH:
                return total
