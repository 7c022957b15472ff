"""UDP connection requests (TR-069 G.2.2): a line of HTTP in a datagram, signed; nothing answers it. Pure."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from acs.cwmp.stun import Endpoint, endpoint_text

__all__ = ["RequestMemory", "UdpConnectionRequest", "UdpRequestError", "build_request", "parse_request"]

_LONGEST = 2048
_LINE = re.compile(rb"GET[ \t]+(\S+)[ \t]+HTTP/1\.\d")
_FIELDS = ("ts", "id", "un", "cn", "sig")


class UdpRequestError(ValueError):
    """This datagram is no UDP connection request, and why."""


@dataclass(frozen=True, slots=True)
class UdpConnectionRequest:
    """The fields as they stand in the datagram, unescaped: they are signed as text."""

    ts: str
    id: str
    un: str
    cn: str
    sig: str = ""

    def signature(self, password: str) -> str:
        """Return the signature of these fields: HMAC-SHA1 over ts, id, un and cn, 40 hexadecimal digits."""
        text = f"{self.ts}{self.id}{self.un}{self.cn}".encode("utf-8", "surrogateescape")
        return hmac.new(password.encode("utf-8", "surrogateescape"), text, "sha1").hexdigest().upper()

    def signed_with(self, password: str) -> bool:
        """Tell whether the signature is right; its case does not matter."""
        wanted = self.signature(password).encode()
        return hmac.compare_digest(wanted, self.sig.upper().encode("utf-8", "surrogateescape"))


def build_request(to: Endpoint, request: UdpConnectionRequest, password: str) -> bytes:
    """Return the datagram of a request, signed with the ConnectionRequestPassword."""
    fields = zip(
        _FIELDS, (request.ts, request.id, request.un, request.cn, request.signature(password)), strict=True
    )
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in fields)
    return f"GET http://{endpoint_text(to)}?{query} HTTP/1.1\r\n\r\n".encode("ascii")


def parse_request(data: bytes) -> UdpConnectionRequest:
    """Parse a datagram; what follows the first line is of no interest. Raises ``UdpRequestError``."""
    line = re.split(rb"\r?\n", data[:_LONGEST], maxsplit=1)[0]
    found = _LINE.fullmatch(line.strip())
    if found is None:
        raise UdpRequestError("it is no GET of HTTP/1.1")
    query = found[1].partition(b"?")[2].decode("ascii", "replace")
    fields: dict[str, str] = {}
    for part in query.split("&")[:32]:
        name, _, value = part.partition("=")
        fields.setdefault(name, unquote(value, errors="surrogateescape"))
    if any(not fields.get(name) for name in _FIELDS if name != "un"):
        raise UdpRequestError(f"of {', '.join(_FIELDS)} one is missing")
    for name in ("ts", "id"):
        if not fields[name].isascii() or not fields[name].isdigit() or len(fields[name]) > 20:
            raise UdpRequestError(f"its {name} is no number")
    return UdpConnectionRequest(*(fields.get(name, "") for name in _FIELDS))


@dataclass(slots=True)
class RequestMemory:
    """What a device remembers of the last request it believed, so that none is obeyed twice.

    The time stamp may not go backwards, and within one second the id tells requests from their copies.
    """

    ts: int = -1
    ids: frozenset[str] = frozenset()

    def accept(self, request: UdpConnectionRequest) -> bool:
        """Tell whether a request whose signature is right is a new one, and remember it."""
        ts = int(request.ts)
        if ts < self.ts or (ts == self.ts and request.id in self.ids):
            return False
        same = self.ids if ts == self.ts else frozenset()
        self.ts, self.ids = ts, same | {request.id}
        return True
