"""Who may do how much: token buckets by address or device, in tables that cannot grow. No I/O."""

from __future__ import annotations

import ipaddress
import math
import socket
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["Buckets", "Familiar", "Network", "address_key", "within"]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@lru_cache(maxsize=4096)
def address_key(address: str) -> str:
    """Return what counts as one party: an IPv4 address, or the /64 that an IPv6 host chooses from."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def within(networks: Sequence[Network]) -> Callable[[str], bool]:
    """Return a function that tells whether an ``address_key`` lies in one of the networks."""
    plain = [
        (int(each.network_address), int(each.netmask))
        for each in networks
        if isinstance(each, ipaddress.IPv4Network)
    ]
    long = [each for each in networks if isinstance(each, ipaddress.IPv6Network)]

    def is_within(key: str) -> bool:
        if key.endswith("/64"):
            return any(ipaddress.IPv6Network(key).subnet_of(each) for each in long)
        try:
            number = int.from_bytes(socket.inet_aton(key))
        except OSError:
            return False
        return any(number & mask == network for network, mask in plain)

    return is_within


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Buckets:
    """Token buckets: each key may spend ``burst`` at once and ``rate`` a second in the long run.

    At most ``capacity`` keys are remembered; the one that was used longest ago is forgotten first, which
    makes its bucket full. Amounts are in whatever unit the owner counts: requests, bytes.
    """

    def __init__(self, rate: float, burst: float, *, capacity: int = 50_000) -> None:
        self._rate, self._burst, self._capacity = rate, burst, capacity
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    @property
    def rate(self) -> float:
        """What a key may spend a second in the long run."""
        return self._rate

    def __len__(self) -> int:
        return len(self._buckets)

    def _bucket(self, key: str, now: float) -> _Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(self._burst, now)
            if len(self._buckets) > self._capacity:
                self._buckets.popitem(last=False)
            return bucket
        self._buckets.move_to_end(key)
        bucket.tokens = min(self._burst, bucket.tokens + max(0.0, now - bucket.at) * self._rate)
        bucket.at = now
        return bucket

    def take(self, key: str, now: float, amount: float = 1) -> float:
        """Spend ``amount`` and return 0, or spend nothing and return after how many seconds it could be.

        Whoever asks for more than a whole burst is served when the bucket is full.
        """
        bucket = self._bucket(key, now)
        amount = min(amount, self._burst)
        if bucket.tokens >= amount:
            bucket.tokens -= amount
            return 0.0
        return (amount - bucket.tokens) / self._rate

    def spend(self, key: str, now: float, amount: float = 1, *, debt: bool = False) -> None:
        """Spend ``amount`` for what has happened: what is there, or with ``debt`` up to a burst more."""
        bucket = self._bucket(key, now)
        bucket.tokens = max(-self._burst if debt else 0.0, bucket.tokens - amount)

    def wait(self, key: str, now: float) -> float:
        """Return in how many seconds there is something to spend; nothing is spent."""
        if key not in self._buckets:
            return 0.0
        missing = 1 - self._bucket(key, now).tokens
        return max(0.0, missing / self._rate)

    def reserve(self, key: str, now: float, longest: float = math.inf, amount: float = 1) -> float:
        """Spend ``amount``, now or later: return in how many seconds its turn is; first come, first served.

        Where that is more than ``longest`` nothing is spent: the queue is full.
        """
        bucket = self._bucket(key, now)
        wait = max(0.0, (min(amount, self._burst) - bucket.tokens) / self._rate)
        if wait <= longest:
            bucket.tokens -= amount
        return wait

    def give_back(self, key: str, now: float, amount: float = 1) -> None:
        """Return what was spent on somebody who proved to be welcome."""
        if key in self._buckets:
            bucket = self._bucket(key, now)
            bucket.tokens = min(self._burst, bucket.tokens + amount)


class Familiar:
    """The addresses from which devices proved who they are, the latest ``capacity`` of them."""

    def __init__(self, capacity: int = 100_000) -> None:
        self._capacity = capacity
        self._seen: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, key: str) -> bool:
        return key in self._seen

    def add(self, key: str) -> None:
        """Note that a device proved itself from this address just now."""
        self._seen[key] = None
        self._seen.move_to_end(key)
        if len(self._seen) > self._capacity:
            self._seen.popitem(last=False)

    def discard(self, key: str) -> None:
        """Forget an address."""
        self._seen.pop(key, None)
