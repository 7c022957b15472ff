"""HTTP authentication of devices: Digest (RFC 7616) with stateless nonces, Basic (RFC 7617). Pure.

A nonce is a time stamp and its HMAC, valid on any connection and any node for a while. Within that while
a client may use it again, with another ``nc`` or, as several do that know no counting, with another
``cnonce``; an answer that was given before is a replay. A replay on another node is only found by TLS.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
import struct
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = [
    "ALGORITHMS",
    "Authorization",
    "Nonces",
    "Replays",
    "challenge",
    "parse",
    "same_secret",
    "verify_digest",
]

ALGORITHMS = {"SHA-256": "sha256", "MD5": "md5"}
"""In order of preference; MD5 for clients that know nothing else (TR-069 3.4.5)."""
_FIELD = re.compile(r'([A-Za-z][\w-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))', re.ASCII)
_ESCAPE = re.compile(r"\\(.)")
_TAG = 16


@dataclass(frozen=True, slots=True)
class Authorization:
    """A parsed Authorization header; ``password`` is set for Basic alone."""

    scheme: str
    username: str = ""
    password: str | None = None
    fields: Mapping[str, str] | None = None


class Nonces:
    """Makes nonces and tells whether one is genuine and fresh; ``lifetime`` in seconds."""

    def __init__(self, key: bytes, *, lifetime: float = 600) -> None:
        self._key, self._lifetime = key, lifetime

    def make(self, now: float) -> str:
        """Return a new nonce."""
        stamp = struct.pack(">Q6s", int(now), os.urandom(6))
        return base64.urlsafe_b64encode(stamp + self._tag(stamp)).decode("ascii")

    def _tag(self, stamp: bytes) -> bytes:
        return hmac.digest(self._key, stamp, "sha256")[:_TAG]

    def check(self, nonce: str, now: float) -> str:
        """Return ``fresh``, ``stale`` (genuine but too old) or ``forged``."""
        try:
            raw = base64.urlsafe_b64decode(nonce)
        except (binascii.Error, ValueError):
            return "forged"
        if len(raw) != 14 + _TAG or not hmac.compare_digest(self._tag(raw[:14]), raw[14:]):
            return "forged"
        age = now - struct.unpack(">Q", raw[:8])[0]
        return "fresh" if -5 <= age <= self._lifetime else "stale"


class Replays:
    """Remembers the answers to challenges that were right; bounded, forgets the oldest.

    Who can fill it knows a password. An honest client whose answer is taken for a replay is given a new
    nonce and answers that.
    """

    def __init__(self, *, lifetime: float = 600, capacity: int = 100_000) -> None:
        self._lifetime, self._capacity = lifetime, capacity
        self._seen: OrderedDict[bytes, float] = OrderedDict()

    def seen(self, fields: Mapping[str, str], now: float) -> bool:
        """Note a right answer; tell whether it was given before.

        It is the same answer where nonce, ``cnonce`` and ``nc`` are, whatever it was given for. Without a
        ``qop`` there is neither of the two, and a nonce is good for one request.
        """
        parts = [fields.get("nonce", ""), fields.get("username", "")]
        if fields.get("qop"):
            parts += [fields.get("cnonce", ""), fields.get("nc", "").lstrip("0").lower()]
        key = hashlib.blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=16).digest()
        while self._seen and now - next(iter(self._seen.values())) > self._lifetime:
            self._seen.popitem(last=False)
        if key in self._seen:
            return True
        self._seen[key] = now
        if len(self._seen) > self._capacity:
            self._seen.popitem(last=False)
        return False


def challenge(realm: str, nonce: str, *, stale: bool = False) -> list[str]:
    """Return the WWW-Authenticate values, one for each algorithm."""
    end = ", stale=true" if stale else ""
    return [
        f'Digest realm="{realm}", qop="auth", algorithm={name}, nonce="{nonce}"{end}' for name in ALGORITHMS
    ]


def parse(header: str) -> Authorization | None:
    """Parse an Authorization header; None when it is of no known scheme or broken."""
    header = header[:4096].replace("\t", " ").strip()
    if not header.isprintable():  # bytes that are no UTF-8, control characters: no client means them
        return None
    scheme, _, rest = header.partition(" ")
    match scheme.lower():
        case "basic":
            try:
                text = base64.b64decode(rest.strip(), validate=True).decode("utf-8")
            except ValueError:  # no base64, or no UTF-8
                return None
            username, separator, password = text.partition(":")
            return Authorization("basic", username, password) if separator and text.isprintable() else None
        case "digest":
            fields = {
                found[1].lower(): found[3] if found[2] is None else _unescape(found[2])
                for found in _FIELD.finditer(rest)
            }
            return Authorization("digest", fields.get("username", ""), None, fields)
        case _:
            return None


def _unescape(text: str) -> str:
    return _ESCAPE.sub(r"\1", text) if "\\" in text else text


def verify_digest(
    fields: Mapping[str, str], *, method: str, realm: str, password: str, path: str, body: bytes = b""
) -> bool:
    """Tell whether the response in ``fields`` was made with ``password`` for this method and path.

    With ``auth-int``, which is not asked for but understood, for this ``body`` too. Tolerates what real
    clients do: no ``qop``, quoted or upper-case ``qop``, odd ``nc``, an absolute ``uri``. An empty password
    is nobody's.
    """
    algorithm = ALGORITHMS.get(fields.get("algorithm", "MD5").upper())
    response, uri = fields.get("response", ""), fields.get("uri", "")
    if (
        algorithm is None
        or not response
        or not password
        or fields.get("realm") != realm
        or not _same_path(uri, path)
    ):
        return False

    def h(text: str) -> str:
        return hashlib.new(algorithm, text.encode("utf-8"), usedforsecurity=False).hexdigest()

    secret = h(f"{fields.get('username', '')}:{realm}:{password}")
    nonce, qop = fields.get("nonce", ""), fields.get("qop", "")
    request = h(f"{method}:{uri}")
    if not qop:
        expected = h(f"{secret}:{nonce}:{request}")
    elif qop.lower() in ("auth", "auth-int"):
        if qop.lower() == "auth-int":
            entity = hashlib.new(algorithm, body, usedforsecurity=False).hexdigest()
            request = h(f"{method}:{uri}:{entity}")
        middle = f"{nonce}:{fields.get('nc', '')}:{fields.get('cnonce', '')}:{qop}"
        expected = h(f"{secret}:{middle}:{request}")
    else:
        return False
    return hmac.compare_digest(expected.encode(), response.lower().encode())


def same_secret(one: str, other: str) -> bool:
    """Compare two secrets in constant time; empty ones are no secrets."""
    return bool(one and other) and hmac.compare_digest(one.encode(), other.encode())


def _same_path(uri: str, path: str) -> bool:
    if "://" in uri:
        uri = "/" + uri.partition("://")[2].partition("/")[2]
    return uri.partition("?")[0] in (path, path.rstrip("/")) or (path == "/" and uri in ("", "/"))
