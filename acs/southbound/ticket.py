"""The session's small state, sealed into a cookie so that any node can continue it."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

import msgspec

from acs.security import Sealer, SealError

__all__ = ["COOKIE", "Ticket", "Tickets"]

COOKIE = "session"
_CONTEXT = b"cwmp-session"
_VALUE = re.compile(rf'(?:^|[;,\s]){COOKIE}="?([A-Za-z0-9_-]{{40,2000}})"?')


class Ticket(msgspec.Struct, frozen=True, array_like=True):
    """Who is in which session: it does not change while the session lasts.

    ``channel`` is what it came over, and goes on over alone: standard, distress.
    ``binding`` is the name in the client certificate, empty for a device that used a password.
    """

    device_id: int
    device_key: str
    epoch: int
    session: str
    namespace: str
    opened_at: float
    binding: str
    channel: str = "standard"


class Tickets:
    """Seals tickets into cookie values and opens them; remembers them by connection as well.

    Some clients drop or mangle cookies; what a connection was given last is then as good
    (TR-069 3.4.4 wants cookies, real devices do not always have them).
    """

    def __init__(self, key: bytes, *, capacity: int = 20_000) -> None:
        self._sealer = Sealer(key)
        self._capacity = capacity
        self._by_peer: dict[Any, tuple[Any, Ticket]] = {}
        self._swept = 0

    def seal(self, ticket: Ticket) -> str:
        """Return the cookie's value."""
        sealed = self._sealer.seal(msgspec.msgpack.encode(ticket), _CONTEXT)
        return base64.urlsafe_b64encode(sealed).decode("ascii").rstrip("=")

    def open(self, cookie_header: str) -> Ticket | None:
        """Return the newest genuine ticket in a Cookie header however it is spelt, None without one."""
        newest: Ticket | None = None
        for found in _VALUE.finditer(cookie_header[:8192]):
            text = found[1]
            try:
                sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
                ticket = msgspec.msgpack.decode(self._sealer.open(sealed, _CONTEXT), type=Ticket)
            except (SealError, binascii.Error, msgspec.DecodeError):
                continue
            if newest is None or (ticket.opened_at, ticket.epoch) > (newest.opened_at, newest.epoch):
                newest = ticket
        return newest

    def remember(self, transport: Any, ticket: Ticket) -> None:
        """Keep the ticket for as long as the connection lasts; ``transport`` is None where it has ended."""
        if transport is None:
            return
        peer = transport.get_extra_info("peername")
        self._by_peer.pop(peer, None)
        self._by_peer[peer] = (transport, ticket)
        if len(self._by_peer) > 2 * self._swept + 64:
            self._by_peer = {key: pair for key, pair in self._by_peer.items() if not pair[0].is_closing()}
            self._swept = len(self._by_peer)
        while len(self._by_peer) > self._capacity:
            self._by_peer.pop(next(iter(self._by_peer)))

    def recall(self, transport: Any) -> Ticket | None:
        """Return the ticket that was given out on this very connection, None where it has ended."""
        if transport is None:
            return None
        found = self._by_peer.get(transport.get_extra_info("peername"))
        return found[1] if found is not None and found[0] is transport else None
