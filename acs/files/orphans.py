"""Content that no row knows of: what a process left behind that died between storing it and its row.

It is deleted once it has lain there for a day, since whoever stores something writes its row soon after.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import structlog
from sqlalchemy import Connection, select

from acs.files.storage import DiskStorage, Kept, Storage
from acs.store import Store
from acs.store.tables import files, uploads

__all__ = ["ABANDONED", "sweep_orphans"]

ABANDONED = 86400.0
"""Seconds for which nothing that is found is touched."""
_BATCH = 200
_log = structlog.get_logger(__name__)


async def sweep_orphans(store: Store, storage: Storage, *, now: float) -> int:
    """Delete what lies in the storage, for a day or longer, and belongs to nothing; return how many.

    Raises ``OSError`` where the storage can't be read.
    """
    if isinstance(storage, DiskStorage):
        await storage.sweep()
    gone = 0
    for room, known in (("files", _catalogued), ("uploads", _of_uploads)):
        async for batch in _batches(storage.kept(room), before=now - ABANDONED):
            belonging = await store.read(known, [each.key for each in batch])
            for each in batch:
                if each.key not in belonging:
                    await storage.delete(each.key)
                    gone += 1
                    _log.warning("a content that belonged to nothing was deleted", key=each.key)
    return gone


async def _batches(found: AsyncIterator[Kept], *, before: float) -> AsyncIterator[list[Kept]]:
    batch: list[Kept] = []
    async for each in found:
        if each.written_at < before:
            batch.append(each)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _catalogued(conn: Connection, keys: Sequence[str]) -> set[str]:
    """Return those that are the content of a file of the catalogue."""
    digests = [key.removeprefix("files/") for key in keys]
    found = conn.execute(select(files.c.sha256).where(files.c.sha256.in_(digests))).scalars()
    return {f"files/{digest}" for digest in found}


def _of_uploads(conn: Connection, keys: Sequence[str]) -> set[str]:
    """Return those that an upload has, or that retention deletes with it."""
    numbers = {key: key.rpartition("/")[2].partition("-")[0] for key in keys}
    wanted = {int(number) for number in numbers.values() if number.isdecimal() and len(number) < 19}
    there = set(conn.execute(select(uploads.c.id).where(uploads.c.id.in_(wanted))).scalars())
    return {key for key, number in numbers.items() if number.isdecimal() and int(number) in there}
