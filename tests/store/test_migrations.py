"""Migrations: a new database, an old one, one that can't be reached."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, select, text

from acs import devices as dev
from acs.errors import AcsError
from acs.store import Store
from acs.store.migrate import migrate
from acs.store.tables import audit, metadata
from tests.postgresql import Server


def differences(conn: Connection) -> list[object]:
    context = MigrationContext.configure(
        conn, opts={"compare_type": True, "compare_server_default": conn.dialect.name != "sqlite"}
    )
    return list(compare_metadata(context, metadata))


def indexes(conn: Connection) -> set[str]:
    found = inspect(conn)
    return {str(each["name"]) for table in found.get_table_names() for each in found.get_indexes(table)}


async def test_migrations_make_exactly_the_tables(store: Store) -> None:
    assert await store.read(differences) == []
    wanted = {str(index.name) for table in metadata.tables.values() for index in table.indexes}
    assert await store.read(indexes) >= wanted


async def test_partial_indexes_are_partial(store: Store) -> None:
    query = {
        "sqlite": "SELECT sql FROM sqlite_master WHERE name = :name",
        "postgresql": "SELECT indexdef FROM pg_indexes WHERE indexname = :name",
    }[store.dialect]
    for name in ("ix_commands_open", "uq_cases_one_active_per_device", "ix_cases_wake_at"):
        made = await store.read(lambda conn, n=name: conn.execute(text(query), {"name": n}).scalar())
        assert "WHERE" in made
        assert "state" in made


async def test_migrating_again_changes_nothing(store: Store, database_url: str) -> None:
    await store.write(dev.audit, "op", "noted", "a thing", now=store.clock())
    await migrate(database_url)
    assert await store.read(differences) == []
    assert await store.read(lambda conn: conn.execute(select(audit.c.target)).scalars().all()) == ["a thing"]


async def test_two_nodes_may_migrate_an_empty_postgresql_at_once(postgresql_server: Server) -> None:
    name = await postgresql_server.create(empty=True)
    url = postgresql_server.url(name)
    stores = await asyncio.gather(Store.open(url), Store.open(url), Store.open(url))
    assert await stores[0].read(differences) == []
    for each in stores:
        await each.close()
    await postgresql_server.drop(name)


async def test_a_new_sqlite_file_is_made_with_write_ahead_log(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path / 'new.db'}")
    assert await store.read(lambda conn: conn.exec_driver_sql("PRAGMA journal_mode").scalar()) == "wal"
    assert await store.read(lambda conn: conn.exec_driver_sql("PRAGMA synchronous").scalar()) == 2
    assert await store.read(lambda conn: conn.exec_driver_sql("PRAGMA foreign_keys").scalar()) == 1
    await store.close()


async def test_a_database_of_another_kind_is_refused_with_a_remedy() -> None:
    with pytest.raises(AcsError, match=r"mysql://… is of no known kind; use sqlite"):
        await Store.open("mysql://user:secret@host/name")


async def test_a_sqlite_file_in_no_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AcsError, match=r"can't open the database (sqlite|postgresql)"):
        await Store.open(f"sqlite:///{tmp_path / 'missing' / 'acs.db'}")


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "acs.db"
    path.write_text("no database at all, " * 100)
    with pytest.raises(AcsError, match=r"can't open the database (sqlite|postgresql)"):
        await Store.open(f"sqlite:///{path}")


async def test_a_postgresql_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AcsError, match=r"can't open the database (sqlite|postgresql)"):
        await Store.open(f"postgresql+asyncpg://acs@/acs?host={tmp_path}")


async def test_a_postgresql_database_that_is_not_there_is_refused(postgresql_server: Server) -> None:
    with pytest.raises(AcsError, match=r"can't open the database postgresql.*: .*does not exist"):
        await Store.open(postgresql_server.url("missing"))


async def test_a_database_of_a_newer_version_is_refused_with_a_sentence(sqlite_url: str) -> None:
    store = await Store.open(sqlite_url)
    await store.write(lambda conn: conn.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    await store.close()
    with pytest.raises(AcsError, match="newer version of femto-acs"):
        await Store.open(sqlite_url)
