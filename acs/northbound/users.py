"""Users and their passwords, hashed by argon2id (RFC 9106)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, insert, select, update

from acs import devices as dev
from acs.errors import AcsError
from acs.northbound.scopes import check_scopes
from acs.northbound.tokens import revoke_tokens_of
from acs.store.tables import users as table

__all__ = [
    "User",
    "check_password",
    "create_user",
    "disable_user",
    "find_user",
    "hash_password",
    "list_users",
    "set_password",
]

_HASHER = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=4)  # RFC 9106, second choice
_SHORTEST, _LONGEST = 12, 256


@dataclass(frozen=True, slots=True)
class User:
    """A person who may exchange a password for a token of these scopes; no hash is in here."""

    name: str
    scopes: tuple[str, ...]
    disabled: bool
    created_at: float
    changed_at: float


def hash_password(name: str, password: str) -> str:
    """Return the argon2id hash. It takes a moment and 64 MiB: not for the event loop.

    Raises ``AcsError`` for a password that is too short, too long, or has the user's name in it.
    """
    if not _SHORTEST <= len(password) <= _LONGEST:
        raise AcsError(f"the password has {len(password)} characters; {_SHORTEST} to {_LONGEST} are needed")
    if name.lower() in password.lower() or len(set(password)) < 5:
        raise AcsError("the password is too easy to guess; use one that a password manager made")
    return _HASHER.hash(password)


@cache
def _nobodys() -> str:
    return _HASHER.hash("nobody has this password")


def check_password(password_hash: str | None, password: str) -> bool:
    """Tell whether the password is right. None, of an unknown user, takes as long and never is."""
    try:
        _HASHER.verify(password_hash or _nobodys(), password[: _LONGEST + 1])
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def create_user(
    conn: Connection, name: str, scopes: Iterable[str], password_hash: str, *, who: str, now: float
) -> None:
    """Add a user. Raises ``AcsError`` when the name is taken or none, or a scope is unknown."""
    if not 0 < len(name) <= 64 or not name.isprintable() or name != name.strip():
        raise AcsError(f"the user name {name[:64]!r} is none; 1 to 64 printable characters are needed")
    allowed = check_scopes(scopes)
    if find_user(conn, name) is not None:
        raise AcsError(f"there is a user {name!r} already; see: acs users list")
    text = msgspec.json.encode(allowed).decode()
    values = {"name": name, "password_hash": password_hash, "scopes": text, "created_at": now}
    conn.execute(insert(table).values(**values, changed_at=now))
    dev.audit(conn, who, "user created", f"user {name}", " ".join(allowed), now=now)


def find_user(conn: Connection, name: str) -> tuple[User, str] | None:
    """Return a user and the hash of the password."""
    row = conn.execute(select(table).where(table.c.name == name[:100])).mappings().first()
    if row is None:
        return None
    facts = {**row, "scopes": tuple(msgspec.json.decode(row["scopes"]))}
    password_hash = str(facts.pop("password_hash"))
    return User(**facts), password_hash


def list_users(conn: Connection) -> list[User]:
    """Return all users, by name."""
    names = conn.execute(select(table.c.name).order_by(table.c.name)).scalars().all()
    return [found[0] for name in names if (found := find_user(conn, name)) is not None]


def set_password(conn: Connection, name: str, password_hash: str, *, who: str, now: float) -> None:
    """Change a password; tokens of the user are revoked. Raises ``AcsError`` when there is no such user."""
    _change(conn, name, now=now, password_hash=password_hash)
    dev.audit(conn, who, "password changed", f"user {name}", now=now)


def disable_user(conn: Connection, name: str, *, who: str, now: float) -> None:
    """Shut a user out at once. Raises ``AcsError`` when there is no such user."""
    _change(conn, name, now=now, disabled=True)
    dev.audit(conn, who, "user disabled", f"user {name}", now=now)


def _change(conn: Connection, name: str, *, now: float, **values: object) -> None:
    if conn.execute(update(table).where(table.c.name == name).values(changed_at=now, **values)).rowcount == 0:
        raise AcsError(f"there is no user {name!r}; see: acs users list")
    revoke_tokens_of(conn, name, now=now)
