"""How many datagrams are taken, from one source and from all together. Pure."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict

__all__ = ["RateLimit"]


class RateLimit:
    """Token buckets by source: ``rate`` datagrams a second, ``burst`` at once; ten times that for all.

    A source is an IPv4 address or an IPv6 network of 64 bits. At most ``sources`` are remembered; who is
    forgotten begins with a full bucket, which the bucket of all together makes up for.
    """

    def __init__(self, rate: float, burst: float, *, sources: int = 10_000, together: float = 10.0) -> None:
        self._rate, self._burst, self._sources, self._together = rate, burst, sources, together
        self._buckets: OrderedDict[bytes, tuple[float, float]] = OrderedDict()
        self._all = (burst * together, 0.0)

    def take(self, address: str, now: float) -> bool:
        """Tell whether one more datagram from ``address`` is taken at ``now`` (seconds, any origin)."""
        packed = ipaddress.ip_address(address.partition("%")[0]).packed
        source = packed if len(packed) == 4 else packed[:8]
        bucket = self._filled(self._buckets.get(source, (self._burst, now)), now, 1.0)
        whole = self._filled(self._all, now, self._together)
        good = bucket[0] >= 1 and whole[0] >= 1
        self._all = (whole[0] - 1, now) if good else whole
        self._buckets[source] = (bucket[0] - 1, now) if good else bucket
        self._buckets.move_to_end(source)
        if len(self._buckets) > self._sources:
            self._buckets.popitem(last=False)
        return good

    def _filled(self, bucket: tuple[float, float], now: float, times: float) -> tuple[float, float]:
        level, at = bucket
        return min(self._burst * times, level + max(0.0, now - at) * self._rate * times), now
