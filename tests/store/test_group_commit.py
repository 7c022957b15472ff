"""Group commit: many writers share a transaction, and none of them pays for another."""

from __future__ import annotations

import asyncio
import threading

import pytest
from sqlalchemy import Connection, func, insert, select, text
from sqlalchemy.util import await_only

from acs.errors import AcsError
from acs.store import Store, signal
from acs.store.tables import devices


def add(conn: Connection, number: int) -> int:
    conn.execute(
        insert(devices).values(
            device_key=f"0005B9-{number}", oui="0005B9", serial_number=str(number), created_at=1.0
        )
    )
    return number


def numbers(conn: Connection) -> list[int]:
    return sorted(int(each) for each in conn.execute(select(devices.c.serial_number)).scalars())


def transaction(conn: Connection) -> str:
    """Return what is the same for all who share a transaction and differs otherwise."""
    if conn.dialect.name == "postgresql":
        return str(conn.execute(text("SELECT txid_current()")).scalar())
    transactions = conn.info.setdefault("seen", [])
    if not transactions or transactions[-1] is not conn.get_transaction():
        transactions.append(conn.get_transaction())
    return str(len(transactions))


class Gate:
    """Holds the lane of writers until it is opened, so that more of them gather behind it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._entered, self._open = threading.Event(), threading.Event()
        self._entered_async, self._open_async = asyncio.Event(), asyncio.Event()

    def _wait(self, conn: Connection) -> None:
        if conn.dialect.name == "postgresql":
            self._entered_async.set()
            await_only(self._open_async.wait())
        else:
            self._entered.set()
            assert self._open.wait(30)

    async def close(self) -> asyncio.Task[None]:
        task = asyncio.create_task(self._store.write(self._wait))
        if self._store.dialect == "postgresql":
            await self._entered_async.wait()
        else:
            assert await asyncio.to_thread(self._entered.wait, 30)
        return task

    def open(self) -> None:
        self._open.set()
        self._open_async.set()


async def test_writers_that_wait_share_one_transaction(store: Store) -> None:
    gate = Gate(store)
    held = await gate.close()
    writers = [asyncio.create_task(store.write(transaction)) for _ in range(40)]
    await asyncio.sleep(0)
    gate.open()
    assert len(set(await asyncio.gather(*writers))) == 1
    await held


async def test_a_writer_that_fails_undoes_only_itself(store: Store) -> None:
    def fails(conn: Connection, number: int) -> None:
        add(conn, number)
        raise LookupError(f"writer {number}")

    outcomes = await asyncio.gather(
        *(store.write(fails if n % 7 == 3 else add, n) for n in range(30)), return_exceptions=True
    )
    bad = {n for n in range(30) if n % 7 == 3}
    assert await store.read(numbers) == [n for n in range(30) if n not in bad]
    for n, outcome in enumerate(outcomes):
        assert repr(outcome) == (f"LookupError('writer {n}')" if n in bad else str(n))


async def test_a_writer_that_breaks_a_constraint_undoes_only_itself(store: Store) -> None:
    outcomes = await asyncio.gather(
        *(store.write(add, n) for n in (1, 2, 2, 3, 3, 4)), return_exceptions=True
    )
    assert [type(each).__name__ for each in outcomes] == [
        "int",
        "int",
        "IntegrityError",
        "int",
        "IntegrityError",
        "int",
    ]
    assert await store.read(numbers) == [1, 2, 3, 4]


async def test_a_lone_writer_that_fails_leaves_nothing_behind(store: Store) -> None:
    def fails(conn: Connection) -> None:
        add(conn, 1)
        signal(conn, "devices", "1")
        raise LookupError("alone")

    heard: list[str] = []
    store.on("devices", heard.append)
    with pytest.raises(LookupError, match="alone"):
        await store.write(fails)
    await store.write(add, 2)
    assert await store.read(numbers) == [2]
    assert heard == []


async def test_a_writer_sees_what_writers_before_it_wrote(store: Store) -> None:
    def count_and_add(conn: Connection, number: int) -> int:
        before = conn.execute(select(func.count()).select_from(devices)).scalar_one()
        add(conn, number)
        return int(before)

    gate = Gate(store)
    held = await gate.close()
    writers = [asyncio.create_task(store.write(count_and_add, n)) for n in range(20)]
    await asyncio.sleep(0)
    gate.open()
    assert await asyncio.gather(*writers) == list(range(20))
    await held


async def test_a_caller_that_gave_up_disturbs_nobody_and_is_not_served(store: Store) -> None:
    gate = Gate(store)
    held = await gate.close()
    impatient = asyncio.create_task(store.write(add, 1))
    patient = asyncio.create_task(store.write(add, 2))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.gather(impatient, return_exceptions=True)
    gate.open()
    assert await patient == 2
    await held
    assert await store.read(numbers) == [2]  # a store that works off what nobody wants never catches up


async def test_waiting_ends_with_a_timeout(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(store)
    held = await gate.close()
    monkeypatch.setattr("acs.store.store._TIMEOUT", 0.0)
    with pytest.raises(TimeoutError):
        await store.write(add, 1)
    monkeypatch.undo()
    gate.open()
    await held
    assert await store.write(add, 2) == 2


async def test_a_reader_does_not_wait_for_a_writer(store: Store) -> None:
    await store.write(add, 1)
    gate = Gate(store)
    held = await gate.close()
    assert await store.read(numbers) == [1]
    assert not held.done()
    gate.open()
    await held


async def test_closing_finishes_what_is_queued(store: Store, database_url: str) -> None:
    gate = Gate(store)
    held = await gate.close()
    writers = [asyncio.create_task(store.write(add, n)) for n in range(10)]
    await asyncio.sleep(0)
    closing = asyncio.create_task(store.close())
    await asyncio.sleep(0)
    gate.open()
    await closing
    assert await asyncio.gather(*writers) == list(range(10))
    await held
    with pytest.raises(AcsError, match="closed"):
        await store.write(add, 99)
    again = await Store.open(database_url)
    assert await again.read(numbers) == list(range(10))
    await again.close()


async def test_what_was_written_is_there_after_reopening(store: Store, database_url: str) -> None:
    await store.write(add, 7)
    other = await Store.open(database_url)  # while the first is still open: it was committed
    assert await other.read(numbers) == [7]
    await other.close()


async def test_sqlite_refuses_more_work_than_it_can_hold(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acs.store.sqlite._QUEUE", 3)
    store = await Store.open(sqlite_url)
    gate = Gate(store)
    held = await gate.close()
    writers = [asyncio.create_task(store.write(add, n)) for n in range(5)]
    await asyncio.sleep(0)
    gate.open()
    outcomes = await asyncio.gather(*writers, return_exceptions=True)
    assert outcomes[:2] == [0, 1]
    assert all("overloaded" in str(each) for each in outcomes[2:])
    await held
    assert await store.write(add, 9) == 9
    await store.close()


async def test_postgresql_refuses_more_work_than_it_can_hold(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acs.store.postgresql._QUEUE", 2)
    store = await Store.open(postgresql_url)
    outcomes = await asyncio.gather(*(store.write(add, n) for n in range(5)), return_exceptions=True)
    assert [each for each in outcomes if isinstance(each, int)] == [0, 1]
    assert all("overloaded" in str(each) for each in outcomes[2:])
    await store.close()


async def test_a_batch_holds_no_more_than_its_measure(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acs.store.sqlite._BATCH", 4)
    store = await Store.open(sqlite_url)
    gate = Gate(store)
    held = await gate.close()
    writers = [asyncio.create_task(store.write(transaction)) for _ in range(10)]
    await asyncio.sleep(0)
    gate.open()
    assert len(set(await asyncio.gather(*writers))) == 3
    await held
    await store.close()
