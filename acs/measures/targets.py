"""The systems that carry measures out: add, list, remove. Functions of a connection."""

from __future__ import annotations

import base64
import os
import re
import ssl

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from sqlalchemy import Connection, RowMapping, delete, func, insert, select

from acs import devices as dev
from acs.errors import AcsError
from acs.measures.model import SYSTEMS, Carrier, Target
from acs.security import Sealer
from acs.store import signal
from acs.store.tables import measure_targets as table
from acs.subscriptions import check_consumer

__all__ = ["add_target", "list_targets", "open_carrier", "remove_target", "target_from_row"]

MOST = 50
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MOST_PEM = 256 * 1024


def target_from_row(row: RowMapping) -> Target:
    """Return a row as a target."""
    return Target(**{name: row[name] for name in Target.__dataclass_fields__})


def _context(url: str, what: str) -> bytes:
    return f"measures {what} {url}".encode()


def add_target(
    conn: Connection,
    name: str,
    system: str,
    url: str,
    *,
    sealer: Sealer,
    who: str,
    bearer: str = "",
    client: bytes = b"",
    ca: str = "",
    now: float,
) -> tuple[Target, str]:
    """Have a system carry out the measures of its kind; return it and the secret that signs what it is sent.

    ``client``: our key and certificate for it (PEM). The secret (Standard Webhooks: ``whsec_`` and base64) is
    stored sealed and never shown again. Raises ``AcsError`` for what makes no sense.
    """
    if not _NAME.fullmatch(name):
        raise AcsError(f"the name {name[:80]!r} is none; letters, digits, dots and dashes, at most 64")
    if system not in SYSTEMS:
        raise AcsError(f"{system[:40]!r} is no kind of system; known are {', '.join(SYSTEMS)}")
    check_consumer(url, what="the system's")
    _check_pem(ca, client)
    if len(bearer) > 4096 or not (bearer.isascii() and bearer.isprintable()):
        raise AcsError("the bearer token has at most 4096 printable ASCII characters")
    if conn.execute(select(table.c.id).where(table.c.name == name)).first() is not None:
        raise AcsError(f"there is a system {name} already; see: acs measures targets list")
    if conn.execute(select(func.count()).select_from(table)).scalar_one() >= MOST:
        raise AcsError(f"there are {MOST} systems; remove one: acs measures targets remove")
    secret = "whsec_" + base64.b64encode(os.urandom(32)).decode()
    values = {
        "name": name,
        "system": system,
        "url": url,
        "secret_sealed": sealer.seal(secret.encode(), _context(url, "secret")),
        "bearer_sealed": sealer.seal(bearer.encode(), _context(url, "bearer")) if bearer else None,
        "client_sealed": sealer.seal(client, _context(url, "client")) if client else None,
        "ca": ca,
        "created_at": now,
    }
    row = conn.execute(insert(table).values(values).returning(table)).mappings().one()
    dev.audit(conn, who, "measure target added", name, f"{system} {url}", now=now)
    signal(conn, "measures")
    return target_from_row(row), secret


def _check_pem(ca: str, client: bytes) -> None:
    """Raise ``AcsError`` where a CA, or our key and certificate, can't be used."""
    if len(ca) > _MOST_PEM or len(client) > _MOST_PEM:
        raise AcsError(f"a PEM file has at most {_MOST_PEM} bytes")
    try:
        if ca:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=ca)
        if client:
            key = load_pem_private_key(client, None).public_key()
            if x509.load_pem_x509_certificate(client).public_key() != key:
                raise AcsError("our certificate is not that of our key")
    except (ValueError, TypeError, ssl.SSLError) as error:
        raise AcsError(f"the CA, or our key and certificate, can't be used: {error}") from error


def open_carrier(conn: Connection, target_id: int, sealer: Sealer) -> Carrier | None:
    """Return a system with its secrets; None where there is none. Raises ``SealError``."""
    row = conn.execute(select(table).where(table.c.id == target_id)).mappings().first()
    if row is None:
        return None

    def opened(what: str) -> bytes:
        sealed = row[f"{what}_sealed"]
        return sealer.open(sealed, _context(row["url"], what)) if sealed else b""

    return Carrier(
        target_from_row(row), opened("secret").decode(), opened("bearer").decode(), opened("client")
    )


def list_targets(conn: Connection) -> list[Target]:
    """Return all systems, by name."""
    return [target_from_row(row) for row in conn.execute(select(table).order_by(table.c.name)).mappings()]


def remove_target(conn: Connection, name: str, *, who: str, now: float) -> None:
    """Forget a system, and what it was told or still is to be. Raises ``AcsError`` where there is none."""
    if conn.execute(delete(table).where(table.c.name == name)).rowcount == 0:
        raise AcsError(f"there is no system {name[:80]!r}; see: acs measures targets list")
    dev.audit(conn, who, "measure target removed", name, now=now)
