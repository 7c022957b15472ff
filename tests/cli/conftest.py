"""The command line in this process, and a data directory in which something has happened."""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import sqlite3
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
import typer
from alembic.script import ScriptDirectory

from acs import devices as dev
from acs.cli import app, main
from acs.cli.output import console
from acs.security import Secrets
from acs.store.migrate import config
from tests.world import World


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)

    @property
    def text(self) -> str:
        """What was printed, without the breaks of lines."""
        return " ".join((self.out + self.err).split())


@pytest.fixture(scope="session")
def built():
    """Return the commands as they are put together once: that takes longer than most tests of one."""
    return typer.main.get_command(app)


@pytest.fixture
def acs(built, monkeypatch, capsys, tmp_path):
    """Call ``acs`` with arguments as its users do."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("acs.cli.app", built)
    monkeypatch.setenv("COLUMNS", "300")
    for name in ("ACS_DATA", "ACS_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(console, "width", 300)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def call(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["acs", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return Result(ended.value.code or 0, out, err)

    yield call
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def filled(tmp_path_factory) -> Path:
    """One device that was remediated (case 2) and is blocked now (case 3), and one that never came."""
    world = World()
    world.boot()
    world.tamper("configuration-modified")
    world.tamper("circuit-modified")
    with world.conn.begin():
        dev.register(world.conn, "0005B9", "never", product_class="[red]\x1b[31m\n[/]", now=world.now)
    return kept(world, tmp_path_factory.mktemp("filled") / "acs-data")


def kept(world: World, data: Path) -> Path:
    """Write the store of a world into a data directory, and end the world."""
    data.mkdir(mode=0o700)
    Secrets.load_or_create(data)
    head = ScriptDirectory.from_config(config()).get_current_head()
    with contextlib.closing(sqlite3.connect(data / "acs.db")) as target:
        world.conn.connection.dbapi_connection.backup(target)
        target.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
        target.execute("INSERT INTO alembic_version VALUES (?)", (head,))
        target.commit()
    world.conn.close()
    return data


@pytest.fixture
def data(filled, tmp_path) -> Path:
    """Return a copy of the data directory for one test."""
    return Path(shutil.copytree(filled, tmp_path / "acs-data"))
