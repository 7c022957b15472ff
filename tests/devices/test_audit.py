"""The audit record: whoever alters it is found out."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import Connection, delete, select, update

from acs import devices as dev
from acs.store import Store
from acs.store.tables import audit as table


@pytest.fixture
async def recorded(store: Store) -> Store:
    for n in range(5):
        await store.write(dev.audit, f"user {n}", "did", "device", "because", now=1000.25 + n)
    return store


async def entries(store: Store) -> list[int]:
    return await store.read(
        lambda conn: list(conn.execute(select(table.c.id).order_by(table.c.id)).scalars())
    )


def alter(conn: Connection, entry: int, values: dict[str, Any]) -> None:
    conn.execute(update(table).where(table.c.id == entry).values(**values))


async def test_an_empty_record_is_sound(store: Store) -> None:
    assert await store.read(dev.verify_audit) is None


async def test_an_unaltered_record_is_sound(recorded: Store) -> None:
    assert await recorded.read(dev.verify_audit) is None


@pytest.mark.parametrize(
    "values",
    [
        {"who": "somebody else"},
        {"action": "did not"},
        {"target": "x"},
        {"detail": ""},
        {"at": 0.5},
        {"hash": "0" * 64},
        {"previous_hash": "0" * 64},
    ],
)
async def test_an_altered_entry_is_found(recorded: Store, values: dict[str, Any]) -> None:
    ids = await entries(recorded)
    await recorded.write(alter, ids[2], values)
    assert await recorded.read(dev.verify_audit) == ids[2]


@pytest.mark.parametrize("gone", [0, 1, 3])
async def test_an_entry_whose_predecessor_is_gone_is_found(recorded: Store, gone: int) -> None:
    ids = await entries(recorded)
    await recorded.write(lambda conn: conn.execute(delete(table).where(table.c.id == ids[gone])).rowcount)
    assert await recorded.read(dev.verify_audit) == ids[gone + 1]


async def test_text_that_moved_from_one_field_to_the_next_is_found(store: Store) -> None:
    await store.write(dev.audit, "operator", "block", "device\x1fdetail", "more", now=1.0)
    moved = {"target": "device", "detail": "detail\x1fmore"}
    [entry] = await entries(store)
    await store.write(alter, entry, moved)
    assert await store.read(dev.verify_audit) == entry


async def test_whole_seconds_do_not_look_altered(store: Store) -> None:
    await store.write(dev.audit, "operator", "looked", "device", now=1_800_000_000)
    assert await store.read(dev.verify_audit) is None


async def test_entries_made_at_once_are_chained_one_after_the_other(store: Store) -> None:
    await asyncio.gather(*(store.write(dev.audit, f"u{n}", "did", "t", now=float(n)) for n in range(150)))
    assert len(await entries(store)) == 150
    assert await store.read(dev.verify_audit) is None


async def test_admission_and_approval_are_recorded(store: Store) -> None:
    device = await store.write(dev.register, "0005B9", "1", now=1.0)
    await store.write(dev.block, device.id, "rogue", who="operator", now=2.0)
    await store.write(dev.unblock, device.id, "fine", who="shift", now=3.0)
    rows = await store.read(lambda conn: conn.execute(select(table).order_by(table.c.id)).all())
    assert [(row.who, row.action, row.target, row.detail, row.at) for row in rows] == [
        ("operator", "device blocked", "0005B9-1", "rogue", 2.0),
        ("shift", "device allowed", "0005B9-1", "fine", 3.0),
    ]
