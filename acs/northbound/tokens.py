"""Bearer tokens: opaque, random, stored as their SHA-256, shown once. Functions of a connection."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from acs import devices as dev
from acs.errors import AcsError
from acs.northbound.scopes import check_scopes
from acs.store.tables import api_tokens as table

__all__ = [
    "Token",
    "create_token",
    "forget_tokens",
    "list_tokens",
    "revoke_token",
    "revoke_tokens_of",
    "stale",
    "token_of",
    "token_used",
]

PREFIX = "acs_"
"""Begins every token, so that one that leaked is recognised in logs and repositories."""
_LENGTH = len(PREFIX) + 43
_REMEMBER = 60.0  # seconds between two notes of a token's use
_LONGEST = 10 * 366 * 86400.0
_COLUMNS = [column for column in table.c if column.name != "digest"]


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token; not the token itself."""

    id: int
    owner: str
    purpose: str
    scopes: tuple[str, ...]
    created_at: float
    expires_at: float
    last_used_at: float | None
    revoked_at: float | None

    def alive(self, now: float) -> bool:
        """Whether it is neither expired nor revoked."""
        return self.revoked_at is None and now < self.expires_at


def _token(row: RowMapping) -> Token:
    return Token(**{**row, "scopes": tuple(msgspec.json.decode(row["scopes"]))})


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def create_token(
    conn: Connection,
    owner: str,
    scopes: Iterable[str],
    *,
    expires_at: float,
    who: str,
    purpose: str = "",
    now: float,
) -> tuple[Token, str]:
    """Make a token in the name of ``owner``; return it and its secret, which is not stored.

    Raises ``AcsError`` for an unknown scope, an empty owner, or a time that is past or too far away.
    """
    if not 0 < len(owner) <= 100 or not owner.isprintable():
        raise AcsError(f"the owner {owner[:100]!r} is none; 1 to 100 printable characters are needed")
    if not now < expires_at <= now + _LONGEST:
        raise AcsError("a token expires after now and within ten years")
    allowed = check_scopes(scopes)
    secret = PREFIX + secrets.token_urlsafe(32)
    values = {
        "owner": owner,
        "purpose": purpose[:200],
        "digest": _digest(secret),
        "scopes": msgspec.json.encode(allowed).decode(),
        "created_at": now,
        "expires_at": expires_at,
    }
    made = _token(conn.execute(insert(table).values(values).returning(*_COLUMNS)).mappings().one())
    detail = f"for {owner}: {' '.join(allowed)}"
    dev.audit(conn, who, "token created", f"token {made.id}", detail, now=now)
    return made, secret


def token_of(conn: Connection, secret: str) -> Token | None:
    """Return the token of this secret, dead ones too; None for anything that is none."""
    if len(secret) != _LENGTH or not secret.startswith(PREFIX):
        return None
    row = conn.execute(select(*_COLUMNS).where(table.c.digest == _digest(secret))).mappings().first()
    return _token(row) if row else None


def stale(token: Token, now: float) -> bool:
    """Tell whether its last use is to be noted again."""
    return token.last_used_at is None or now - token.last_used_at >= _REMEMBER


def token_used(conn: Connection, token_id: int, *, now: float) -> None:
    """Note that a token was used."""
    conn.execute(update(table).where(table.c.id == token_id).values(last_used_at=now))


def list_tokens(conn: Connection) -> list[Token]:
    """Return all tokens, the newest first."""
    return [_token(row) for row in conn.execute(select(*_COLUMNS).order_by(table.c.id.desc())).mappings()]


def revoke_token(conn: Connection, token_id: int, *, who: str, now: float) -> None:
    """Make a token worthless at once. Raises ``AcsError`` when there is no such token alive."""
    alive = (table.c.id == token_id, table.c.revoked_at.is_(None))
    if conn.execute(update(table).where(*alive).values(revoked_at=now)).rowcount == 0:
        raise AcsError(f"there is no token {token_id} that could be revoked; see: acs tokens list")
    dev.audit(conn, who, "token revoked", f"token {token_id}", now=now)


def revoke_tokens_of(conn: Connection, owner: str, *, now: float) -> int:
    """Revoke all tokens in the name of ``owner``; return how many were alive."""
    alive = (table.c.owner == owner, table.c.revoked_at.is_(None), table.c.expires_at > now)
    return conn.execute(update(table).where(*alive).values(revoked_at=now)).rowcount


def forget_tokens(conn: Connection, *, before: float, limit: int) -> int:
    """Delete up to ``limit`` tokens that expired before then; the audit remembers them."""
    old = select(table.c.id).where(table.c.expires_at < before).limit(limit)
    return conn.execute(delete(table).where(table.c.id.in_(old))).rowcount
