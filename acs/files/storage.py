"""Where the content of files is kept: a narrow interface, and the local disk behind it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import stat
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from acs.errors import AcsError
from acs.files.disk import Disk
from acs.security import private_directory

__all__ = ["CHUNK", "DiskStorage", "Kept", "Stat", "Storage", "Stored", "open_storage", "take_in"]

CHUNK = 1024 * 1024
"""Bytes that are read, hashed or written at a time."""

_ABANDONED = 86400.0  # seconds; whoever writes to it still has long run into its time-out


@dataclass(frozen=True, slots=True)
class Stored:
    """What was put: SHA-256 in hexadecimal, size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Stat:
    """What lies under a key; ``version`` changes with the content."""

    size: int
    version: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A key, and when what lies there was written, in seconds since the epoch."""

    key: str
    written_at: float


class Storage(Protocol):
    """Content by key; keys are made by the ACS, never from what a device says.

    What can't be reached or has no room raises ``OSError``; nothing under a key raises ``FileNotFoundError``.
    """

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> Stored:
        """Store what ``chunks`` yields: whole under its key, or, when that raises, not at all."""
        ...

    def get(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Yield the bytes from ``start`` up to ``end`` (exclusive), a chunk at a time."""
        ...

    async def stat(self, key: str) -> Stat:
        """Return what lies there."""
        ...

    async def delete(self, key: str) -> None:
        """Remove it; nothing happens where there is nothing."""
        ...

    def local(self, key: str) -> AbstractAsyncContextManager[Path]:
        """Make the content available as a file for reading, for as long as the context is open."""
        ...

    def kept(self, room: str) -> AsyncIterator[Kept]:
        """Yield what lies under the keys that begin with ``room`` and a slash."""
        ...


class DiskStorage:
    """A directory of the local disk, for its owner alone. Files are made 0600: they are never executable.

    ``reserve``: bytes that are left free on that disk, on which the database may lie as well.
    """

    def __init__(self, directory: Path, *, reserve: int = 0) -> None:
        self.directory, self._disk = directory, Disk(directory, reserve)

    def path(self, key: str) -> Path:
        """Return where ``key`` lies. Raises ``ValueError`` for a key that would lead elsewhere."""
        parts = key.split("/")
        if not all(part and part[0] != "." and part.isprintable() and "\\" not in part for part in parts):
            raise ValueError(f"{key!r} is no key of the file storage")
        return self.directory.joinpath(*parts)

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> Stored:
        """Stream to a file beside it, sync, rename."""
        path = self.path(key)
        descriptor, partial = await asyncio.to_thread(self._create, path.parent)
        digest, size = hashlib.sha256(), 0

        def write(chunk: bytes) -> None:
            self._disk.demand_room()
            digest.update(chunk)
            file.write(chunk)

        def finish() -> None:
            file.flush()
            os.fsync(file.fileno())
            file.close()
            partial.replace(path)
            _sync_directory(path.parent)

        file = os.fdopen(descriptor, "wb")
        try:
            async for chunk in chunks:
                await asyncio.to_thread(write, chunk)
                size += len(chunk)
            await asyncio.to_thread(finish)
        except BaseException:  # cancelled, or no room: what is half written goes, and whoever called is told
            file.close()
            partial.unlink(missing_ok=True)
            raise
        return Stored(digest.hexdigest(), size)

    @staticmethod
    def _create(directory: Path) -> tuple[int, Path]:
        private_directory(directory)
        descriptor, name = tempfile.mkstemp(prefix=".incoming-", dir=directory)  # 0600
        return descriptor, Path(name)

    async def get(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Read with a thread, a chunk at a time."""
        file = await asyncio.to_thread(self.path(key).open, "rb")
        try:
            file.seek(start)
            left = end - start if end is not None else -1
            while left and (
                chunk := await asyncio.to_thread(file.read, CHUNK if left < 0 else min(CHUNK, left))
            ):
                left -= len(chunk) if left > 0 else 0
                yield chunk
        finally:
            file.close()

    async def stat(self, key: str) -> Stat:
        """Return the size, and when and as which file it was written."""
        found = await asyncio.to_thread(self.path(key).stat)
        return Stat(found.st_size, f"{found.st_ino:x}-{found.st_mtime_ns:x}")

    async def delete(self, key: str) -> None:
        """Unlink it."""
        await asyncio.to_thread(self.path(key).unlink, missing_ok=True)

    @contextlib.asynccontextmanager
    async def local(self, key: str) -> AsyncIterator[Path]:
        """Give the file itself; it is not to be written."""
        path = self.path(key)
        await asyncio.to_thread(path.stat)
        yield path

    async def kept(self, room: str) -> AsyncIterator[Kept]:
        """Look through the directory, past what is being written."""
        for kept in await asyncio.to_thread(self._kept, self.path(room)):
            yield kept

    def _kept(self, room: Path) -> list[Kept]:
        found = []
        for path in room.rglob("[!.]*"):
            with contextlib.suppress(FileNotFoundError):
                facts = path.stat()
                if stat.S_ISREG(facts.st_mode):
                    found.append(Kept(path.relative_to(self.directory).as_posix(), facts.st_mtime))
        return found

    async def sweep(self) -> None:
        """Remove what was left unfinished when a process died, a day ago or earlier."""
        await asyncio.to_thread(self._sweep)

    def _sweep(self) -> None:
        for room in ("files", "uploads"):
            for partial in (self.directory / room).rglob(".incoming-*"):
                with contextlib.suppress(OSError):
                    if time.time() - partial.stat().st_mtime > _ABANDONED:
                        partial.unlink()


def _sync_directory(directory: Path) -> None:
    """Make a rename last a power failure."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_storage(where: str, data: Path, *, reserve: int = 0) -> Storage:
    """Return the storage that the setting ``file_storage`` names: ``file``, or ``s3://BUCKET/PREFIX``.

    ``reserve``: bytes that are left free on a local disk. Raises ``AcsError`` where it is neither, or what it
    needs is not installed.
    """
    if where == "file":
        return DiskStorage(data, reserve=reserve)
    from acs.files.s3 import S3Storage

    return S3Storage(where)


async def read_chunks(path: Path) -> AsyncIterator[bytes]:
    """Yield the content of a file of the operator."""
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while chunk := await asyncio.to_thread(file.read, CHUNK):
            yield chunk
    finally:
        file.close()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def take_in(storage: Storage, source: Path) -> Stored:
    """Copy an operator's file into ``storage`` under ``files/<its SHA-256>``.

    Raises ``AcsError`` when it can't be read, there is no room, or it changes meanwhile.
    """
    try:
        sha256 = await asyncio.to_thread(_digest, source)
        stored = await storage.put(f"files/{sha256}", read_chunks(source))
        if stored.sha256 != sha256:
            await storage.delete(f"files/{sha256}")
            raise AcsError(f"can't take in {source}: it changed while it was read")
    except OSError as error:
        raise AcsError(f"can't take in {source}: {error}") from error
    return stored
