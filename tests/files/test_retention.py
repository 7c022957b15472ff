"""What devices sent is forgotten in time, content first."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from acs import devices as dev
from acs import files as fl
from acs.housekeeping import Housekeeper
from acs.store import Store
from tests.conftest import Clock


@pytest.fixture(params=["file", "s3://files/swept"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> fl.Storage:
    if request.param != "file":
        request.getfixturevalue("s3_environment")
    return fl.open_storage(request.param, tmp_path)


DAY = 86400.0
LIMITS = fl.UploadLimits(100, 1000, 1000)


async def body():
    yield b"content"


async def claim(store: Store, device: dev.Device, key: str, now: float) -> fl.Claim:
    grant = fl.UploadGrant(device.id, "4 Vendor Log File 1", key, 2e10, key=key)
    facts = {"declared": 7, "name": "", "media_type": "", "address": "192.0.2.1", "now": now}
    return await store.write(lambda conn: fl.claim_upload(conn, grant, limits=LIMITS, **facts))


async def test_uploads_are_forgotten_with_their_content(store: Store, clock: Clock, tmp_path: Path) -> None:
    storage = fl.DiskStorage(tmp_path)
    device = await store.write(dev.register, "0005B9", "A1", now=clock.now)
    stored = []
    for days, key in ((31, "old"), (29, "new")):
        now = clock.now - days * DAY
        made = await claim(store, device, key, now)
        content = await storage.put(made.storage_key, body())
        assert await store.write(fl.complete_upload, made, content, now=now)
        stored.append(storage.path(made.storage_key))
    keeper = fl.UploadKeeper(store, storage, retention=30 * DAY, longest=1800)
    assert await Housekeeper(store, 90 * DAY, uploads=keeper).tidy() == 1
    assert [path.exists() for path in stored] == [False, True]
    assert [each.command_key for each in await store.read(fl.list_uploads)] == ["new"]
    assert await keeper.tidy() == 0


async def test_the_share_of_an_upload_whose_node_died_is_given_back(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    storage = fl.DiskStorage(tmp_path)
    device = await store.write(dev.register, "0005B9", "A1", now=clock.now)
    dead = await claim(store, device, "k", clock.now - 31 * DAY)
    await storage.put(dead.storage_key, body())
    keeper = fl.UploadKeeper(store, storage, retention=30 * DAY, longest=1800)
    assert await keeper.tidy() == 1
    (found,) = await store.read(fl.list_uploads)
    assert (found.state, found.reason) == ("broken", "the ACS stopped meanwhile")
    again = await claim(store, device, "k", clock.now)
    assert again.attempt == 2
    await store.write(fl.break_upload, again, "no", now=clock.now)
    clock.now += 31 * DAY
    assert await keeper.tidy() == 1
    assert not storage.path(dead.storage_key).exists()


async def test_what_a_dead_process_left_is_swept(tmp_path: Path) -> None:
    storage = fl.DiskStorage(tmp_path)
    room = tmp_path / "uploads" / "1"
    room.mkdir(parents=True)
    for name, age in ((".incoming-old", 2 * DAY), (".incoming-new", 0), ("1-1", 2 * DAY)):
        (room / name).write_bytes(b"x")
        os.utime(room / name, (time.time() - age,) * 2)
    await storage.sweep()
    assert sorted(path.name for path in room.iterdir()) == [".incoming-new", "1-1"]


async def test_content_that_no_row_knows_of_is_swept_after_a_day(
    store: Store, clock: Clock, storage: fl.Storage
) -> None:
    device = await store.write(dev.register, "0005B9", "A1", now=clock.now)
    facts = {"file_type": fl.CONFIGURATION, "version": "", "sha256": "a" * 64, "size": 7, "who": "op"}
    await store.write(fl.add_file, "kept.xml", **facts, now=clock.now)
    kept = await claim(store, device, "k", clock.now)
    assert await store.write(fl.complete_upload, kept, fl.Stored("b" * 64, 7), now=clock.now)
    gone = [f"files/{'c' * 64}", "uploads/9/999-1", "uploads/9/strange"]
    for key in (f"files/{'a' * 64}", kept.storage_key, *gone):
        await storage.put(key, body())
    wall = [time.time()]
    keeper = fl.UploadKeeper(store, storage, retention=30 * DAY, longest=1800, wall=lambda: wall[0])
    assert await keeper.tidy() == 0  # they may be somebody's whose row is still to be written
    wall[0] += 0.5 * DAY
    assert await keeper.tidy() == 0
    wall[0] += 0.6 * DAY
    assert await keeper.tidy() == len(gone)
    left = [each.key for room in ("files", "uploads") async for each in storage.kept(room)]
    assert sorted(left) == [f"files/{'a' * 64}", kept.storage_key]


async def test_how_many_uploads_of_a_device_are_kept_is_bounded_however_small_they_are(
    store: Store, clock: Clock
) -> None:
    device = await store.write(dev.register, "0005B9", "A1", now=clock.now)
    other = await store.write(dev.register, "0005B9", "A2", now=clock.now)
    limits = fl.UploadLimits(100, 1000, 1000, device_count=3)
    facts = {"limits": limits, "declared": 0, "name": "", "media_type": "", "address": "", "now": clock.now}

    async def empty(owner: dev.Device) -> None:
        grant = fl.UploadGrant(owner.id, fl.PM_FILE, "", 2e10, standing=True)
        made = await store.write(lambda conn: fl.claim_upload(conn, grant, **facts))
        assert await store.write(fl.complete_upload, made, fl.Stored("0" * 64, 0), now=clock.now)

    for _ in range(3):
        await empty(device)
    with pytest.raises(fl.TransferRefused, match="3 uploads of this device are kept") as refused:
        await empty(device)
    assert refused.value.status == 507
    await empty(other)
    assert len(await store.read(fl.list_uploads)) == 4


_WRITER = """
import asyncio, sys
from pathlib import Path
from acs.files import DiskStorage

async def body():
    yield b"x" * 300_000
    print("begun", flush=True)
    await asyncio.Event().wait()  # until it is killed

asyncio.run(DiskStorage(Path(sys.argv[1])).put(sys.argv[2], body()))
"""


@pytest.mark.parametrize("key", ["files/image", "uploads/1/1-1"])
async def test_a_process_that_is_killed_while_it_stores_leaves_nothing_that_stays(
    store: Store, tmp_path: Path, key: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _WRITER, str(tmp_path), key), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"begun\n"
    process.kill()
    await process.wait()
    storage = fl.DiskStorage(tmp_path)
    (partial,) = os.listdir(storage.path(key).parent)
    with pytest.raises(FileNotFoundError):
        await storage.stat(key)
    os.utime(storage.path(key).with_name(partial), (time.time() - 2 * DAY,) * 2)
    await fl.UploadKeeper(store, storage, retention=30 * DAY, longest=1800).tidy()
    assert os.listdir(storage.path(key).parent) == []
