"""How many sessions are open on this node: for the metric, and to let them finish when it stops."""

from __future__ import annotations

import asyncio
import contextlib

from prometheus_client import Gauge

__all__ = ["OpenSessions"]


class OpenSessions:
    """Counts; it decides nothing. A session that is never ended is forgotten after its lifetime."""

    def __init__(self, lifetime: float, gauge: Gauge) -> None:
        self._lifetime, self._gauge = lifetime, gauge
        self._opened: dict[int, float] = {}
        self._none_left = asyncio.Event()
        self.draining = False

    def opened(self, device_id: int, now: float) -> None:
        """Note an Inform; a device has one session."""
        self._opened.pop(device_id, None)
        self._opened[device_id] = now
        while self._opened:
            oldest, at = next(iter(self._opened.items()))
            if now - at <= self._lifetime:
                break
            del self._opened[oldest]
        self._gauge.set(len(self._opened))

    def ended(self, device_id: int) -> None:
        """Note the end of a session."""
        self._opened.pop(device_id, None)
        if not self._opened:
            self._none_left.set()
        self._gauge.set(len(self._opened))

    async def drain(self, seconds: float) -> int:
        """Take no more Informs and wait for the end of open sessions; return how many were left."""
        self.draining = True
        self._none_left.clear()
        if self._opened:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._none_left.wait()
        return len(self._opened)
