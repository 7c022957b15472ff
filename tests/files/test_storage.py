"""The storages keep what they promise: whole or not at all, ranges, nothing that isn't there."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from acs.errors import AcsError
from acs.files import DiskStorage, Stat, Storage, Stored, open_storage, take_in

CONTENT = bytes(range(256)) * 30_000  # 7.7 MB: more than one part


async def pieces(content: bytes = CONTENT, *, broken: Exception | None = None) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 300_000):
        yield content[start : start + 300_000]
    if broken is not None:
        raise broken


@pytest.fixture(params=["file", "s3://files/some/prefix"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param != "file":
        request.getfixturevalue("s3_environment")
    return open_storage(request.param, tmp_path)


async def read(storage: Storage, key: str, *bounds: int) -> bytes:
    return b"".join([chunk async for chunk in storage.get(key, *bounds)])


async def test_what_is_put_is_got(storage: Storage) -> None:
    stored = await storage.put("files/a", pieces())
    assert stored == Stored(hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
    assert await read(storage, "files/a") == CONTENT
    assert (await storage.stat("files/a")).size == len(CONTENT)
    async with storage.local("files/a") as path:
        assert path.read_bytes() == CONTENT
        assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("bounds", [(0, 1), (5, 1_000_005), (7_600_000, len(CONTENT)), (7_679_999,), (5, 5)])
async def test_a_range_is_got(storage: Storage, bounds: tuple[int, ...]) -> None:
    await storage.put("files/range", pieces())
    assert await read(storage, "files/range", *bounds) == CONTENT[slice(*(*bounds, None)[:2])]


async def test_an_empty_content_is_one(storage: Storage) -> None:
    assert (await storage.put("uploads/1/1-1", pieces(b""))).size == 0
    assert await read(storage, "uploads/1/1-1") == b""


@pytest.mark.parametrize("error", [ConnectionResetError("gone"), ValueError("bad form")])
async def test_what_breaks_leaves_nothing(storage: Storage, error: Exception) -> None:
    with pytest.raises(type(error), match=str(error)):
        await storage.put("files/broken", pieces(broken=error))
    with pytest.raises(FileNotFoundError):
        await storage.stat("files/broken")
    with pytest.raises(FileNotFoundError):
        await read(storage, "files/broken")


async def test_a_version_is_that_of_the_content(storage: Storage) -> None:
    seen: list[Stat] = []
    for content in (b"one", b"two"):
        await storage.put("files/v", pieces(content))
        seen.append(await storage.stat("files/v"))
    assert seen[0].version != seen[1].version
    assert await storage.stat("files/v") == seen[1]


async def test_what_is_deleted_is_gone_and_may_be_deleted_again(storage: Storage) -> None:
    await storage.put("files/d", pieces(b"x"))
    for _ in range(2):
        await storage.delete("files/d")
    with pytest.raises(FileNotFoundError):
        async with storage.local("files/d"):
            pass


async def test_an_operators_file_is_taken_in_under_its_digest(storage: Storage, tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(b"image")
    stored = await take_in(storage, path)
    assert await read(storage, f"files/{stored.sha256}") == b"image"


async def test_a_store_that_does_not_answer_is_an_oserror(
    s3_environment: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    storage = open_storage("s3://no-such-bucket", tmp_path)
    with pytest.raises(OSError, match=r"no-such-bucket"):
        await storage.put("files/a", pieces(b"x"))


@pytest.mark.parametrize("where", ["s3://", "s4://bucket", "files", "s3://bucket?x=1"])
def test_a_place_that_is_none_is_refused(where: str, tmp_path: Path) -> None:
    with pytest.raises(AcsError, match="is no place for files; use s3://BUCKET/PREFIX"):
        open_storage(where, tmp_path)


async def test_what_is_kept_is_listed_room_by_room(storage: Storage) -> None:
    for key in ("files/k1", "uploads/7/1-1", "uploads/7/2-1"):
        await storage.put(key, pieces(b"x"))
    assert "files/k1" in {each.key async for each in storage.kept("files")}
    found = {each.key: each.written_at async for each in storage.kept("uploads")}
    assert {"uploads/7/1-1", "uploads/7/2-1"} <= set(found)
    assert "files/k1" not in found
    assert all(abs(at - time.time()) < 60 for at in found.values())


async def test_room_is_left_on_the_disk(tmp_path: Path) -> None:
    full = DiskStorage(tmp_path, reserve=2**62)
    with pytest.raises(OSError, match=r"MiB are left for the database \(disk_reserve\)") as refused:
        await full.put("uploads/1/1-1", pieces(b"x"))
    assert refused.value.errno == errno.ENOSPC
    assert os.listdir(tmp_path / "uploads" / "1") == []
    await DiskStorage(tmp_path, reserve=1).put("uploads/1/1-1", pieces(b"x"))
