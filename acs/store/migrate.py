"""Bring a database to the schema of this version (Alembic)."""

from __future__ import annotations

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, exc, make_url

from acs.errors import AcsError

__all__ = ["config", "migrate"]

_MIGRATIONS = Path(__file__).parent / "migrations"


def config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration; ``connection`` is what the migrations run on."""
    settings = Config()
    settings.set_main_option("script_location", str(_MIGRATIONS))
    settings.attributes["connection"] = connection
    return settings


def _upgrade(conn: Connection) -> None:
    command.upgrade(config(conn), "head")


async def migrate(url: str) -> None:
    """Upgrade the database at ``url`` to the newest revision; two nodes may do it at once.

    Raises ``AcsError`` when it can't be reached, or is of a newer version.
    """
    try:
        if url.startswith("sqlite"):
            await asyncio.to_thread(_migrate_sqlite, url)
        elif url.startswith("postgresql+asyncpg"):
            await _migrate_postgresql(url)
    except (exc.DBAPIError, OSError) as error:
        named = make_url(url).render_as_string(hide_password=True)
        raise AcsError(f"can't open the database {named}: {getattr(error, 'orig', None) or error}") from error
    except CommandError as error:
        raise AcsError(f"the database was made by a newer version of femto-acs: {error}") from error


def _migrate_sqlite(url: str) -> None:
    from acs.store.sqlite import open_engine

    engine = open_engine(url)
    try:
        with engine.begin() as conn:
            _upgrade(conn)
    finally:
        engine.dispose()


async def _migrate_postgresql(url: str) -> None:
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(url)
    try:
        async with engine.begin() as conn:
            await conn.execute(text("SELECT pg_advisory_xact_lock(7202069)"))
            await conn.run_sync(_upgrade)
    finally:
        await engine.dispose()
