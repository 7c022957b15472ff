"""The embedded engine: SQLite with one writing thread and group commit.

Everything that waits goes into one transaction, so the cost of making it durable
(WAL, ``synchronous=FULL``) is shared by all who wait. Nothing lingers for company.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, pool
from sqlalchemy.exc import OperationalError

from acs.errors import AcsError
from acs.store.signals import Publish
from acs.store.work import Work, run_batch, signalled_in

__all__ = ["SqliteBackend", "open_engine"]

_BATCH = 256
_QUEUE = 20_000
_STATEMENTS = 1000  # that stay prepared on a connection: more than there are


def open_engine(url: str) -> Engine:
    """Return an engine whose transactions are ``BEGIN IMMEDIATE`` unless marked as reading."""
    engine = create_engine(
        url,
        poolclass=pool.NullPool,
        hide_parameters=True,
        connect_args={"check_same_thread": False, "cached_statements": _STATEMENTS},
    )

    @event.listens_for(engine, "connect")
    def _connect(dbapi_connection: Any, _record: Any) -> None:
        dbapi_connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=10000",
            "cache_size=-65536",
        ):
            dbapi_connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(conn: Connection) -> None:
        mode = "DEFERRED" if conn.get_execution_options().get("reading") else "IMMEDIATE"
        conn.exec_driver_sql(f"BEGIN {mode}")

    return engine


def _explained(error: OperationalError) -> Exception:
    """Say of a full disk what it is, as an error that those who asked expect: devices come again later."""
    seen: BaseException | None = (
        error  # a full disk undoes the transaction, then there is no savepoint any more
    )
    while seen is not None and getattr(seen, "sqlite_errorname", "") != "SQLITE_FULL":
        seen = seen.__context__
    if seen is None:
        return error
    made = AcsError("the database can't be written: the disk is full; make room on it, see disk_reserve")
    made.__cause__ = error
    return made


class _Lane:
    """A thread with one connection that runs what is queued, a batch a transaction."""

    def __init__(self, name: str, engine: Engine, loop: asyncio.AbstractEventLoop, *, reading: bool) -> None:
        self._engine, self._loop, self._reading = engine, loop, reading
        self._queue: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._waiting = 0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._publish: Publish = lambda _signals: None

    def start(self, publish: Publish) -> None:
        self._publish = publish
        self._thread.start()

    def put(self, work: Work) -> None:
        if self._waiting >= _QUEUE:
            raise AcsError(f"the store is overloaded: {_QUEUE} operations are waiting; try again later")
        self._waiting += 1
        self._queue.put(work)

    def stop(self) -> None:
        self._queue.put(None)
        self._thread.join()

    def _gather(self, first: Work) -> tuple[list[Work], bool]:
        batch, open_ = [first], True
        while len(batch) < _BATCH:
            try:
                work = self._queue.get_nowait()
            except queue.Empty:
                break
            if work is None:
                open_ = False
                break
            batch.append(work)
        return batch, open_

    def _run(self) -> None:
        with self._engine.connect().execution_options(reading=self._reading) as conn:
            open_ = True
            while open_:
                first = self._queue.get()
                if first is None:
                    return
                batch, open_ = self._gather(first)
                try:
                    with conn.begin():
                        run_batch(conn, batch)
                except BaseException as error:  # noqa: BLE001 - it is handed to the callers who asked
                    conn.info.clear()
                    for work in batch:
                        work.error, work.signals = work.error or error, []
                self._loop.call_soon_threadsafe(self._finish, batch)

    def _finish(self, batch: list[Work]) -> None:
        self._waiting -= len(batch)
        for work in batch:
            if isinstance(work.error, OperationalError):
                work.error = _explained(work.error)
            work.finish()
        self._publish(signalled_in(batch))


class SqliteBackend:
    """One lane for writing, one for reading: WAL lets them run side by side."""

    dialect = "sqlite"

    def __init__(self, url: str) -> None:
        self._engine = open_engine(url)
        self._lanes: tuple[_Lane, _Lane] | None = None

    async def start(self, publish: Publish) -> None:
        """Start the two threads."""
        loop = asyncio.get_running_loop()
        writer = _Lane("store-writer", self._engine, loop, reading=False)
        reader = _Lane("store-reader", self._engine, loop, reading=True)
        for lane in (writer, reader):
            lane.start(publish)
        self._lanes = (writer, reader)

    def put(self, work: Work, *, reading: bool) -> None:
        """Queue a piece of work."""
        if self._lanes is None:
            raise AcsError("the store is closed")
        self._lanes[1 if reading else 0].put(work)

    async def stop(self) -> None:
        """Finish what is queued and close the file."""
        if self._lanes is not None:
            lanes, self._lanes = self._lanes, None
            for lane in lanes:
                await asyncio.to_thread(lane.stop)
        self._engine.dispose()
