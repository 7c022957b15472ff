"""What arrived is handled in turns: a device that sends many files makes no other wait for all of them."""

from __future__ import annotations

from pathlib import Path

from acs import devices as dev
from acs import files as fl
from acs.store import Store
from tests.conftest import Clock
from tests.files.test_retention import body


async def send(store: Store, storage: fl.Storage, owner: dev.Device, now: float) -> None:
    grant = fl.UploadGrant(owner.id, fl.PM_FILE, "", 2e10, standing=True)
    facts = {"declared": 7, "name": "", "media_type": "", "address": "192.0.2.1", "now": now}
    limits = fl.UploadLimits(100, 10_000, 10_000)
    claim = await store.write(lambda conn: fl.claim_upload(conn, grant, limits=limits, **facts))
    stored = await storage.put(claim.storage_key, body())
    assert await store.write(fl.complete_upload, claim, stored, now=now)


async def test_devices_take_turns(store: Store, clock: Clock, tmp_path: Path) -> None:
    storage, seen = fl.DiskStorage(tmp_path), list[str]()

    async def handler(arrival: fl.Arrival) -> None:
        seen.append(arrival.upload.device_key[-1])

    flood, two, three = [await store.write(dev.register, "0005B9", serial, now=1.0) for serial in "123"]
    for number, owner in enumerate([flood] * 5 + [two] * 2 + [three]):
        await send(store, storage, owner, clock.now - 100 + number)
    arrivals = fl.Arrivals(store, storage)
    arrivals.on(fl.PM_FILE, handler)
    while await arrivals.handle_next():
        pass
    assert "".join(seen) == "12312111"
    await send(store, storage, flood, clock.now)
    assert await arrivals.handle_next()
    assert not await arrivals.handle_next()
