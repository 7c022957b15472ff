"""Who has guessed too often has to wait, longer each time. Pure, bounded, in the memory of one node.

Three counters, since each alone would be turned against somebody: of a user at one address (a guesser), of
an address (one guesser of many users), of a user (many addresses that guess one). The last one is the one
by which an attacker could keep a device out; so it waits a minute at most, and an address that gave the
right password before is not held by it.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass

__all__ = ["Lockout", "neighbourhood"]

FIRST = 5.0
"""Seconds of the first wait; each failure after it doubles them."""


@dataclass(frozen=True, slots=True)
class _Rule:
    free: int  # failures that cost nothing
    longest: float  # seconds


_PAIR, _ADDRESS, _USER = _Rule(10, 900.0), _Rule(50, 900.0), _Rule(20, 60.0)


@dataclass(slots=True)
class _Count:
    failures: int = 0
    last: float = 0.0
    until: float = 0.0


def neighbourhood(address: str) -> str:
    """Return what counts as one address: of IPv6 the /64, as every host has that many."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))


class Lockout:
    """Counts wrong passwords; ``memory`` seconds after the last one they are forgotten."""

    def __init__(self, *, memory: float = 3600.0, capacity: int = 20_000) -> None:
        self._memory, self._capacity = memory, capacity
        self._counts: OrderedDict[tuple[str, str], _Count] = OrderedDict()
        self._good: OrderedDict[tuple[str, str], None] = OrderedDict()

    def wait(self, address: str, user: str, now: float) -> float:
        """Return for how many seconds this user at this address has to wait; 0: it may try."""
        address = neighbourhood(address)
        keys = [(address, user), (address, "")]
        if (address, user) not in self._good:
            keys.append(("", user))
        found = [self._counts[key].until for key in keys if key in self._counts]
        return max(0.0, max(found, default=0.0) - now)

    def failed(self, address: str, user: str, now: float) -> None:
        """Count a wrong password."""
        address = neighbourhood(address)
        for key, rule in (((address, user), _PAIR), ((address, ""), _ADDRESS), (("", user), _USER)):
            self._count(key, rule, now)

    def succeeded(self, address: str, user: str) -> None:
        """Note the right password: this user is at home at this address."""
        pair = (neighbourhood(address), user)
        self._counts.pop(pair, None)
        self._good[pair] = None
        self._good.move_to_end(pair)
        if len(self._good) > self._capacity:
            self._good.popitem(last=False)

    def _count(self, key: tuple[str, str], rule: _Rule, now: float) -> None:
        count = self._counts.pop(key, None)
        if count is None or now - count.last > self._memory:
            count = _Count()
        count.failures += 1
        count.last = now
        over = count.failures - rule.free
        if over >= 0:
            count.until = now + min(FIRST * 2.0 ** min(over, 30), rule.longest)
        self._counts[key] = count
        if len(self._counts) > self._capacity:
            self._counts.popitem(last=False)
