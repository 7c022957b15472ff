"""Entering an operator's file: signature checked, content stored, row made."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path

from acs.errors import AcsError
from acs.files.catalogue import CatalogueFile, add_file, is_catalogued, remove_file
from acs.files.signatures import TrustedSigners
from acs.files.storage import Storage, take_in
from acs.store import Store

__all__ = ["enter_file", "leave_out"]


async def enter_file(
    store: Store,
    storage: Storage,
    signers: TrustedSigners,
    source: Path,
    *,
    name: str,
    file_type: str,
    version: str,
    who: str,
    signature: bytes | None = None,
    product_class: str = "*",
    oui: str = "*",
    hardware: str = "*",
    release_notes: str = "",
    now: float | None = None,
) -> CatalogueFile:
    """Put ``source`` into the catalogue under ``name``; see ``add_file``.

    Raises ``AcsError`` when it can't be read, or ``signature`` is that of none of the trusted signers.
    """
    signer = None
    if signature is not None:
        try:
            signer = await asyncio.to_thread(signers.signer_of, source, signature)
        except OSError as error:
            raise AcsError(f"can't read {source}: {error}") from error
        if signer is None:
            raise AcsError(
                f"the signature of {source} is that of none of the trusted signers; see: acs files signers"
            )
    stored = await take_in(storage, source)
    try:
        return await store.write(
            add_file,
            name,
            file_type=file_type,
            version=version,
            sha256=stored.sha256,
            size=stored.size,
            who=who,
            now=time.time() if now is None else now,
            product_class=product_class,
            oui=oui,
            hardware=hardware,
            release_notes=release_notes,
            signature=signature,
            signer=signer.fingerprint if signer else "",
        )
    except AcsError:
        await _drop(store, storage, stored.sha256)
        raise


async def leave_out(store: Store, storage: Storage, name: str, *, who: str, now: float) -> CatalogueFile:
    """Remove a file from the catalogue, and its content where no other has the same; see ``remove_file``.

    The row goes first: a content that nobody knows of is swept later.
    """
    removed: CatalogueFile = await store.write(remove_file, name, who=who, now=now)
    await _drop(store, storage, removed.sha256)
    return removed


async def _drop(store: Store, storage: Storage, sha256: str) -> None:
    """Delete a content that no row has; what fails here, housekeeping does."""
    with contextlib.suppress(OSError):
        if not await store.read(is_catalogued, sha256):
            await storage.delete(f"files/{sha256}")
