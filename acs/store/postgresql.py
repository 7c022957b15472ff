"""The engine for many nodes: PostgreSQL through asyncpg, with group commit and NOTIFY."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import uuid4

import structlog
from sqlalchemy import Connection, event, exc, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from acs.errors import AcsError
from acs.store import signals
from acs.store.work import Work, run_batch, signalled_in

__all__ = ["PostgresBackend"]

_LANES = 4
_BATCH = 64
_QUEUE = 20_000
_CHANNEL = "acs"
_RETRIES = 5
# serialization_failure and deadlock_detected: the transaction may be tried again. unique_violation: two
# lanes found nothing and both inserted; the one that tries again finds what the other made.
_RETRY_STATES = ("40001", "40P01", "23505")
_GONE = ("08", "57P")  # the classes of a lost connection and of a server that shuts down
# Milliseconds. A node that vanished in the middle of a transaction must not keep a device locked for the
# hours TCP takes to notice, and a lock that does not come must not hold up a lane for ever.
_LIMITS = {
    "lock_timeout": "10000",
    "statement_timeout": "20000",
    "idle_in_transaction_session_timeout": "30000",
}
_SILENCE = 30.0  # seconds without a word of the server after which its connection is given up

_NOTIFY = text("SELECT pg_notify(:channel, :payload)")
_log = structlog.get_logger(__name__)


def _state(error: BaseException) -> str | None:
    """Return what the server said is wrong; None when it said nothing, for example since it is gone."""
    return getattr(getattr(error, "orig", None), "sqlstate", None)


def _retryable(error: BaseException) -> bool:
    return isinstance(error, exc.DBAPIError) and _state(error) in _RETRY_STATES


class _UnknownOutcomeError(AcsError):
    """The connection was lost while committing: done or not, doing it again could do it twice."""


def _not_closed(dbapi_connection: Any, _record: Any, _proxy: Any) -> None:
    """Have the pool replace a connection that the server has closed meanwhile."""
    if dbapi_connection.driver_connection.is_closed():
        raise exc.DisconnectionError("the server closed the connection")


class PostgresBackend:
    """A few lanes, each a task that runs what is queued, a batch a transaction."""

    dialect = "postgresql"

    def __init__(self, url: str) -> None:
        self._engine: AsyncEngine = create_async_engine(
            url,
            pool_size=2 * _LANES + 1,
            max_overflow=0,
            hide_parameters=True,
            connect_args={"server_settings": _LIMITS, "command_timeout": _SILENCE},
        )
        event.listen(self._engine.sync_engine, "checkout", _not_closed)
        self._queues: tuple[asyncio.Queue[Work], asyncio.Queue[Work]] = (
            asyncio.Queue(_QUEUE),
            asyncio.Queue(_QUEUE),
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._node = uuid4().hex
        self._publish: signals.Publish = lambda _signals: None
        self._closed = True

    async def start(self, publish: signals.Publish) -> None:
        """Start the lanes and listen to the other nodes."""
        self._publish, self._closed = publish, False
        for reading in (False, True):
            for _ in range(_LANES):
                self._tasks.append(asyncio.create_task(self._lane(self._queues[reading], reading=reading)))
        self._tasks.append(asyncio.create_task(self._listen()))

    def put(self, work: Work, *, reading: bool) -> None:
        """Queue a piece of work."""
        if self._closed:
            raise AcsError("the store is closed")
        try:
            self._queues[reading].put_nowait(work)
        except asyncio.QueueFull:
            raise AcsError(f"the store is overloaded: {_QUEUE} operations are waiting; try again") from None

    async def stop(self) -> None:
        """Finish what is queued and close the connections."""
        self._closed = True
        for each in self._queues:
            await each.join()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._engine.dispose()

    async def _lane(self, waiting: asyncio.Queue[Work], *, reading: bool) -> None:
        while True:
            batch = [await waiting.get()]
            while len(batch) < _BATCH and not waiting.empty():
                batch.append(waiting.get_nowait())
            try:
                await self._run(batch, notify=not reading)
            finally:
                for work in batch:
                    work.finish()
                    waiting.task_done()
            self._publish(signalled_in(batch))

    async def _run(self, batch: list[Work], *, notify: bool) -> None:
        """Run a batch. Whatever goes wrong is told to those who asked; the lane goes on."""
        if len(batch) > 1:
            try:
                await self._transaction(batch, notify=notify)
            except _UnknownOutcomeError as error:
                for work in batch:
                    work.error, work.signals = work.error or error, []
                return
            except Exception:  # noqa: BLE001 - each of them finds out alone
                for work in batch:
                    work.error, work.signals = None, []
            else:
                failed = [work for work in batch if work.error is not None and _retryable(work.error)]
                for work in failed:
                    await self._alone(work, notify=notify)
                return
        for work in batch:
            await self._alone(work, notify=notify)

    async def _alone(self, work: Work, *, notify: bool) -> None:
        for attempt in range(_RETRIES):
            try:
                await self._transaction([work], notify=notify)
            except BaseException as error:
                work.error, work.signals = error, []
                if isinstance(error, asyncio.CancelledError):
                    raise
                if not _retryable(error):
                    return
                await asyncio.sleep(0.01 * 2**attempt)
            else:
                return

    async def _transaction(self, batch: list[Work], *, notify: bool) -> None:
        async with self._connected() as conn:
            transaction = await conn.begin()
            try:
                await conn.run_sync(self._batch, batch, notify)
            except BaseException:
                await transaction.rollback()
                raise
            await self._commit(conn)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AsyncConnection]:
        """Connect. Raises ``AcsError``: an ``OSError`` would pass for one of the device's connection."""
        async with AsyncExitStack() as stack:
            try:
                conn = await stack.enter_async_context(self._engine.connect())
            except OSError as error:
                raise AcsError(f"the database can't be reached: {error}") from error
            yield conn

    async def _commit(self, conn: AsyncConnection) -> None:
        """Commit. What the server refuses is undone; of what it does not answer nobody can tell."""
        try:
            await conn.commit()
        except Exception as error:
            if (_state(error) or _GONE[0]).startswith(_GONE):
                raise _UnknownOutcomeError(
                    f"the database went away during a commit, whose outcome is unknown: {error}"
                ) from error
            raise

    def _batch(self, conn: Connection, batch: list[Work], notify: bool) -> None:
        signals.take(conn)
        run_batch(conn, batch)
        if notify:
            for topic, payload in signalled_in(batch):
                conn.execute(_NOTIFY, {"channel": _CHANNEL, "payload": f"{self._node} {topic} {payload}"})

    async def _listen(self) -> None:
        """Pass on what other nodes signal; reconnect until the store is closed."""

        def heard(_connection: Any, _pid: int, _channel: str, payload: str) -> None:
            node, topic, rest = [*payload.split(" ", 2), "", ""][:3]
            if node != self._node:
                self._publish([(topic, rest)])

        while not self._closed:  # a cancellation can get lost on a connection that dies
            try:
                async with self._engine.connect() as conn:
                    raw = await conn.get_raw_connection()
                    driver: Any = raw.driver_connection
                    await driver.add_listener(_CHANNEL, heard)
                    try:
                        while not driver.is_closed():  # noqa: ASYNC110 - asyncpg tells nobody
                            await asyncio.sleep(5)
                    finally:
                        if not driver.is_closed():
                            await driver.remove_listener(_CHANNEL, heard)
            except Exception as error:  # noqa: BLE001 - whatever the driver raises, it is tried again
                _log.warning("can't hear the other nodes; it is tried again", why=str(error))
            await asyncio.sleep(1)
