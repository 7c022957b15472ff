"""Client certificates instead of tokens: names that the operator's CAs vouch for, and what each may do.

The TLS handshake has verified the certificate against ``northbound_client_ca``; here only its names count.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, delete, insert, select

from acs import devices as dev
from acs.errors import AcsError
from acs.northbound.scopes import check_scopes
from acs.store.tables import api_certificates as table

__all__ = [
    "ClientCertificate",
    "allow_certificate",
    "certificate_of",
    "forget_certificate",
    "list_certificates",
    "names_in",
]

_MOST_NAMES = 20  # of one certificate


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A name in the subjectAltName (dNSName or URI) of client certificates, and what it is good for."""

    name: str
    owner: str
    scopes: tuple[str, ...]
    created_at: float


def _certificate(row: RowMapping) -> ClientCertificate:
    return ClientCertificate(**{**row, "scopes": tuple(msgspec.json.decode(row["scopes"]))})


def names_in(peer: Mapping[str, Any] | None, now: float) -> tuple[str, ...]:
    """Return the names of a verified certificate (``SSLObject.getpeercert``); none when it has expired.

    The common name counts for nothing: no CA's rules say what stands in it (RFC 6125).
    """
    if not peer or ssl.cert_time_to_seconds(peer["notAfter"]) <= now:
        return ()
    found = [
        _normal(value)
        for kind, value in peer.get("subjectAltName", ())
        if (kind == "URI" and ":" in value) or (kind == "DNS" and ":" not in value)
    ]
    return tuple(name for name in found[:_MOST_NAMES] if "*" not in name)


def _normal(name: str) -> str:
    """Return a name as it is compared: in a URI case counts after scheme and host (RFC 3986 6.2.2.1)."""
    scheme, colon, rest = name.partition(":")
    if not colon:
        return name.lower()
    if not rest.startswith("//"):
        return f"{scheme.lower()}:{rest}"
    authority, slash, path = rest[2:].partition("/")
    return f"{scheme.lower()}://{authority.lower()}{slash}{path}"


def certificate_of(conn: Connection, names: Iterable[str]) -> ClientCertificate | None:
    """Return what the first known of these names may do."""
    known = {each.name: each for each in _found(conn, table.c.name.in_(list(names)))}
    return next((known[name] for name in names if name in known), None)


def _found(conn: Connection, *conditions: Any) -> list[ClientCertificate]:
    query = select(table).where(*conditions).order_by(table.c.name)
    return [_certificate(row) for row in conn.execute(query).mappings()]


def allow_certificate(
    conn: Connection, name: str, owner: str, scopes: Iterable[str], *, who: str, now: float
) -> ClientCertificate:
    """Let in whoever shows a certificate of this name. Raises ``AcsError`` when the name is taken or none."""
    name = _normal(name.strip())
    if not 0 < len(name) <= 255 or not name.isascii() or not name.isprintable() or "*" in name or " " in name:
        raise AcsError(f"{name[:80]!r} is no dNSName or URI of a certificate; for example nms.example")
    if not 0 < len(owner) <= 100 or not owner.isprintable():
        raise AcsError(f"the owner {owner[:100]!r} is none; 1 to 100 printable characters are needed")
    allowed = check_scopes(scopes)
    if certificate_of(conn, [name]) is not None:
        raise AcsError(f"certificates of the name {name} are let in already; see: acs tokens certificates")
    text = msgspec.json.encode(allowed).decode()
    conn.execute(insert(table).values(name=name, owner=owner, scopes=text, created_at=now))
    dev.audit(conn, who, "certificate let in", name, f"for {owner}: {' '.join(allowed)}", now=now)
    return ClientCertificate(name, owner, allowed, now)


def list_certificates(conn: Connection) -> list[ClientCertificate]:
    """Return all, by name."""
    return _found(conn)


def forget_certificate(conn: Connection, name: str, *, who: str, now: float) -> None:
    """Let certificates of a name in no longer. Raises ``AcsError`` where they are not let in."""
    name = _normal(name.strip())
    if conn.execute(delete(table).where(table.c.name == name)).rowcount == 0:
        raise AcsError(f"certificates of the name {name[:80]!r} are not let in; see: acs tokens certificates")
    dev.audit(conn, who, "certificate shut out", name, now=now)
