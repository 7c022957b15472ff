"""What only PostgreSQL does: conflicts between lanes, connections that are lost."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import Connection, exc, text
from sqlalchemy.util import await_only

from acs.errors import AcsError
from acs.store import Store, signal
from acs.store.postgresql import PostgresBackend
from tests.postgresql import Server

_ADD = text("INSERT INTO policies (version, body, activated_at) VALUES (:version, '', 0)")
_CHANGE = text("UPDATE policies SET body = body || :word WHERE version = :version")
_BODIES = text("SELECT body FROM policies ORDER BY version")


class ConflictError(Exception):
    """What the driver raises; ``sqlstate`` tells what it is."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


def conflict(sqlstate: str) -> exc.DBAPIError:
    return exc.DBAPIError("UPDATE", {}, ConflictError(sqlstate))


@pytest.fixture
async def store(postgresql_url: str):
    opened = await Store.open(postgresql_url)
    yield opened
    await opened.close()


async def test_a_server_that_is_not_there_is_said_to_be_the_database() -> None:
    backend = PostgresBackend("postgresql+asyncpg://acs@127.0.0.1:9/acs")
    store = Store(backend, lambda: 0.0)
    await backend.start(lambda _signals: None)
    try:
        with pytest.raises(AcsError, match="the database can't be reached"):
            await store.read(lambda conn: conn.execute(_BODIES).scalars().all())
    finally:
        await store.close()


async def test_a_deadlock_is_tried_again_and_both_writers_succeed(store: Store) -> None:
    for version in "ab":
        await store.write(lambda conn, v=version: conn.execute(_ADD, {"version": v}).rowcount)
    holds = {"a": asyncio.Event(), "b": asyncio.Event()}

    def crosswise(conn: Connection, first: str, second: str) -> None:
        conn.execute(_CHANGE, {"version": first, "word": first})
        holds[first].set()
        await_only(holds[second].wait())
        conn.execute(_CHANGE, {"version": second, "word": first})

    one = asyncio.create_task(store.write(crosswise, "a", "b"))
    await holds["a"].wait()  # it is in its lane now, so the other goes to another lane
    await asyncio.gather(one, store.write(crosswise, "b", "a"))
    bodies = await store.read(lambda conn: conn.execute(_BODIES).scalars().all())
    assert [sorted(body) for body in bodies] == [["a", "b"], ["a", "b"]]


@pytest.mark.parametrize("company", [0, 3])
@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
async def test_a_conflict_is_tried_again(store: Store, sqlstate: str, company: int) -> None:
    tries = []

    def stubborn(conn: Connection) -> str:
        tries.append(1)
        signal(conn, "policies", "x")
        if len(tries) < 4:
            raise conflict(sqlstate)
        conn.execute(_ADD, {"version": "x"})
        return "done"

    heard: list[str] = []
    store.on("policies", heard.append)
    others = [
        store.write(lambda conn, v=str(n): conn.execute(_ADD, {"version": v}).rowcount)
        for n in range(company)
    ]
    outcome, *rest = await asyncio.gather(store.write(stubborn), *others)
    await store.write(lambda conn: None)
    await asyncio.sleep(0)
    assert outcome == "done"
    assert rest == [1] * company
    assert len(tries) == 4
    assert heard == ["x"]


async def test_a_conflict_that_does_not_end_is_given_up(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acs.store.postgresql._RETRIES", 2)
    tries = []

    def hopeless(_conn: Connection) -> None:
        tries.append(1)
        raise conflict("40001")

    with pytest.raises(exc.DBAPIError):
        await store.write(hopeless)
    assert len(tries) == 2


async def test_another_error_is_not_tried_again(store: Store) -> None:
    tries = []

    def wrong(_conn: Connection) -> None:
        tries.append(1)
        raise conflict("22P02")

    with pytest.raises(exc.DBAPIError):
        await store.write(wrong)
    assert len(tries) == 1


async def test_a_connection_that_dies_within_a_batch_costs_only_that_writer(store: Store) -> None:
    dead = []

    def dies(conn: Connection) -> None:
        if not dead:
            dead.append(1)
            conn.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    def add(conn: Connection, version: str) -> str:
        conn.execute(_ADD, {"version": version})
        return version

    outcomes = await asyncio.gather(
        store.write(add, "a"), store.write(dies), store.write(add, "b"), return_exceptions=True
    )
    assert outcomes == ["a", None, "b"]
    assert await store.read(lambda conn: len(conn.execute(_BODIES).all())) == 2


async def test_nobody_is_told_that_it_was_written_when_the_database_is_gone(
    postgresql_server: Server,
) -> None:
    name = await postgresql_server.create()
    store = await Store.open(postgresql_server.url(name))
    await postgresql_server.drop(name)
    for _ in range(3):
        outcomes = await asyncio.gather(
            *(
                store.write(lambda conn, v=str(n): conn.execute(_ADD, {"version": v}).rowcount)
                for n in range(3)
            ),
            store.read(lambda conn: conn.execute(_BODIES).all()),
            return_exceptions=True,
        )
        assert all(isinstance(each, Exception) for each in outcomes), outcomes
    await store.close()
