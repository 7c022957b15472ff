"""STUN as TR-069 Annex G uses it: messages and attributes, bytes ↔ values. Pure.

Devices speak the classic STUN of RFC 3489, some in the clothes of RFC 5389 (cookie, XOR-MAPPED-ADDRESS).
The two differ here in three ways, and both are read: what the transaction id is (16 bytes are kept as they
came), how an attribute is padded, and what MESSAGE-INTEGRITY is computed over (RFC 3489 11.2.8 pads the text
with zeros to a multiple of 64 bytes, RFC 5389 15.4 does not).
"""

from __future__ import annotations

import hmac
import ipaddress
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

__all__ = [
    "BINDING_ERROR",
    "BINDING_REQUEST",
    "BINDING_RESPONSE",
    "CONNECTION_REQUEST",
    "MAX_MESSAGE",
    "REASONS",
    "Attribute",
    "Endpoint",
    "StunError",
    "StunMessage",
    "decode",
    "encode",
    "endpoint_text",
    "error_value",
    "integrity_holds",
    "mapped_address",
    "pack_endpoint",
    "parse_endpoint",
    "unpack_endpoint",
]

BINDING_REQUEST, BINDING_RESPONSE, BINDING_ERROR = 0x0001, 0x0101, 0x0111
CONNECTION_REQUEST = b"dslforum.org/TR-111 "  # the value of CONNECTION-REQUEST-BINDING (TR-069 G.2.1.1)
MAX_MESSAGE = 1024
_MOST_ATTRIBUTES = 32
_COOKIE = b"\x21\x12\xa4\x42"
_HEADER = struct.Struct(">HH16s")
_DIGEST = 20

Endpoint = tuple[str, int]
"""An address and a port."""


class Attribute(IntEnum):
    """The attributes that are known here; those below 0x8000 have to be understood (RFC 3489 11.2)."""

    MAPPED_ADDRESS = 0x0001
    RESPONSE_ADDRESS = 0x0002
    CHANGE_REQUEST = 0x0003
    SOURCE_ADDRESS = 0x0004
    CHANGED_ADDRESS = 0x0005
    USERNAME = 0x0006
    PASSWORD = 0x0007
    MESSAGE_INTEGRITY = 0x0008
    ERROR_CODE = 0x0009
    UNKNOWN_ATTRIBUTES = 0x000A
    REFLECTED_FROM = 0x000B
    XOR_MAPPED_ADDRESS = 0x0020
    CONNECTION_REQUEST_BINDING = 0xC001
    BINDING_CHANGE = 0xC002


REASONS = {
    400: "Bad Request",
    401: "Unauthorized",
    420: "Unknown Attribute",
    430: "Stale Credentials",
    431: "Integrity Check Failure",
    432: "Missing Username",
    500: "Server Error",
}
"""The error codes of RFC 3489 11.2.9 that may come of a Binding Request."""


class StunError(ValueError):
    """These bytes are no STUN message, and why."""


@dataclass(frozen=True, slots=True)
class StunMessage:
    """A message: its type, the 16 bytes of its transaction, its attributes in order."""

    kind: int
    transaction: bytes
    attributes: tuple[tuple[int, bytes], ...] = ()

    def get(self, attribute: int) -> bytes | None:
        """Return the value of the first attribute of this type."""
        return next((value for kind, value in self.attributes if kind == attribute), None)

    @property
    def modern(self) -> bool:
        """Whether it bears the magic cookie of RFC 5389."""
        return self.transaction.startswith(_COOKIE)

    @property
    def unknown(self) -> tuple[int, ...]:
        """The attributes that would have to be understood and are not."""
        known = {each.value for each in Attribute}
        strange = (kind for kind, _ in self.attributes if kind < 0x8000 and kind not in known)
        return tuple(dict.fromkeys(strange))

    @property
    def username(self) -> str:
        """USERNAME as text, without the padding that RFC 3489 made clients put in; "" without one."""
        return (self.get(Attribute.USERNAME) or b"").decode("utf-8", "replace").rstrip("\0 ")

    @property
    def error_code(self) -> int:
        """The number in ERROR-CODE, 0 without one."""
        value = self.get(Attribute.ERROR_CODE) or b""
        return (value[2] & 7) * 100 + value[3] if len(value) >= 4 else 0


def decode(data: bytes) -> StunMessage:
    """Parse a datagram. Raises ``StunError``."""
    if not _HEADER.size <= len(data) <= MAX_MESSAGE:
        raise StunError(f"it has {len(data)} bytes; a message has {_HEADER.size} to {MAX_MESSAGE}")
    kind, length, transaction = _HEADER.unpack_from(data)
    if kind & 0xC000:
        raise StunError("it begins with no message type")
    if length != len(data) - _HEADER.size:
        raise StunError(f"its length is {length}, but {len(data) - _HEADER.size} bytes follow the header")
    return StunMessage(kind, transaction, tuple((each, value) for each, value, _ in _walk(data)))


def _walk(data: bytes) -> list[tuple[int, bytes, int]]:
    """Return type, value and offset of each attribute."""
    found: list[tuple[int, bytes, int]] = []
    position = _HEADER.size
    while position < len(data):
        if position + 4 > len(data) or len(found) == _MOST_ATTRIBUTES:
            raise StunError(f"what stands at byte {position} is no attribute")
        kind, length = struct.unpack_from(">HH", data, position)
        end = position + 4 + length
        if end > len(data):
            raise StunError(f"the attribute {kind:#06x} ends behind the message")
        found.append((kind, data[position + 4 : end], position))
        position = end + -length % 4  # the last may lack its padding: classic clients know none
    return found


