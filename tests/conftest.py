"""Fixtures for all tests: a clock that stands still, and a store on each of the two engines."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from acs.lab import world
from acs.store import Store
from acs.store.migrate import migrate
from tests.postgresql import Server, start_or_skip


@dataclass
class Clock:
    """The time, in seconds since the epoch; it moves when ``now`` is set."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return the clock that the store of the same test is given."""
    return Clock()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """Start one server for all tests of this process."""
    server = start_or_skip()
    try:
        asyncio.run(server.prepare())
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database file with the schema, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    asyncio.run(migrate(f"sqlite:///{path}"))
    return path


@pytest.fixture
async def postgresql_url(postgresql_server: Server) -> AsyncIterator[str]:
    """Provide an empty PostgreSQL database with the schema; return its URL."""
    name = await postgresql_server.borrow()
    yield postgresql_server.url(name)
    await postgresql_server.give_back(name)


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """Create a SQLite file with the schema; return its URL."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'acs.db')}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Return the URL of a database with the schema, on each of the two engines."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
async def store(database_url: str, clock: Clock) -> AsyncIterator[Store]:
    """Open a store whose time is ``clock``."""
    opened = await Store.open(database_url, clock=clock)
    yield opened
    await opened.close()


@pytest.fixture
def told_on_postgresql(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[], None]], Awaitable[None]]:
    """Return what runs a test of the one world that it makes, with PostgreSQL under it instead of SQLite."""

    async def tell(story: Callable[[], None]) -> None:
        engine = create_async_engine(postgresql_url, poolclass=NullPool)

        def run(conn: Connection) -> None:
            monkeypatch.setattr(world, "open_database", lambda: conn)
            monkeypatch.setattr(world, "_close", lambda _conn: None)
            story()

        try:
            async with engine.connect() as conn:
                await conn.run_sync(run)
        finally:
            await engine.dispose()

    return tell
