"""Subscriptions: add, list, show, remove. Functions of a connection."""

from __future__ import annotations

import base64
import os
import ssl
from collections.abc import Iterable
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import Connection, RowMapping, delete, func, insert, select

from acs import devices as dev
from acs.errors import AcsError
from acs.security import Sealer
from acs.store import signal
from acs.store.tables import subscriptions as table
from acs.subscriptions.grouping import Grouping, check_grouping
from acs.subscriptions.model import NOTIFICATION_TYPES, SEVERITIES, Filter, Subscription

__all__ = [
    "add_subscription",
    "check_consumer",
    "find_subscription",
    "list_subscriptions",
    "open_secrets",
    "remove_subscription",
    "subscription_from_row",
]

SECRET_PREFIX = "whsec_"  # noqa: S105 - what every secret begins with
MOST = 100
"""Subscriptions: each notification costs a row for each."""
_MOST_CA = 256 * 1024


def subscription_from_row(row: RowMapping) -> Subscription:
    """Return a row as a subscription."""
    names = Subscription.__dataclass_fields__
    grouping = msgspec.json.decode(row["grouping"], type=Grouping) if row["grouping"] else None
    known = {**row, "filter": msgspec.json.decode(row["filter"], type=Filter), "grouping": grouping}
    return Subscription(**{name: known[name] for name in names})


def _context(consumer: str, what: str) -> bytes:
    return f"subscription {what} {consumer}".encode()


def check_consumer(url: str, *, insecure_http: bool = False, what: str = "the manager's") -> None:
    """Raise ``AcsError`` for a URL to which nothing may be sent; ``what`` says whose it is."""
    try:
        parts = urlsplit(url)
        bad = not parts.hostname or parts.port == 0
    except ValueError:
        bad = True
    if bad or len(url) > 1000 or not url.isprintable() or " " in url:
        raise AcsError(f"{url[:100]!r} is no URL of a manager; for example https://nms.example:8443/notify")
    if parts.username is not None or parts.fragment:
        raise AcsError(f"{what} URL must have neither user, password nor fragment; use a bearer token")
    if parts.scheme != "https" and not (insecure_http and parts.scheme == "http"):
        raise AcsError(f"{what} URL begins with https://; for laboratories, see subscription_insecure_http")


def _check_ca(ca: str) -> None:
    if not ca:
        return
    if len(ca) > _MOST_CA:
        raise AcsError(f"the CA's certificates have {len(ca)} characters; at most {_MOST_CA} are taken")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=ca)
    except (ValueError, ssl.SSLError) as error:
        raise AcsError(f"the CA's certificate can't be used, PEM is needed: {error}") from error


def _check_filter(wanted: Filter) -> None:
    known: tuple[tuple[str, Iterable[str], tuple[str, ...]], ...] = (
        ("notification type", wanted.notification_types, NOTIFICATION_TYPES),
        ("severity", wanted.severities, SEVERITIES),
    )
    for what, given, allowed in known:
        for each in given:
            if each not in allowed:
                raise AcsError(f"{each[:60]!r} is no {what}; known are {', '.join(allowed)}")
    if len(wanted.groups) > dev.MOST_GROUPS or any(len(group) > 64 for group in wanted.groups):
        raise AcsError(f"a filter has at most {dev.MOST_GROUPS} groups of at most 64 characters")


def add_subscription(
    conn: Connection,
    consumer: str,
    wanted: Filter,
    *,
    sealer: Sealer,
    who: str,
    owner: str,
    bearer: str = "",
    ca: str = "",
    insecure_http: bool = False,
    grouping: Grouping | None = None,
    now: float,
) -> tuple[Subscription, str]:
    """Have ``consumer`` told of what happens from now on; return that and the secret that signs it.

    The secret (Standard Webhooks: ``whsec_`` and base64) is stored sealed and never shown again.
    ``grouping``: many alarms are one message; None: one notification a change, in order.
    Raises ``AcsError`` for a URL, filter, grouping or CA that makes no sense.
    """
    check_consumer(consumer, insecure_http=insecure_http)
    _check_filter(wanted)
    if grouping is not None:
        check_grouping(grouping)
    _check_ca(ca)
    if len(bearer) > 4096 or not (bearer.isascii() and bearer.isprintable()):
        raise AcsError("the bearer token has at most 4096 printable ASCII characters")
    if conn.execute(select(func.count()).select_from(table)).scalar_one() >= MOST:
        raise AcsError(f"there are {MOST} subscriptions; remove one: acs subscriptions remove")
    secret = SECRET_PREFIX + base64.b64encode(os.urandom(32)).decode()
    values = {
        "owner": owner[:100],
        "consumer_reference": consumer,
        "filter": msgspec.json.encode(wanted).decode(),
        "grouping": msgspec.json.encode(grouping).decode() if grouping is not None else "",
        "secret_sealed": sealer.seal(secret.encode(), _context(consumer, "secret")),
        "bearer_sealed": sealer.seal(bearer.encode(), _context(consumer, "bearer")) if bearer else None,
        "ca": ca,
        "created_at": now,
    }
    row = conn.execute(insert(table).values(values).returning(table)).mappings().one()
    made = subscription_from_row(row)
    dev.audit(conn, who, "subscription added", f"subscription {made.id}", consumer, now=now)
    signal(conn, "subscriptions", str(made.id))
    return made, secret


def open_secrets(
    sealer: Sealer, consumer: str, secret_sealed: bytes, bearer_sealed: bytes | None
) -> tuple[str, str]:
    """Return secret and bearer token (or nothing). Raises ``SealError``: they are for this URL alone."""
    secret = sealer.open(secret_sealed, _context(consumer, "secret")).decode()
    bearer = sealer.open(bearer_sealed, _context(consumer, "bearer")).decode() if bearer_sealed else ""
    return secret, bearer


def find_subscription(conn: Connection, number: int) -> Subscription | None:
    """Return a subscription; None where there is none of this number."""
    row = conn.execute(select(table).where(table.c.id == number)).mappings().first()
    return subscription_from_row(row) if row else None


def list_subscriptions(conn: Connection) -> list[Subscription]:
    """Return all, by number."""
    return [subscription_from_row(row) for row in conn.execute(select(table).order_by(table.c.id)).mappings()]


def remove_subscription(conn: Connection, number: int, *, who: str, now: float) -> None:
    """End a subscription; what it was not told yet is forgotten. Raises ``AcsError`` where there is none."""
    if conn.execute(delete(table).where(table.c.id == number)).rowcount == 0:
        raise AcsError(f"there is no subscription {number}; see: acs subscriptions list")
    dev.audit(conn, who, "subscription removed", f"subscription {number}", now=now)
    signal(conn, "subscriptions", str(number))
