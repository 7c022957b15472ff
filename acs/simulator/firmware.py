"""Software images and the HeNB's two banks.

An image is one line of JSON, then the payload; the line names product class, version and SHA-256 of
the payload and is signed by the vendor (Ed25519 over the rest of the line).
"""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

__all__ = ["Banks", "ImageError", "build_image", "verify_image"]

_MAGIC = "femto-image-1"


class ImageError(Exception):
    """The image can't be used; ``fault_code`` is what TransferComplete tells (TR-069 A.5.1)."""

    def __init__(self, fault_code: int, text: str) -> None:
        super().__init__(text)
        self.fault_code = fault_code


class _Header(msgspec.Struct, frozen=True):
    magic: str
    product_class: str
    version: str
    sha256: str
    signature: str = ""


def _signed(header: _Header) -> bytes:
    return "\n".join((header.magic, header.product_class, header.version, header.sha256)).encode()


def build_image(version: str, product_class: str, key: Ed25519PrivateKey, *, size: int = 65536) -> bytes:
    """Return an image of ``size`` random payload bytes, signed with the vendor's key."""
    payload = os.urandom(size)
    header = _Header(_MAGIC, product_class, version, hashlib.sha256(payload).hexdigest())
    signature = base64.b64encode(key.sign(_signed(header))).decode("ascii")
    return msgspec.json.encode(msgspec.structs.replace(header, signature=signature)) + b"\n" + payload


def verify_image(content: bytes, product_class: str, vendor: Ed25519PublicKey) -> str:
    """Return the version of a good image; ``ImageError`` 9018 when corrupted, 9019 when not the vendor's."""
    line, _, payload = content.partition(b"\n")
    try:
        header = msgspec.json.decode(line, type=_Header)
        signature = base64.b64decode(header.signature, validate=True)
    except (msgspec.DecodeError, ValueError) as error:
        raise ImageError(9018, f"no image: {error}") from error
    if header.magic != _MAGIC or hashlib.sha256(payload).hexdigest() != header.sha256:
        raise ImageError(9018, "the payload is not what the header says")
    try:
        vendor.verify(signature, _signed(header))
    except InvalidSignature:
        raise ImageError(9019, "the image is not signed by the vendor") from None
    if header.product_class != product_class:
        raise ImageError(9016, f"the image is for {header.product_class}")
    return header.version


@dataclass(slots=True)
class Banks:
    """Two banks of software; one runs, the other takes what is downloaded.

    ``protected`` is the version of the fail-safe image in a third one, which nothing writes; ``fail_safe``:
    that one runs (S1 L82).
    """

    versions: list[str]
    active: int = 0
    modified: bool = False
    protected: str = "failsafe-1.0"
    fail_safe: bool = False

    @property
    def running(self) -> str:
        """The version that runs."""
        return self.protected if self.fail_safe else self.versions[self.active]

    def install(self, version: str) -> None:
        """Write the other bank and run it from the next boot on; it is as the vendor made it."""
        self.active = 1 - self.active
        self.versions[self.active] = version
        self.modified = False
