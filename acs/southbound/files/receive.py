"""Taking in what devices send: PUT, or POST as a plain body or as multipart/form-data.

The body goes to the storage as it comes, hashed on its way; nothing of it is kept in memory beyond a chunk.
It is answered when content and row are durable. It is never executed, and no URL serves it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from fnmatch import fnmatchcase

import structlog
from aiohttp import BodyPartReader, MultipartReader, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from acs.files import (
    Claim,
    Storage,
    TransferRefused,
    break_upload,
    complete_upload,
)
from acs.store import Store

__all__ = ["FORM", "accepted", "media_type_of", "receive"]

_PIECE = 256 * 1024  # bytes gathered before they are written
_OTHER_PARTS = 8  # of a form, before the file
_FIELDS = 64 * 1024  # bytes of them together
FORM = "multipart/form-data"
_log = structlog.get_logger(__name__)


def media_type_of(request: web.Request) -> str:
    """Return the Content-Type without its parameters, lower case; empty when there is none."""
    return request.headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip().lower()[:128]


def accepted(media_type: str, patterns: list[str]) -> bool:
    """Tell whether a body of this type may come; one that says nothing of itself may."""
    return not media_type or any(fnmatchcase(media_type, pattern) for pattern in patterns)


async def receive(
    request: web.Request,
    claim: Claim,
    store: Store,
    storage: Storage,
    *,
    types: list[str],
    timeout: float,  # noqa: ASYNC109 - of the whole transfer; it is told to the device
) -> int:
    """Store the body that ``claim`` let in; return its size. Raises ``TransferRefused``.

    However it ends, the claim is settled: as stored, or as broken so that the device may send it again.
    """
    try:
        async with asyncio.timeout(timeout):
            stored = await storage.put(claim.storage_key, _counted(_chunks(request, types), claim.most))
        _demand(await store.write(complete_upload, claim, stored, now=store.clock()))
    except BaseException as error:
        told = _told(error, timeout)
        await _undo(store, storage, claim, told.text if told else "the connection broke")
        if told is None or told is error:
            raise
        raise told from error
    return stored.size


def _demand(kept: bool) -> None:
    if not kept:
        raise TransferRefused(409, "overtaken", "a newer attempt to send this file took over")


def _told(error: BaseException, seconds: float) -> TransferRefused | None:
    """Return what the device is told; None where there is nobody left to be told."""
    match error:
        case TransferRefused():
            return error
        case TimeoutError():
            return TransferRefused(408, "slow", f"it took longer than {seconds:g} s")
        case ConnectionError():
            return None
        case OSError():
            _log.error("an upload can't be stored", why=str(error))
            return TransferRefused(507, "storage", "the ACS can't store it now", retry_after=300)
        case ValueError() | web.HTTPRequestEntityTooLarge() | HttpProcessingError():
            return TransferRefused(400, "bad-body", f"the body is broken: {error}"[:200])
        case _:
            return None


async def _undo(store: Store, storage: Storage, claim: Claim, reason: str) -> None:
    """Free what a broken attempt holds; what fails here, housekeeping does later."""
    try:
        if await store.write(break_upload, claim, reason, now=store.clock()):
            await storage.delete(claim.storage_key)
    except Exception:  # noqa: BLE001 - the first error is the one to tell
        _log.exception("a broken upload can't be cleared away; housekeeping will do it")


async def _counted(chunks: AsyncIterator[bytes], most: int) -> AsyncIterator[bytes]:
    """Pass chunks on, gathered, until there are too many bytes of them."""
    gathered, total = bytearray(), 0
    async for chunk in chunks:
        total += len(chunk)
        if total > most:
            raise TransferRefused(413, "too-large", f"more than {most} bytes came")
        gathered += chunk
        if len(gathered) >= _PIECE:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)


async def _chunks(request: web.Request, types: list[str]) -> AsyncIterator[bytes]:
    if media_type_of(request) != FORM:
        async for chunk in request.content.iter_chunked(_PIECE):
            yield chunk
        return
    reader = await request.multipart()
    part = await _file_of(reader)
    media_type = part.headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip().lower()
    if not accepted(media_type, types):
        raise TransferRefused(415, "wrong-type", f"{media_type[:60]} is not taken here")
    while chunk := await part.read_chunk(_PIECE):
        yield chunk
    if await reader.next() is not None:
        raise ValueError("something comes after the file")


async def _file_of(reader: MultipartReader) -> BodyPartReader:
    """Return the part of a form that is a file, passing over the fields before it."""
    fields = 0
    for _ in range(_OTHER_PARTS):
        part = await reader.next()
        if not isinstance(part, BodyPartReader):
            break
        if part.filename is not None or part.name == "file":
            return part
        while chunk := await part.read_chunk(_PIECE):
            fields += len(chunk)
            if fields > _FIELDS:
                raise ValueError("its fields are too large")
    raise ValueError("the form has no file")
