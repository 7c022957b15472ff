"""Whether what the storage holds is still what was released: SHA-256 and signature, before it is given away.

The whole content is read once for each version of it that the storage has had since this process started;
whether its signer is trusted still is asked each time.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from pathlib import Path

from acs.files.catalogue import FIRMWARE, CatalogueFile
from acs.files.signatures import Signer, TrustedSigners, verified
from acs.files.storage import Storage

__all__ = ["Integrity"]

_REMEMBERED = 4096


class Integrity:
    """Checks files of the catalogue against the storage and the trusted signers."""

    def __init__(self, storage: Storage, signers: TrustedSigners) -> None:
        self._storage, self._signers = storage, signers
        self._good: OrderedDict[tuple[str, str, str], None] = OrderedDict()
        self._lock = asyncio.Lock()  # one content at a time: reading is what costs

    async def problem(self, file: CatalogueFile) -> str:
        """Return why the content can't be given away; empty: it can. ``OSError`` where it can't be read."""
        signer = await asyncio.to_thread(self._signers.find, file.signer) if file.signer else None
        if signer is None and (file.signer or file.file_type == FIRMWARE):
            return "its signer is not trusted on this node (any more)"
        key = f"files/{file.sha256}"
        mark = (file.sha256, (await self._storage.stat(key)).version, file.signer)
        if mark in self._good:
            return ""
        async with self._lock:
            if mark in self._good:
                return ""
            async with self._storage.local(key) as path:
                problem = await asyncio.to_thread(_examine, path, file, signer)
            if not problem:
                self._good[mark] = None
                while len(self._good) > _REMEMBERED:
                    self._good.popitem(last=False)
        return problem


def _examine(path: Path, file: CatalogueFile, signer: Signer | None) -> str:
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    if digest != file.sha256:
        return f"its SHA-256 is {digest}, not what was released"
    if signer is not None and not verified(signer, path, file.signature or b""):
        return f"its signature is not that of {signer.name}"
    return ""
