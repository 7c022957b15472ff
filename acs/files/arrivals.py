"""What is done with an upload once it is here: handlers, each called until it has succeeded or given up.

This is the hook for whatever makes something of the files of devices (PM files into metrics, logs into
evidence). A handler is an ``async def`` of an ``Arrival``:

    async def count_pm(arrival: Arrival) -> None:
        async with arrival.content() as path:   # a local file, to be read only
            ...                                 # arrival.upload: device, kind, CommandKey, size, SHA-256

    arrivals.on(PM_FILE, count_pm)

It runs after the upload was acknowledged and does not hold the device up. That it is to run is a fact in the
store: an ACS that dies in between calls it after the next start. So a handler may be called again for the
same ``upload.id``, and its own writes should be keyed by that. Where it fails it is called again, three times
in all, unless it raises ``UnusableError``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import structlog
from sqlalchemy import ColumnElement, Connection, and_, select, update

from acs.errors import AcsError
from acs.files.storage import Storage
from acs.files.uploads import ARRIVED, Upload, find_upload
from acs.loops import tried_again, until_set
from acs.store import Store
from acs.store.tables import uploads

__all__ = ["Arrival", "Arrivals", "Handler", "UnusableError"]

_TIMEOUT = 600.0  # seconds a handler may take
_CLAIM = 2 * _TIMEOUT  # after which another node may take it over; so only what is begun at once is claimed
_PAUSE = 60.0
_TRIES = 3
_REMEMBERED = 500
_SHARE = 0.05  # of the time, that the files of one device may take: a few kilobytes unfold to seconds of work
_SHORT = 0.2  # seconds of which no account is kept
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Arrival:
    """An upload that is stored, and the way to its content."""

    upload: Upload
    storage: Storage

    def content(self) -> AbstractAsyncContextManager[Path]:
        """Make the content available as a local file for reading; it is the device's, thus hostile."""
        return self.storage.local(self.upload.storage_key)


Handler = Callable[[Arrival], Awaitable[None]]


def _due(conn: Connection, now: float, beside: list[int], served: list[int]) -> Upload | None:
    """Take the next that is to be handled, not of a device ``served``; it is this node's for a while then.

    One alone: what waited behind another would lose its claim before its turn, and count an attempt when the
    other made the ACS fail.
    """
    query = (
        select(uploads.c.id)
        .where(uploads.c.handle_at <= now, uploads.c.id.not_in(beside))
        .where(uploads.c.device_id.not_in(served))
        .order_by(uploads.c.handle_at, uploads.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    found: int | None = conn.execute(query).scalar()
    if found is None:
        return None
    taken = {"handle_at": now + _CLAIM, "handler_attempts": uploads.c.handler_attempts + 1}
    conn.execute(update(uploads).where(uploads.c.id == found).values(**taken))
    return find_upload(conn, found)


def _settle(conn: Connection, upload: Upload, at: float | None, again: float | None, reason: str) -> None:
    facts = {"handled_at": at, "handle_at": again, "reason": reason}
    conn.execute(update(uploads).where(_is(upload)).values(**facts))


def _not_here(conn: Connection, upload: Upload, now: float) -> None:
    less = {"handle_at": now, "handler_attempts": uploads.c.handler_attempts - 1}
    conn.execute(update(uploads).where(_is(upload)).values(**less))


def _is(upload: Upload) -> ColumnElement[bool]:
    """Tell the row of this content: that of an empty body may have got another one meanwhile."""
    return and_(uploads.c.id == upload.id, uploads.c.attempt == upload.attempt)


class UnusableError(AcsError):
    """Raised by a handler where it is the content that is wrong: it is not called for it again."""


class Arrivals:
    """Calls the handlers of uploads."""

    def __init__(self, store: Store, storage: Storage) -> None:
        self._store, self._storage = store, storage
        self._handlers: dict[str, list[Handler]] = {}
        self._wake = asyncio.Event()
        self._elsewhere: dict[int, None] = {}  # on the disk of another node
        self._served: dict[int, None] = {}  # devices that had their turn in this round
        self._resting: dict[int, float] = {}  # until when, those whose files took long

    def on(self, kind: str, handler: Handler) -> None:
        """Have ``handler`` called for each upload of ``kind``; before ``run``."""
        self._handlers.setdefault(kind, []).append(handler)

    async def run(self) -> None:
        """Handle what has arrived and what arrives, until cancelled."""
        off = self._store.on(ARRIVED, lambda _: self._wake.set())
        try:
            while True:
                self._wake.clear()
                with tried_again(_log, "handling uploads failed"):
                    while await self.handle_next():
                        pass
                await until_set(self._wake, _PAUSE)
        finally:
            off()

    async def handle_next(self) -> bool:
        """Call the handlers of the upload that is due first; return whether there was one.

        Devices take turns, so that one that sends many makes the others wait for one of them alone; one whose
        files take long has to wait in proportion.
        """
        begun = self._store.clock()
        self._resting = {each: until for each, until in self._resting.items() if until > begun}
        upload = await self._due()
        if upload is None and self._served:
            self._served.clear()
            upload = await self._due()
        if upload is None:
            return False
        self._served[upload.device_id] = None
        while len(self._served) > _REMEMBERED:
            del self._served[next(iter(self._served))]
        await self._handle(upload)
        ended = self._store.clock()
        took = min(ended - begun, _TIMEOUT)
        if took > _SHORT:
            self._resting[upload.device_id] = ended + took * (1 / _SHARE - 1)
            while len(self._resting) > _REMEMBERED:
                del self._resting[min(self._resting, key=self._resting.__getitem__)]
        return True

    async def _due(self) -> Upload | None:
        beside, served = list(self._elsewhere), list(self._served | self._resting)
        found: Upload | None = await self._store.write(_due, self._store.clock(), beside, served)
        return found

    async def _handle(self, upload: Upload) -> None:
        now = self._store.clock()
        handlers = self._handlers.get(upload.kind, ())
        if handlers and upload.handler_attempts > _TRIES:
            # None of them came to an end: the ACS did. A file that does that to it is not touched again.
            reason = f"given up: {_TRIES} attempts to handle it were never finished"
            _log.error("an upload is not handled", upload=upload.id, kind=upload.kind, why=reason)
            await self._store.write(_settle, upload, None, None, reason)
            return
        if handlers and not await self._here(upload):
            await self._store.write(_not_here, upload, now)
            return
        try:
            async with asyncio.timeout(_TIMEOUT):
                for handler in handlers:
                    await handler(Arrival(upload, self._storage))
        except Exception as error:  # noqa: BLE001 - what a device sent may break any parser, in any way
            expected = isinstance(error, AcsError)
            last = isinstance(error, UnusableError) or upload.handler_attempts >= _TRIES
            again = None if last else now + 60 * upload.handler_attempts
            reason = str(error) if expected else f"{type(error).__name__}: {error}"
            _log.warning(
                "an upload can't be handled",
                upload=upload.id,
                kind=upload.kind,
                why=reason,
                exc_info=not expected,
            )
            await self._store.write(_settle, upload, None, again, reason[:300])
        else:
            await self._store.write(_settle, upload, now if handlers else None, None, "")

    async def _here(self, upload: Upload) -> bool:
        """Tell whether the content is within reach; where it is another node's, leave it to that one."""
        try:
            await self._storage.stat(upload.storage_key)
        except FileNotFoundError:
            self._elsewhere[upload.id] = None
            while len(self._elsewhere) > _REMEMBERED:
                del self._elsewhere[next(iter(self._elsewhere))]
            return False
        return True
