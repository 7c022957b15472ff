"""The file server for devices: streamed, with Range, through URLs that expire and fit one device only."""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from sqlalchemy import Connection

from acs import devices as dev
from acs.devices import CatalogueFile
from acs.errors import AcsError
from acs.files import FileGrant, FileUrls
from acs.observability import Metrics
from acs.security import private_directory
from acs.store import Store

__all__ = ["FileStore", "file_handler"]

_CHUNK = 1024 * 1024
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FileStore:
    """The catalogue's files on disk, each under the SHA-256 of its content."""

    directory: Path

    def path(self, file: CatalogueFile) -> Path:
        """Return where the content lies."""
        return self.directory / file.sha256

    def take_in(self, source: Path) -> tuple[str, int]:
        """Copy ``source`` in; return SHA-256 (hexadecimal) and size in bytes.

        Raises ``AcsError`` when it can't be read or there is no room.
        """
        private_directory(self.directory)
        digest, size = hashlib.sha256(), 0
        partial = self.directory / f".incoming-{os.getpid()}"
        try:
            with source.open("rb") as reader, partial.open("wb") as writer:
                while chunk := reader.read(_CHUNK):
                    digest.update(chunk)
                    writer.write(chunk)
                    size += len(chunk)
                writer.flush()
                os.fsync(writer.fileno())
        except OSError as error:
            raise AcsError(f"can't take in {source}: {error}") from error
        partial.replace(self.directory / digest.hexdigest())
        return digest.hexdigest(), size


def file_handler(store: Store, files: FileStore, urls: FileUrls, metrics: Metrics) -> Handler:
    """Return the handler of ``GET /files/{token}/{name}``."""

    async def handle(request: web.Request) -> web.StreamResponse:
        grant = urls.open(request.match_info["token"])
        if grant is None or grant.name != request.match_info["name"]:
            return _no(404, "no-grant", "there is no such file")
        if grant.expires_at < store.clock():
            return _no(410, "expired", "this URL has expired; the ACS has to be asked for a new one")
        found = await store.read(_lookup, grant)
        if found is None:
            return _no(403, "refused", "this device may not fetch this file")
        metrics.files.labels("served").inc()
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Disposition": "attachment",
            "X-Content-Type-Options": "nosniff",
            "Repr-Digest": f"sha-256=:{base64.b64encode(bytes.fromhex(found.sha256)).decode()}:",
        }
        return web.FileResponse(files.path(found), headers=headers, chunk_size=_CHUNK)

    def _no(status: int, reason: str, text: str) -> web.Response:
        metrics.files.labels(reason).inc()
        _log.warning("file refused", reason=reason)
        return web.Response(status=status, text=text + "\n")

    return handle


def _lookup(conn: Connection, grant: FileGrant) -> CatalogueFile | None:
    if dev.get(conn, grant.device_id).blocked:
        return None
    return dev.find_file(conn, grant.name)
