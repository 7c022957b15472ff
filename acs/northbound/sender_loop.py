"""The loop of whatever tells others by webhooks: everyone for whom something waits is served, page by page.

Who is served is claimed by a lease: a POST leaves the transaction, so a row lock cannot hold the claim.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol

import structlog
from sqlalchemy import Connection

from acs.loops import tried_again, until_set
from acs.store import Store

__all__ = ["SenderLoop"]

_LOOK = 2.0  # seconds between two looks where nothing wakes it
_log = structlog.get_logger(__name__)


class Due(Protocol):
    """Returns the numbers of those for whom something waits now, and whom nobody serves."""

    def __call__(self, conn: Connection, *, now: float) -> list[int]:
        """Read them."""
        ...


class SenderLoop:
    """Serves each who is ``due`` by a task of its own; several nodes may run one each.

    ``page(number)`` sends one page and returns whether to go on at once. ``release`` gives up the claims of a
    node that is no more; it is called at the beginning where only one node can be. A signal of ``topics``
    cuts the wait between two looks short, which is at most ``longest`` seconds.
    """

    def __init__(
        self,
        store: Store,
        kind: str,
        *,
        due: Due,
        page: Callable[[int], Awaitable[bool]],
        release: Callable[[Connection], object],
        topics: Sequence[str],
        longest: float,
    ) -> None:
        self._store, self._kind = store, kind
        self._due, self._page, self._release = due, page, release
        self._topics, self._longest = topics, min(_LOOK, longest)
        self._serving: dict[int, asyncio.Task[None]] = {}
        self._again: set[int] = set()
        self._wake = asyncio.Event()

    def serves(self, number: int) -> bool:
        """Tell whether something is on its way to ``number`` from here."""
        return number in self._serving

    async def run(self) -> None:
        """Send until cancelled. What fails is logged and tried again."""
        off = [self._store.on(topic, lambda _: self._wake.set()) for topic in self._topics]
        try:
            if self._store.dialect == "sqlite":  # there is one node, and it has just begun
                await self._store.write(self._release)
            while True:
                self._wake.clear()
                with tried_again(_log, f"looking for which {self._kind} something waits failed"):
                    await self._look()
                await until_set(self._wake, self._longest)
        finally:
            for each in off:
                each()
            tasks = list(self._serving.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(self) -> None:
        for number in await self._store.read(self._due, now=self._store.clock()):
            if number in self._serving:
                self._again.add(number)
                continue
            task = asyncio.create_task(self._serve(number), name=f"{self._kind} {number}")
            self._serving[number] = task
            task.add_done_callback(partial(self._served, number))

    def _served(self, number: int, _: asyncio.Task[None]) -> None:
        """Look again where something came while the last page was on its way."""
        self._serving.pop(number, None)
        if number in self._again:
            self._again.discard(number)
            self._wake.set()

    async def _serve(self, number: int) -> None:
        """Send one page after the other while that works."""
        failed = True
        with tried_again(_log, f"a {self._kind} could not be told", number=number):
            while await self._page(number):
                pass
            failed = False
        if failed:
            await asyncio.sleep(_LOOK)  # before the next look takes it up
