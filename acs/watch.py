"""What a node watches over beside its work: the audit's end is signed, certificates do not expire unseen."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import msgspec
import structlog

from acs import devices as dev
from acs.security.signing import SigningKey
from acs.settings import Settings
from acs.store import Store

__all__ = ["AuditKeeper"]

_SIGN = 300.0  # seconds between two checkpoints
_log = structlog.get_logger(__name__)


class AuditKeeper:
    """Signs the end of the audit now and then, in the database and in a file beside the node's data."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._key = SigningKey.load_or_create(settings.data / "pki" / "audit.key")
        self._file = settings.data / "audit-checkpoints.jsonl"

    async def sign(self) -> dev.Checkpoint | None:
        """Make a checkpoint where the audit has grown; return it."""
        made = await self._store.write(dev.make_checkpoint, self._key, now=self._store.clock())
        if made is not None:
            await asyncio.to_thread(_append, self._file, msgspec.json.encode(made))
            # A log collector keeps it where nobody here can reach it.
            _log.info("audit checkpoint", entry=made.entry, hash=made.hash, signature=made.signature)
        return made

    async def run(self) -> None:
        """Sign now and then until cancelled, and once more at the end."""
        try:
            while True:
                await asyncio.sleep(_SIGN)
                try:
                    await self.sign()
                except Exception:  # noqa: BLE001 - it is tried again
                    _log.exception("the audit could not be signed; it is tried again")
        finally:
            await self.sign()


def _append(path: Path, line: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
