"""Sending a file of the catalogue to a device: the part that it asks for, a chunk at a time.

The content is read by threads and never in memory as a whole. Over TLS every byte passes through this
process, as the encryption is here; so there is no sendfile, and the pace is kept here too.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping
from typing import NoReturn
from urllib.parse import quote

import structlog
from aiohttp import hdrs, web
from sqlalchemy import Connection

from acs.devices import Device
from acs.errors import AcsError
from acs.files import CHUNK, CatalogueFile, FileGrant, Storage, TransferRefused, find_file, why_not
from acs.southbound.files.ranges import http_date, part_wanted
from acs.southbound.files.transfers import Transfers
from acs.southbound.guarded import SERVER

__all__ = ["find_content", "send"]

_log = structlog.get_logger(__name__)


def find_content(
    conn: Connection, device: Device, grant: FileGrant, minimal_versions: Mapping[str, str]
) -> CatalogueFile:
    """Return the file that ``grant`` names. Raises ``TransferRefused`` when the device may not have it."""
    found = find_file(conn, grant.name)
    if found is None:
        raise TransferRefused(404, "no-grant", "there is no such file")
    reason = why_not(found, device, minimal_versions, emergency=grant.emergency)
    if reason:
        raise TransferRefused(403, "not-released", reason)
    return found


async def send(
    request: web.Request, file: CatalogueFile, storage: Storage, transfers: Transfers, device_id: int
) -> web.StreamResponse:
    """Answer a GET or HEAD. Raises ``TransferRefused`` when the content is gone or all slots are taken."""
    head = request.method == hdrs.METH_HEAD
    part = part_wanted(request.headers, etag=file.sha256, modified=file.created_at, size=file.size, head=head)
    if part.status in (412, 416):
        return _unsatisfied(part.status, file)
    response = web.StreamResponse(status=part.status, headers=_headers(file))
    if part.status == 304:
        return await _finish(request, response)
    if part.status == 206:
        response.headers[hdrs.CONTENT_RANGE] = f"bytes {part.start}-{part.end - 1}/{file.size}"
    response.content_length = part.end - part.start
    if head or part.start == part.end:
        return await _finish(request, response)
    with transfers.slot(device_id) as key:
        try:
            chunks = storage.get(f"files/{file.sha256}", part.start, part.end)
            await _stream(request, response, chunks, transfers, key)
        except (OSError, AcsError) as error:
            if isinstance(error, ConnectionError):
                raise
            if response.prepared:
                _break_off(request, file, error)
            if isinstance(error, FileNotFoundError):
                raise TransferRefused(500, "missing", "the ACS has lost the content of this file") from None
            raise TransferRefused(503, "storage", "the ACS can't read it now", retry_after=60) from error
    return response


def _unsatisfied(status: int, file: CatalogueFile) -> web.Response:
    """Return an answer that carries nothing of the file, and says so in words."""
    headers = {"Server": SERVER, "ETag": f'"{file.sha256}"'}
    if status == 412:
        return web.Response(status=412, headers=headers, text="the file is not the one that is meant\n")
    headers[hdrs.CONTENT_RANGE] = f"bytes */{file.size}"
    return web.Response(status=416, headers=headers, text=f"the file has {file.size} bytes\n")


def _break_off(request: web.Request, file: CatalogueFile, error: Exception) -> NoReturn:
    """Cut an answer off that can't be completed: whatever else were sent would be taken for the file."""
    _log.error("a file broke off on its way to a device", file=file.name, why=str(error)[:300])
    if request.transport is not None:
        request.transport.abort()
    raise ConnectionResetError("the content of the file can't be read any more") from error


async def _stream(
    request: web.Request,
    response: web.StreamResponse,
    chunks: AsyncIterator[bytes],
    transfers: Transfers,
    key: str,
) -> None:
    most = transfers.largest(CHUNK)
    async for chunk in chunks:
        if not response.prepared:  # not before there is something to send: until then it can be refused
            await response.prepare(request)
        for offset in range(0, len(chunk), most):
            piece = memoryview(chunk)[offset : offset + most]
            await transfers.pace(key, len(piece))
            await response.write(piece)
    await response.write_eof()


async def _finish(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    await response.prepare(request)
    await response.write_eof()
    return response


def _headers(file: CatalogueFile) -> dict[str, str]:
    digest = base64.b64encode(bytes.fromhex(file.sha256)).decode("ascii")
    return {
        "Server": SERVER,
        "Content-Type": "application/octet-stream",
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-transform",
        "Accept-Ranges": "bytes",
        "ETag": f'"{file.sha256}"',
        "Last-Modified": http_date(file.created_at),
        "Repr-Digest": f"sha-256=:{digest}:",
    }
