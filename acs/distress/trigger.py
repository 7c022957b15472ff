"""The trigger of a distress channel: a signed datagram without command or secret (S1 L54). Pure.

Its form is that of a UDP connection request (TR-069 G.2.2). It differs in what is stronger: HMAC-SHA256 over
the query as it stands on the wire, under a key of the device that is used for nothing else, and a window of
time within which each trigger is obeyed once.
"""

from __future__ import annotations

import hmac
import re
from collections import deque
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

__all__ = [
    "WINDOW",
    "Trigger",
    "TriggerError",
    "TriggerMemory",
    "build_trigger",
    "parse_query",
    "parse_trigger",
]

WINDOW = 300.0
"""Seconds that the clocks of HeMS and HeNB may be apart."""
_LONGEST = 1024
_MEMORY = 256
_QUERY = rb"ts=([0-9]{1,12})&id=([0-9]{1,19})&un=([A-Za-z0-9_.~%-]{1,600})&cn=([0-9a-f]{16,64})"
_LINE = re.compile(
    rb"GET http://[A-Za-z0-9.:\[\]-]{1,255}\?(" + _QUERY + rb")"
    rb"&sig=([0-9A-F]{64}) HTTP/1\.1\r\n\r\n"
)


class TriggerError(ValueError):
    """This datagram is no trigger of this device, and why."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """``ts`` in seconds since the epoch, ``id`` of the trigger, ``un`` the device's key, ``cn`` a nonce."""

    ts: int
    id: int
    un: str
    cn: str

    @property
    def query(self) -> bytes:
        """What is signed."""
        return f"ts={self.ts}&id={self.id}&un={quote(self.un, safe='')}&cn={self.cn}".encode("ascii")


def _sign(query: bytes, key: str) -> bytes:
    return hmac.digest(key.encode(), query, "sha256").hex().upper().encode()


def build_trigger(trigger: Trigger, key: str, *, host: str) -> bytes:
    """Return the datagram; ``host`` (``host:port``) is where it goes, for whoever reads it on the way."""
    query = trigger.query
    return b"GET http://%s?%s&sig=%s HTTP/1.1\r\n\r\n" % (host.encode("ascii"), query, _sign(query, key))


def parse_trigger(data: bytes, key: str) -> Trigger:
    """Return the trigger in a datagram that was signed with ``key``. Raises ``TriggerError``."""
    found = _LINE.fullmatch(data) if len(data) <= _LONGEST else None
    if found is None:
        raise TriggerError("it has not the form of a trigger")
    if not key or not hmac.compare_digest(_sign(found[1], key), found[6]):
        raise TriggerError("its signature is not that of this device's key")
    return _trigger(found[2], found[3], found[4], found[5])


def parse_query(data: bytes) -> Trigger:
    """Return the trigger that what is signed says. Raises ``TriggerError``; whose it is is told elsewhere."""
    found = re.fullmatch(_QUERY, data) if len(data) <= _LONGEST else None
    if found is None:
        raise TriggerError("it has not the form of a trigger")
    return _trigger(*found.groups())


def _trigger(ts: bytes, number: bytes, un: bytes, cn: bytes) -> Trigger:
    return Trigger(int(ts), int(number), unquote(un.decode("ascii")), cn.decode("ascii"))


@dataclass(slots=True)
class TriggerMemory:
    """What a HeNB remembers, so that it obeys no trigger twice, also of those that were kept back.

    ``floor``: nothing as old as this is obeyed any more, as what was forgotten might be among it.
    """

    floor: int = -1
    _seen: deque[tuple[int, int]] = field(default_factory=deque)

    def refuse(self, trigger: Trigger, now: float) -> str:
        """Return why a genuine trigger is not obeyed, empty where it is; then it is remembered."""
        if abs(now - trigger.ts) > WINDOW or trigger.ts <= self.floor:
            return "stale"
        if (trigger.ts, trigger.id) in self._seen:
            return "repeated"
        self._seen.append((trigger.ts, trigger.id))
        while self._seen and (len(self._seen) > _MEMORY or self._seen[0][0] < now - WINDOW):
            self.floor = max(self.floor, self._seen.popleft()[0])
        return ""
