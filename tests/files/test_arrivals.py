"""What arrived is handled in turns: a device that sends many files makes no other wait for all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

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


@pytest.mark.parametrize(("error", "calls"), [(fl.UnusableError("no PM file"), 1), (ValueError("?"), 3)])
async def test_what_is_wrong_in_itself_is_not_looked_at_again(
    store: Store, clock: Clock, tmp_path: Path, error: Exception, calls: int
) -> None:
    seen: list[int] = []

    async def handler(arrival: fl.Arrival) -> None:
        seen.append(arrival.upload.id)
        raise error

    storage = fl.DiskStorage(tmp_path)
    await send(store, storage, await store.write(dev.register, "0005B9", "A1", now=1.0), clock.now)
    arrivals = fl.Arrivals(store, storage)
    arrivals.on(fl.PM_FILE, handler)
    for _ in range(5):
        await arrivals.handle_next()
        clock.now += 3600
    (found,) = await store.read(fl.list_uploads)
    assert (len(seen), found.handled_at) == (calls, None)
    assert str(error) in found.reason


async def test_a_device_whose_files_take_long_waits_in_proportion(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    storage, seen = fl.DiskStorage(tmp_path), list[str]()

    async def handler(arrival: fl.Arrival) -> None:
        seen.append(arrival.upload.device_key[-1])
        clock.now += 3.0 if seen[-1] == "1" else 0.1

    bomber, other = [await store.write(dev.register, "0005B9", serial, now=1.0) for serial in "12"]
    for owner in [bomber] * 3 + [other] * 3:
        await send(store, storage, owner, clock.now)
    arrivals = fl.Arrivals(store, storage)
    arrivals.on(fl.PM_FILE, handler)
    while await arrivals.handle_next():
        pass
    assert "".join(seen) == "1222"
    clock.now += 50  # after 3 s of work it is its turn again after 57 s
    assert not await arrivals.handle_next()
    clock.now += 8
    assert await arrivals.handle_next()
    assert "".join(seen) == "12221"


async def test_what_comes_while_an_empty_body_is_handled_is_handled_too(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    """Clients that wait for a challenge send an empty body first, at the same URL."""
    storage, seen = fl.DiskStorage(tmp_path), list[int]()
    owner = await store.write(dev.register, "0005B9", "A1", now=1.0)
    facts = {"declared": None, "name": "", "media_type": "", "address": "192.0.2.1", "now": clock.now}
    limits = fl.UploadLimits(100, 10_000, 10_000)
    grant = fl.UploadGrant(owner.id, fl.PM_FILE, "", 2e10, key="one")

    async def nothing() -> AsyncIterator[bytes]:
        for each in ():
            yield each

    async def arrive(content: AsyncIterator[bytes]) -> None:
        claim = await store.write(lambda conn: fl.claim_upload(conn, grant, limits=limits, **facts))
        stored = await storage.put(claim.storage_key, content)
        assert await store.write(fl.complete_upload, claim, stored, now=clock.now)

    async def handler(arrival: fl.Arrival) -> None:
        seen.append(arrival.upload.size)
        if len(seen) == 1:
            await arrive(body())
            raise fl.UnusableError("the file is empty")

    await arrive(nothing())
    arrivals = fl.Arrivals(store, storage)
    arrivals.on(fl.PM_FILE, handler)
    while await arrivals.handle_next():
        pass
    assert seen == [0, 7]
    (found,) = await store.read(fl.list_uploads)
    assert (found.handled_at, found.handler_attempts, found.reason) == (clock.now, 1, "")
