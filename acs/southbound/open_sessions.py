"""How many sessions are open on this node: for the metric, and to let them finish when it stops."""

from __future__ import annotations

import asyncio
import contextlib

from prometheus_client import Gauge

__all__ = ["OpenSessions"]


class OpenSessions:
    """Counts them, and remembers for which of them nothing waits, as long as no signal tells otherwise.

    What it remembers saves a look into the store. Where it is wrong (another process has enqueued
    something), the device is called for it as if the session had been over already.
    """

    def __init__(self, lifetime: float, gauge: Gauge) -> None:
        self._lifetime, self._gauge = lifetime, gauge
        self._opened: dict[int, float] = {}
        self._idle: dict[int, int] = {}
        self._none_left = asyncio.Event()
        self.draining = False

    def opened(self, device_id: int, now: float, idle_epoch: int | None) -> None:
        """Note an Inform; a device has one session. ``idle_epoch``: its epoch, where nothing waits."""
        self._opened.pop(device_id, None)
        self._opened[device_id] = now
        self.woken(str(device_id))
        if idle_epoch is not None:
            self._idle[device_id] = idle_epoch
        while self._opened:
            oldest, at = next(iter(self._opened.items()))
            if now - at <= self._lifetime:
                break
            del self._opened[oldest]
            self._idle.pop(oldest, None)
        self._gauge.set(len(self._opened))

    def woken(self, device_id: str) -> None:
        """Note that something was enqueued for the device (the payload of the signal ``commands``)."""
        if device_id.isdecimal():
            self._idle.pop(int(device_id), None)

    def idle(self, device_id: int, epoch: int) -> bool:
        """Tell whether nothing waits in this session, as far as this node knows."""
        return self._idle.get(device_id) == epoch

    def ended(self, device_id: int) -> None:
        """Note the end of a session."""
        self._opened.pop(device_id, None)
        self._idle.pop(device_id, None)
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
