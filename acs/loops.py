"""What goes on for as long as a node does: loops that no failure ends, waits that something cuts short."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["tried_again", "until_set"]


@contextmanager
def tried_again(log: Any, failure: str, **about: Any) -> Iterator[None]:
    """Log what goes wrong within, with its traceback: the loop around it goes on and tries it again.

    Only for the loops at the edge of a node. ``log`` is their logger, ``failure`` what it says; ``about``
    becomes fields of the line.
    """
    try:
        yield
    except Exception:  # whatever it was, what else the loop does must not end with it
        event = f"{failure}; it is tried again"
        log.exception(event, **about)


async def until_set(event: asyncio.Event, seconds: float) -> None:
    """Wait until ``event`` is set, and no longer than ``seconds``."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