def encode(message: StunMessage, *, password: str | None = None, classic: bool | None = None) -> bytes:
    """Return the bytes of a message, with MESSAGE-INTEGRITY behind its attributes where there is a password.

    ``classic``: as RFC 3489 computes it; by default as the transaction tells.
    """
    body = b"".join(
        struct.pack(">HH", kind, len(value)) + value + bytes(-len(value) % 4)
        for kind, value in message.attributes
    )
    length = len(body) + (4 + _DIGEST if password is not None else 0)
    data = _HEADER.pack(message.kind, length, message.transaction) + body
    if password is None:
        return data
    padded = not message.modern if classic is None else classic
    return data + struct.pack(">HH", Attribute.MESSAGE_INTEGRITY, _DIGEST) + _digest(data, password, padded)


def _digest(text: bytes, password: str, padded: bool) -> bytes:
    if padded:
        text += bytes(-len(text) % 64)
    return hmac.digest(password.encode("utf-8", "surrogateescape"), text, "sha1")


def integrity_holds(data: bytes, password: str) -> bool:
    """Tell whether MESSAGE-INTEGRITY of a message that ``decode`` took was made with this password."""
    place = next((each for each in _walk(data) if each[0] == Attribute.MESSAGE_INTEGRITY), None)
    if place is None or len(place[1]) != _DIGEST:
        return False
    offset = place[2]
    # The length counts up to and with MESSAGE-INTEGRITY, whatever stands behind it (RFC 5389 15.4).
    text = data[:2] + struct.pack(">H", offset + 4 + _DIGEST - _HEADER.size) + data[4:offset]
    good = [hmac.compare_digest(_digest(text, password, padded), place[1]) for padded in (True, False)]
    return any(good)


def pack_endpoint(endpoint: Endpoint, key: bytes = b"") -> bytes:
    """Return the value of an address attribute; with the transaction as ``key`` it is XOR-ed."""
    packed, port = ipaddress.ip_address(endpoint[0]).packed, endpoint[1]
    if key:
        packed = bytes(one ^ other for one, other in zip(packed, key, strict=False))
        port ^= int.from_bytes(key[:2], "big")
    return struct.pack(">xBH", 1 if len(packed) == 4 else 2, port) + packed


def unpack_endpoint(value: bytes, key: bytes = b"") -> Endpoint:
    """Read the value of an address attribute. Raises ``StunError``."""
    sizes = {1: 8, 2: 20}
    if len(value) < 8 or len(value) != sizes.get(value[1]):
        raise StunError("an address attribute has neither 8 nor 20 bytes, or another family")
    port, packed = int.from_bytes(value[2:4], "big"), value[4:]
    if key:
        packed = bytes(one ^ other for one, other in zip(packed, key, strict=False))
        port ^= int.from_bytes(key[:2], "big")
    return str(ipaddress.ip_address(packed)), port


def mapped_address(message: StunMessage) -> Endpoint:
    """Return from where the server saw the request come. Raises ``StunError`` when it does not say."""
    hidden = message.get(Attribute.XOR_MAPPED_ADDRESS)
    if hidden is not None:
        return unpack_endpoint(hidden, message.transaction)
    value = message.get(Attribute.MAPPED_ADDRESS)
    if value is None:
        raise StunError("the answer has no MAPPED-ADDRESS")
    return unpack_endpoint(value)


def error_value(code: int, unknown: Sequence[int] = ()) -> tuple[tuple[int, bytes], ...]:
    """Return the attributes of an error: ERROR-CODE, and UNKNOWN-ATTRIBUTES where there are any."""
    text = REASONS[code].encode()
    text += b" " * (-len(text) % 4)
    attributes = [(int(Attribute.ERROR_CODE), struct.pack(">xxBB", code // 100, code % 100) + text)]
    if unknown:
        few = list(unknown[:2])  # more would make an answer out of proportion to the request
        few += few[:1] * (len(few) % 2)  # repeated to fill 4 bytes (RFC 3489 11.2.10)
        attributes.append((int(Attribute.UNKNOWN_ATTRIBUTES), struct.pack(f">{len(few)}H", *few)))
    return tuple(attributes)


def endpoint_text(endpoint: Endpoint) -> str:
    """Return ``address:port``, an IPv6 address in brackets."""
    host, port = endpoint
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_endpoint(text: str) -> Endpoint:
    """Read ``host:port`` as UDPConnectionRequestAddress has it; port 80 without one (TR-181).

    The host may be a name. Raises ``StunError``.
    """
    text = text.strip()
    if not text or len(text) > 256 or not text.isascii() or not text.isprintable():
        raise StunError("it is empty, too long, or has characters that no address has")
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    else:
        host, _, port = text.rpartition(":") if text.count(":") == 1 else (text, "", "")
    if not host or (port and not (port.isdigit() and len(port) <= 5 and 0 < int(port) <= 65535)):
        raise StunError(f"{text[:80]!r} is not host:port")
    return host, int(port or 80)
