"""The door to the database: ``write`` and ``read`` run plain functions of a connection."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from acs.errors import AcsError
from acs.store.migrate import migrate
from acs.store.signals import Callback, Registry
from acs.store.sqlite import SqliteBackend
from acs.store.work import Backend, Work

__all__ = ["Store"]

P = ParamSpec("P")
T = TypeVar("T")
_TIMEOUT = 30.0


class Store:
    """An open database.

    ``write`` returns after the commit: whoever answers a device afterwards keeps the promise
    that acknowledged means durable.
    """

    def __init__(self, backend: Backend, clock: Callable[[], float]) -> None:
        self._backend = backend
        self._registry = Registry()
        self.clock = clock
        self.dialect = backend.dialect

    @classmethod
    async def open(cls, url: str, *, clock: Callable[[], float] = time.time) -> Store:
        """Open ``url`` (``sqlite:////path/acs.db`` or ``postgresql+asyncpg://…``) and migrate it.

        Raises ``AcsError`` when the database can't be reached or is of another kind.
        """
        await migrate(url)
        backend: Backend
        if url.startswith("sqlite"):
            backend = SqliteBackend(url)
        elif url.startswith("postgresql+asyncpg"):
            from acs.store.postgresql import PostgresBackend

            backend = PostgresBackend(url)
        else:
            raise AcsError(
                f"the database URL {url.partition('://')[0]}://… is of no known kind;"
                " use sqlite:///FILE or postgresql+asyncpg://USER@HOST/NAME"
            )
        store = cls(backend, clock)
        await backend.start(store._registry.publish)
        return store

    async def write(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``function(connection, …)`` in a transaction; return its result after the commit.

        Whatever the function raises undoes its own writes and is raised here. ``TimeoutError``
        after 30 s of waiting: the outcome is then unknown.
        """
        return await self._run(function, args, kwargs, reading=False)

    async def read(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``function(connection, …)`` in a transaction that only reads."""
        return await self._run(function, args, kwargs, reading=True)

    def on(self, topic: str, callback: Callback) -> Callable[[], None]:
        """Call ``callback(payload)`` in the event loop after each commit that signalled ``topic``."""
        return self._registry.on(topic, callback)

    async def close(self) -> None:
        """Finish what is queued, then close."""
        await self._backend.stop()

    async def _run(
        self, function: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any], *, reading: bool
    ) -> T:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._backend.put(Work(function, args, kwargs, future), reading=reading)
        async with asyncio.timeout(_TIMEOUT):
            return await future
