"""Signals: told after the commit, never before, never without it."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import Connection, text

from acs.store import Store, signal


def tell(conn: Connection, topic: str, *payloads: str) -> None:
    for payload in payloads:
        signal(conn, topic, payload)


async def settled(store: Store) -> None:
    """Return when everything that was written before has been told."""
    await store.write(lambda conn: None)
    await asyncio.sleep(0)


async def test_a_signal_comes_after_the_commit(store: Store, database_url: str) -> None:
    def write(conn: Connection) -> None:
        conn.execute(text("INSERT INTO policies (version, body, activated_at) VALUES ('v', 'b', 1)"))
        signal(conn, "policies", "v")
        assert heard == []

    heard: list[str] = []
    store.on("policies", heard.append)
    await store.write(write)
    await settled(store)
    assert heard == ["v"]


async def test_each_distinct_signal_of_a_transaction_is_told_once(store: Store) -> None:
    heard: list[str] = []
    store.on("alarms", heard.append)
    await store.write(tell, "alarms", "1", "2", "1", "1")
    await settled(store)
    assert heard == ["1", "2"]


async def test_a_signal_of_a_writer_that_failed_is_never_told(store: Store) -> None:
    def fails(conn: Connection) -> None:
        signal(conn, "alarms", "bad")
        raise LookupError

    heard: list[str] = []
    store.on("alarms", heard.append)
    await asyncio.gather(
        store.write(tell, "alarms", "1"),
        store.write(fails),
        store.write(tell, "alarms", "2"),
        return_exceptions=True,
    )
    await settled(store)
    assert sorted(heard) == ["1", "2"]


async def test_only_who_listens_to_a_topic_hears_it_and_only_until_he_stops(store: Store) -> None:
    alarms: list[str] = []
    cases: list[str] = []
    off = store.on("alarms", alarms.append)
    store.on("cases", cases.append)
    await store.write(tell, "alarms", "1")
    await settled(store)
    off()
    off()  # a second time does no harm
    await store.write(tell, "alarms", "2")
    await store.write(tell, "cases", "")
    await settled(store)
    assert (alarms, cases) == (["1"], [""])


async def test_postgresql_tells_other_nodes_but_not_itself_twice(postgresql_url: str) -> None:
    one, other = await Store.open(postgresql_url), await Store.open(postgresql_url)
    heard: dict[str, list[str]] = {"one": [], "other": []}
    arrived = asyncio.Event()

    def hear(payload: str) -> None:
        heard["other"].append(payload)
        arrived.set()

    one.on("alarms", heard["one"].append)
    other.on("alarms", hear)
    told = 0
    async with asyncio.timeout(20):
        while not arrived.is_set():  # until the other node has begun to listen
            told += 1
            await one.write(tell, "alarms", f"device {told}")
    await one.close()
    await other.close()
    assert heard["one"] == [f"device {n}" for n in range(1, told + 1)]
    assert heard["other"][0] in heard["one"]


async def test_postgresql_is_heard_again_after_the_listening_connection_is_lost(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = asyncio.sleep
    monkeypatch.setattr("acs.store.postgresql.asyncio.sleep", lambda _seconds: real(0.001))
    one, other = await Store.open(postgresql_url), await Store.open(postgresql_url)
    arrived = asyncio.Event()
    other.on("alarms", lambda _payload: arrived.set())
    kill = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
        " AND datname = current_database()"
    )
    for _ in range(2):
        arrived.clear()
        async with asyncio.timeout(20):
            while not arrived.is_set():
                await one.write(tell, "alarms", "1")
                await real(0)
        await one.write(lambda conn: conn.execute(kill).all())
    await one.close()
    await other.close()
