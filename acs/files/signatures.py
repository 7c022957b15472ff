"""Detached signatures of files, and the keys of the signers that this node trusts.

A signature is over the whole content: Ed25519, ECDSA, or RSA with PKCS #1 v1.5, the latter two with
SHA-256, SHA-384 or SHA-512, as ``openssl pkeyutl -sign -rawin`` and ``openssl dgst -sign`` make them; raw
or in base64.
Trusted keys are kept in the data directory: who can write to the database alone can release nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import mmap
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from acs.errors import AcsError
from acs.security import private_directory, write_private

__all__ = ["Signer", "TrustedSigners", "read_signature", "verified"]

SignerKey = Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey
_HASHES: tuple[hashes.HashAlgorithm, ...] = (hashes.SHA256(), hashes.SHA384(), hashes.SHA512())
_LEAST_RSA, _LEAST_EC = 2048, 256  # bits (TS 33.310 6.1)
_LONGEST = 8192  # bytes of a signature, in whatever coding
_CHUNK = 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def _public_key(pem: bytes, source: str) -> SignerKey:
    """Read a public key, or the one in a certificate. Raises ``AcsError``."""
    try:
        key: Any = (
            x509.load_pem_x509_certificate(pem).public_key()
            if b"BEGIN CERTIFICATE" in pem
            else load_pem_public_key(pem)
        )
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise AcsError(f"{source} holds no public key and no certificate in PEM: {error}") from error
    if not isinstance(key, SignerKey):
        raise AcsError(f"the key in {source} is neither Ed25519 nor EC nor RSA")
    least = _LEAST_RSA if isinstance(key, rsa.RSAPublicKey) else _LEAST_EC
    if not isinstance(key, Ed25519PublicKey) and key.key_size < least:
        raise AcsError(f"the key in {source} has {key.key_size} bits; {least} are needed")
    return key


@dataclass(frozen=True, slots=True)
class Signer:
    """A signer that is trusted; ``fingerprint``: SHA-256 of its SubjectPublicKeyInfo, hexadecimal."""

    name: str
    fingerprint: str
    algorithm: str
    key: SignerKey


def _signer(name: str, key: SignerKey) -> Signer:
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    match key:
        case Ed25519PublicKey():
            algorithm = "Ed25519"
        case rsa.RSAPublicKey():
            algorithm = f"RSA-{key.key_size}"
        case _:
            algorithm = f"ECDSA-{key.curve.name}"
    return Signer(name, hashlib.sha256(der).hexdigest(), algorithm, key)


class TrustedSigners:
    """The keys in ``<data>/pki/signers.d``, one PEM file each. Read anew at each look: there are few."""

    def __init__(self, data: Path) -> None:
        self.directory = data / "pki" / "signers.d"

    def all(self) -> list[Signer]:
        """Return the signers. Raises ``AcsError`` naming a file that is no key."""
        found = sorted(self.directory.glob("*.pem")) if self.directory.is_dir() else []
        return [_signer(path.stem, _public_key(path.read_bytes(), str(path))) for path in found]

    def find(self, fingerprint: str) -> Signer | None:
        """Return the signer with this key."""
        return next((each for each in self.all() if each.fingerprint == fingerprint), None)

    def trust(self, name: str, pem: bytes, source: str) -> Signer:
        """Trust a key from now on. Raises ``AcsError`` when it is none, or the name is taken."""
        if not _NAME.fullmatch(name):
            raise AcsError(f"{name!r} can't be a signer's name; use letters, digits, '-', '_' and '.'")
        signer = _signer(name, _public_key(pem, source))
        path = private_directory(self.directory) / f"{name}.pem"
        taken = next((each for each in self.all() if each.name == name), None)
        if taken is not None and taken.fingerprint != signer.fingerprint:
            raise AcsError(f"there is another signer named {name!r}; remove it first, or choose a new name")
        write_private(path, signer.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        return signer

    def distrust(self, name: str) -> Signer:
        """Trust a key no longer. Raises ``AcsError`` when there is none of that name."""
        found = next((each for each in self.all() if each.name == name), None)
        if found is None:
            raise AcsError(f"there is no signer named {name!r}; see: acs files signers")
        (self.directory / f"{name}.pem").unlink()
        return found

    def signer_of(self, path: Path, signature: bytes) -> Signer | None:
        """Return who of the trusted signed the file; None when nobody did. It is read at most twice."""
        return next((each for each in self.all() if verified(each, path, signature)), None)


def read_signature(content: bytes) -> bytes:
    """Return a signature from a file's content: raw, or base64 on lines. Raises ``AcsError``."""
    if not 0 < len(content) <= _LONGEST:
        raise AcsError(f"a signature of {len(content)} bytes is none")
    try:
        return base64.b64decode(b"".join(content.split()), validate=True)
    except (binascii.Error, ValueError):
        return content


def verified(signer: Signer, path: Path, signature: bytes) -> bool:
    """Tell whether ``signature`` is the signer's, over the content of ``path``."""
    key = signer.key
    try:
        if isinstance(key, Ed25519PublicKey):
            _verify_whole(key, path, signature)
            return True
        return any(_verify_digest(key, signature, kind, digest) for kind, digest in _digests(path))
    except InvalidSignature:
        return False


def _verify_whole(key: Ed25519PublicKey, path: Path, signature: bytes) -> None:
    """Ed25519 goes over the content twice: it is mapped, so that it need not be held."""
    with path.open("rb") as file:
        if not path.stat().st_size:
            key.verify(signature, b"")
            return
        with (
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
            memoryview(mapped) as content,
        ):
            key.verify(signature, content)


def _digests(path: Path) -> list[tuple[hashes.HashAlgorithm, bytes]]:
    running = [(kind, hashes.Hash(kind)) for kind in _HASHES]
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            for _, each in running:
                each.update(chunk)
    return [(kind, each.finalize()) for kind, each in running]


def _verify_digest(
    key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
    signature: bytes,
    kind: hashes.HashAlgorithm,
    digest: bytes,
) -> bool:
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, digest, padding.PKCS1v15(), Prehashed(kind))
        else:
            key.verify(signature, digest, ec.ECDSA(Prehashed(kind)))
    except InvalidSignature:
        return False
    return True
