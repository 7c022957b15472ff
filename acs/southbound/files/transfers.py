"""How many transfers there are at once, and how fast each may be."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator

from acs.files import TransferRefused
from acs.southbound.limits import Buckets

__all__ = ["Transfers"]

_ALL = "*"
_PIECE = 64 * 1024  # bytes in which limited transfers take turns: with many of them, no gap grows long


class Transfers:
    """Slots and bandwidth of the file server. Rates are in bytes a second, 0: unlimited."""

    def __init__(
        self,
        *,
        total: int,
        per_device: int,
        rate: int,
        rate_total: int,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._now, self._sleep = now, sleep
        self._total, self._per_device = total, per_device
        self._of_device: Counter[int] = Counter()
        self._each = Buckets(rate, rate) if rate else None
        self._all = Buckets(rate_total, rate_total, capacity=1) if rate_total else None
        self._serial = 0

    @contextlib.contextmanager
    def slot(self, device_id: int) -> Iterator[str]:
        """Take a slot; yields the key under which the transfer is paced.

        Raises ``TransferRefused`` (503, Retry-After) when there is none: a device is content to come again,
        but a hundred transfers that share a line all time out.
        """
        if self._of_device[device_id] >= self._per_device:
            text = f"{self._per_device} transfers of this device are under way"
            raise TransferRefused(503, "busy", text, retry_after=30)
        if self._of_device.total() >= self._total:
            raise TransferRefused(503, "busy", "too many transfers are under way", retry_after=60)
        self._of_device[device_id] += 1
        self._serial += 1
        try:
            yield f"{device_id}:{self._serial}"
        finally:
            self._of_device[device_id] -= 1
            self._of_device += Counter()  # drops those at zero

    @property
    def under_way(self) -> int:
        """How many there are."""
        return self._of_device.total()

    def largest(self, chunk: int) -> int:
        """Return how many bytes to move at a time: at most ``chunk``, few when limited."""
        rates = [int(each.rate) for each in (self._each, self._all) if each is not None]
        return min([chunk, _PIECE, *rates]) if rates else chunk

    async def pace(self, key: str, amount: int) -> None:
        """Wait until so many bytes may be moved; who waits has a place in the line, and keeps it."""
        for buckets, name in ((self._each, key), (self._all, _ALL)):
            wait = 0.0 if buckets is None else buckets.reserve(name, self._now(), amount=amount)
            if buckets is None or not wait:
                continue
            try:
                await self._sleep(wait)
            except BaseException:  # it broke off: its place is for those behind it
                buckets.give_back(name, self._now(), amount)
                raise
