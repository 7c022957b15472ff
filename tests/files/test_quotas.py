"""How much of what devices send is kept, counted without looking at all of it each time."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, event, update

from acs import devices as dev
from acs import files as fl
from acs.files.uploads import UploadLimits, break_upload, claim_upload, complete_upload
from acs.store import Store
from acs.store.tables import uploads

LIMITS = UploadLimits(size=100, device_quota=1000, total_quota=250)
LOG = "4 Vendor Log File 1"


def grant(device: int, key: str) -> fl.UploadGrant:
    return fl.UploadGrant(device, LOG, key, 1e12, key=f"g{key}")


def claim(conn: Connection, device: int, key: str, size: int | None, now: float) -> fl.Claim:
    facts: dict[str, Any] = {"name": "", "media_type": "", "address": "192.0.2.1"}
    return claim_upload(conn, grant(device, key), limits=LIMITS, declared=size, now=now, **facts)


def store_one(conn: Connection, device: int, key: str, size: int, now: float) -> None:
    assert complete_upload(conn, claim(conn, device, key, size, now), fl.Stored("0" * 64, size), now=now)


async def test_the_quota_of_all_holds_whenever_it_was_counted(store: Store) -> None:
    device = (await store.write(dev.register, "0005B9", "A1", now=0.0)).id
    for number, now in enumerate((0.0, 100.0), start=1):
        await store.write(store_one, device, f"k{number}", 100, now)
    with pytest.raises(fl.TransferRefused, match="all devices"):
        await store.write(claim, device, "k3", 51, 120.0)
    # 200 are kept, but counted twice since they are new: only then all are looked at.
    kept = await store.write(claim, device, "k3", 50, 130.0)
    assert await store.write(break_upload, kept, "broke", now=131.0)
    assert (await store.write(claim, device, "k4", None, 1000.0)).most == 50


async def test_what_was_counted_is_not_looked_at_again(store: Store) -> None:
    device = (await store.write(dev.register, "0005B9", "A1", now=0.0)).id
    await store.write(store_one, device, "k1", 10, 0.0)
    await store.write(store_one, device, "k2", 10, 1000.0)
    # Were the old row looked at, there would be no room.
    await store.write(
        lambda conn: conn.execute(update(uploads).where(uploads.c.size == 10).values(changed_at=0.0))
    )
    seen: list[str] = []

    def look(conn: Connection) -> None:
        event.listen(conn, "before_cursor_execute", lambda *facts: seen.append(facts[2]))
        claim(conn, device, "k3", 10, 1100.0)

    await store.write(look)
    sums = [text for text in seen if "sum(" in text]
    assert len(sums) == 2
    assert all("WHERE" in text for text in sums)
