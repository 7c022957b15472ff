"""HTTP authentication towards a device: choose a challenge and answer it (RFC 7616, RFC 7617). Pure."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

__all__ = ["Challenge", "answer_challenge", "best_challenge", "parse_challenges"]

_LONGEST = 8192
_MOST = 64  # items of all challenges together
_ITEM = re.compile(
    r"""([\w!#$%&'*+.^`|~/-]+)(?:[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+)))?""", re.ASCII | re.DOTALL
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_HASHES = {"SHA-256": "sha256", "SHA256": "sha256", "MD5": "md5"}


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge of WWW-Authenticate; names of fields and the scheme are in lower case."""

    scheme: str
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def stale(self) -> bool:
        """Whether the credentials were right and only the nonce was too old."""
        return self.fields.get("stale", "").lower() == "true"

    @property
    def algorithm(self) -> str:
        """The algorithm in capitals, MD5 where none is named."""
        return self.fields.get("algorithm", "").strip().upper() or "MD5"

    @property
    def qop(self) -> str | None:
        """What to answer with: ``auth``, ``auth-int``, or "" for a server of RFC 2069; None: nothing fits."""
        offered = [each.strip().lower() for each in self.fields.get("qop", "").split(",") if each.strip()]
        if not offered:
            return ""
        return next((each for each in ("auth", "auth-int") if each in offered), None)


def parse_challenges(headers: Iterable[str]) -> list[Challenge]:
    """Return the challenges in the values of WWW-Authenticate, one header or several."""
    found: list[tuple[str, dict[str, str]]] = []
    budget = _MOST
    for header in headers:
        begun = False
        for item in _ITEM.finditer(header[:_LONGEST]):
            budget -= 1
            if budget < 0:
                break
            name, quoted, plain = item[1].lower(), item[2], item[3]
            if quoted is None and plain is None:
                found.append((name, {}))
                begun = True
            elif begun:
                value = plain if quoted is None else _ESCAPE.sub(r"\1", quoted)
                found[-1][1].setdefault(name, value)
    return [Challenge(scheme, fields) for scheme, fields in found]


def best_challenge(challenges: Iterable[Challenge]) -> Challenge | None:
    """Return the strongest challenge that can be answered: Digest SHA-256, Digest MD5, Basic; else None."""
    rank: dict[str, Challenge] = {}
    for each in challenges:
        if each.scheme == "basic":
            rank.setdefault("basic", each)
        elif each.scheme == "digest" and each.qop is not None and each.fields.get("nonce"):
            kind = _HASHES.get(each.algorithm.removesuffix("-SESS"))
            if kind is not None:
                rank.setdefault(kind, each)
    return next((rank[kind] for kind in ("sha256", "md5", "basic") if kind in rank), None)


def answer_challenge(
    challenge: Challenge,
    username: str,
    password: str,
    *,
    method: str,
    uri: str,
    cnonce: str,
    count: int = 1,
    body: bytes = b"",
) -> str:
    """Return the value of Authorization for a challenge that ``best_challenge`` returned.

    ``count`` is how often this nonce has been used, this time included.
    """
    if challenge.scheme == "basic":
        token = base64.b64encode(f"{username}:{password}".encode()).decode("ascii")
        return f"Basic {token}"
    kind = _HASHES[challenge.algorithm.removesuffix("-SESS")]

    def h(data: bytes) -> str:
        return hashlib.new(kind, data, usedforsecurity=False).hexdigest()

    def joined(*parts: str) -> str:
        return h(":".join(parts).encode("utf-8", "surrogateescape"))

    realm, nonce = challenge.fields.get("realm", ""), challenge.fields["nonce"]
    qop, times = challenge.qop, f"{count:08x}"
    secret = joined(username, realm, password)
    if challenge.algorithm.endswith("-SESS"):
        secret = joined(secret, nonce, cnonce)
    request = joined(method, uri, h(body)) if qop == "auth-int" else joined(method, uri)
    middle = (nonce, times, cnonce, qop) if qop else (nonce,)
    parts = [
        f'username="{_quoted(username)}"',
        f'realm="{_quoted(realm)}"',
        f'nonce="{_quoted(nonce)}"',
        f'uri="{_quoted(uri)}"',
        f'response="{joined(secret, *middle, request)}"',
    ]
    if "algorithm" in challenge.fields:
        parts.append(f"algorithm={challenge.algorithm}")
    if "opaque" in challenge.fields:
        parts.append(f'opaque="{_quoted(challenge.fields["opaque"])}"')
    if qop:
        parts += [f"qop={qop}", f"nc={times}"]
    if qop or challenge.algorithm.endswith("-SESS"):
        parts.append(f'cnonce="{cnonce}"')
    return "Digest " + ", ".join(parts)


def _quoted(text: str) -> str:
    """Escape for a quoted string; what could end the header line has no place in it."""
    kept = "".join(each for each in text if ord(each) >= 32 and each != "\x7f")
    return kept.replace("\\", "\\\\").replace('"', '\\"')
