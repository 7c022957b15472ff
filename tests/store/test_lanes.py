"""What a store must not do, however the database or its users behave."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import Connection, exc, text
from sqlalchemy.ext.asyncio import AsyncConnection

from acs.errors import AcsError
from acs.store import RefusedError, Store, signal

_ADD = text("INSERT INTO policies (version, body, activated_at) VALUES (:version, :body, 0)")
_VERSIONS = text("SELECT version FROM policies ORDER BY version")


class DriverError(Exception):
    def __init__(self, sqlstate: str) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


def add(conn: Connection, version: str, body: str = "") -> str:
    conn.execute(_ADD, {"version": version, "body": body})
    return version


@pytest.fixture
async def postgresql(postgresql_url: str):
    opened = await Store.open(postgresql_url)
    yield opened
    await opened.close()


@pytest.mark.parametrize("company", [0, 2])
async def test_a_commit_whose_outcome_is_unknown_is_not_done_again(
    postgresql: Store, monkeypatch: pytest.MonkeyPatch, company: int
) -> None:
    ran: list[str] = []
    commit = AsyncConnection.commit

    async def lost(self: AsyncConnection) -> None:
        await commit(self)
        raise exc.DBAPIError("COMMIT", {}, DriverError("08006"))

    def work(conn: Connection, version: str) -> str:
        ran.append(version)
        return add(conn, version)

    monkeypatch.setattr(AsyncConnection, "commit", lost)
    outcomes = await asyncio.gather(
        *(postgresql.write(work, f"v{n}") for n in range(company + 1)), return_exceptions=True
    )
    monkeypatch.undo()
    assert all("outcome is unknown" in str(each) for each in outcomes), outcomes
    assert sorted(ran) == sorted(set(ran))


async def test_an_error_of_any_kind_leaves_the_lanes_alive_and_is_told(
    postgresql: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: AsyncConnection) -> None:
        raise KeyError("a mistake of the driver")

    monkeypatch.setattr(AsyncConnection, "commit", broken)
    for _ in range(3):
        outcomes = await asyncio.gather(
            *(postgresql.write(add, f"v{n}") for n in range(20)), return_exceptions=True
        )
        assert all(isinstance(each, Exception) for each in outcomes)
    monkeypatch.undo()
    assert await asyncio.gather(*(postgresql.write(add, f"w{n}") for n in range(10)))


async def test_a_row_that_another_lane_inserted_first_is_found_at_the_second_try(postgresql: Store) -> None:
    tries = []

    def racing(conn: Connection) -> str:
        tries.append(1)
        if len(tries) == 1:
            raise exc.IntegrityError("INSERT", {}, DriverError("23505"))
        return "found"

    assert await postgresql.write(racing) == "found"


async def test_the_server_gives_up_waiting_for_a_lock_and_for_a_node_that_vanished(postgresql: Store) -> None:
    def limits(conn: Connection) -> list[str]:
        names = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
        return [str(conn.execute(text(f"SHOW {name}")).scalar()) for name in names]

    assert "0" not in await postgresql.read(limits)


async def test_a_listener_that_fails_keeps_neither_the_store_nor_the_others_from_going_on(
    store: Store,
) -> None:
    heard: list[str] = []

    def fails(_payload: str) -> None:
        raise RuntimeError

    store.on("t", fails)
    store.on("t", heard.append)
    for n in range(10):
        await store.write(lambda conn, n=n: signal(conn, "t", str(n)))
    await asyncio.sleep(0)
    assert heard == [str(n) for n in range(10)]


async def test_who_is_refused_costs_the_others_of_the_batch_no_second_run(store: Store) -> None:
    ran: list[str] = []

    def honest(conn: Connection, version: str) -> str:
        ran.append(version)
        return add(conn, version)

    def refused(_conn: Connection) -> None:
        raise RefusedError("no")

    outcomes = await asyncio.gather(
        store.write(lambda conn: None),
        *(store.write(honest, f"v{n}") for n in range(5)),
        store.write(refused),
        *(store.write(honest, f"w{n}") for n in range(5)),
        return_exceptions=True,
    )
    assert len(ran) == 10
    assert [each for each in outcomes if isinstance(each, Exception)] == [outcomes[6]]
    assert isinstance(outcomes[6], RefusedError)
    assert len(await store.read(lambda conn: conn.execute(_VERSIONS).all())) == 10


async def test_an_error_of_the_database_does_not_tell_the_values(store: Store) -> None:
    await store.write(add, "v")
    with pytest.raises(exc.DBAPIError) as error:
        await store.write(add, "v", "top-secret")
    assert "top-secret" not in str(error.value)


@pytest.mark.parametrize("company", [0, 2])
async def test_a_full_disk_is_told_in_words_and_nothing_is_taken_for_stored(tmp_path, company: int) -> None:
    opened = await Store.open(f"sqlite:///{tmp_path / 'acs.db'}")
    try:

        def limit(conn: Connection, pages: int) -> None:
            conn.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

        pages = await opened.read(lambda conn: conn.exec_driver_sql("PRAGMA page_count").scalar())
        await opened.write(limit, pages + 2)  # as full as a disk is
        outcomes = await asyncio.gather(
            *(opened.write(add, f"v{n}", "x" * 100_000) for n in range(company + 1)), return_exceptions=True
        )
        assert all(isinstance(each, AcsError) for each in outcomes), outcomes
        assert "the disk is full" in str(outcomes[0])
        assert await opened.read(lambda conn: conn.execute(_VERSIONS).scalars().all()) == []
        await opened.write(limit, 2**30)
        assert await opened.write(add, "v") == "v"
    finally:
        await opened.close()
