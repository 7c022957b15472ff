"""Sealing: authenticated encryption of small things (secrets at rest, cookies, URLs)."""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["SealError", "Sealer"]

_NONCE = 12


class SealError(Exception):
    """What was given is not something this key sealed in this context."""


class Sealer:
    """AES-256-GCM under one key; ``context`` binds a seal to its purpose."""

    def __init__(self, key: bytes) -> None:
        if len(key) != 32:
            raise ValueError(f"a sealing key has 32 bytes, this one has {len(key)}")
        self._cipher = AESGCM(key)

    def seal(self, plain: bytes, context: bytes = b"") -> bytes:
        """Return ``plain`` encrypted and authenticated, 28 bytes longer."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, plain, context)

    def open(self, sealed: bytes, context: bytes = b"") -> bytes:
        """Return the plain bytes; ``SealError`` when forged, cut, or sealed for another context."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], context)
        except (InvalidTag, ValueError):
            raise SealError("the seal is broken") from None
