"""The node's signing key (Ed25519): made at the first start, private to its owner."""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from acs.errors import AcsError
from acs.security.secrets import private_directory, write_private

__all__ = ["SigningKey", "signature_holds"]


class SigningKey:
    """Signs what a node vouches for; ``public`` is the public key, hexadecimal."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = key.public_key().public_bytes_raw().hex()

    def sign(self, message: bytes) -> str:
        """Return the signature, hexadecimal."""
        return self._key.sign(message).hex()

    @classmethod
    def load_or_create(cls, path: Path) -> SigningKey:
        """Load the key in ``path``, making one the first time. Raises ``AcsError`` for what is none."""
        if not path.exists():
            private_directory(path.parent)
            form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
            made = Ed25519PrivateKey.generate()
            write_private(path, made.private_bytes(*form, serialization.NoEncryption()))
            return cls(made)
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), None)
        except (OSError, ValueError, TypeError) as error:
            raise AcsError(f"can't load the signing key {path}: {error}") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise AcsError(f"{path} holds no Ed25519 key; move it away to have a new one made")
        return cls(key)


def signature_holds(public: str, signature: str, message: bytes) -> bool:
    """Tell whether ``signature`` over ``message`` was made with the key of ``public``; both hexadecimal."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(bytes.fromhex(signature), message)
    except (ValueError, InvalidSignature):
        return False
    return True
