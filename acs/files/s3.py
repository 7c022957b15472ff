"""Files in an S3-compatible store, for several nodes or more files than a disk should hold.

Endpoint and credentials come from the environment (``AWS_ENDPOINT_URL``, ``AWS_REGION``,
``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``; for a laboratory without TLS ``AWS_ALLOW_HTTP=true``), or
from whatever identity the machine has. Devices never see the store: the ACS streams, as what a device makes
of a redirect to another host nobody knows.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from acs.errors import AcsError
from acs.files.storage import CHUNK, Kept, Stat, Stored

try:
    import obstore
    from obstore.exceptions import BaseError
    from obstore.store import S3Store
except ImportError as error:  # an extra
    raise AcsError("files in S3 need obstore; install femto-acs[s3]") from error


if TYPE_CHECKING:
    from obstore import GetOptions

__all__ = ["S3Storage"]

_TIMEOUT = timedelta(seconds=60)  # of one request; a large body is many
_PARTS = 2  # of 5 MB, in memory for each body that is being put


@contextlib.contextmanager
def _as_oserror() -> Iterator[None]:
    """Raise what the library raises as the ``OSError`` that ``Storage`` promises."""
    try:
        yield
    except BaseError as error:
        raise OSError(str(error).partition("\n")[0]) from error


class S3Storage:
    """``s3://bucket/prefix``. Raises ``AcsError`` for a URL that is none, or without credentials."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
            raise AcsError(f"{url!r} is no place for files; use s3://BUCKET/PREFIX")
        try:
            self._store = S3Store(
                parts.netloc,
                prefix=parts.path.strip("/") or None,
                client_options={
                    "timeout": _TIMEOUT,
                    "connect_timeout": timedelta(seconds=10),
                    "allow_http": os.environ.get("AWS_ALLOW_HTTP", "").lower() == "true",
                },
                retry_config={"max_retries": 3, "retry_timeout": _TIMEOUT},
            )
        except (BaseError, ValueError) as error:
            raise AcsError(f"can't use {url}: {str(error).partition(chr(10))[0]}") from error

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> Stored:
        """Upload in parts; they become an object only when all of them are there."""
        digest, size = hashlib.sha256(), 0

        async def counted() -> AsyncIterator[bytes]:
            nonlocal size
            async for chunk in chunks:
                await asyncio.to_thread(digest.update, chunk)
                size += len(chunk)
                yield chunk

        with _as_oserror():
            await obstore.put_async(self._store, key, counted(), max_concurrency=_PARTS)
        return Stored(digest.hexdigest(), size)

    async def get(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Stream the range."""
        if end is not None and end <= start:
            return
        with _as_oserror():
            options: GetOptions = {}
            if end is not None:
                options["range"] = (start, end)
            elif start:
                options["range"] = {"offset": start}
            found = await obstore.get_async(self._store, key, options=options)
            async for chunk in found.stream(min_chunk_size=CHUNK // 4):
                yield bytes(chunk)

    async def stat(self, key: str) -> Stat:
        """Ask for size and ETag."""
        with _as_oserror():
            found = await obstore.head_async(self._store, key)
        return Stat(found["size"], found["e_tag"] or found["last_modified"].isoformat())

    async def delete(self, key: str) -> None:
        """Delete the object."""
        with _as_oserror(), contextlib.suppress(FileNotFoundError):
            await obstore.delete_async(self._store, key)

    async def kept(self, room: str) -> AsyncIterator[Kept]:
        """List the objects, a page at a time."""
        with _as_oserror():
            async for page in obstore.list(self._store, f"{room}/"):
                for each in page:
                    yield Kept(each["path"], each["last_modified"].timestamp())

    @contextlib.asynccontextmanager
    async def local(self, key: str) -> AsyncIterator[Path]:
        """Fetch it to a temporary file."""
        with tempfile.NamedTemporaryFile(prefix="femto-acs-") as file:  # 0600
            async for chunk in self.get(key):
                await asyncio.to_thread(file.write, chunk)
            await asyncio.to_thread(file.flush)
            yield Path(file.name)
