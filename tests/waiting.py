"""Waiting in tests for what comes about elsewhere: bounded, and who waits in vain says for what."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

__all__ = ["until", "until_in_thread"]

T = TypeVar("T")
_PATIENCE = 50.0
_PAUSES = (*(0.001 * 2**n for n in range(5)), 0.03)  # seconds between two looks; the last one again and again


async def until(condition: Callable[[], T | Awaitable[T]], *, seconds: float = _PATIENCE) -> T:
    """Return what ``condition`` returns, plain or asynchronous, once that is true.

    Raises ``AssertionError`` with its name, or its source, and what it returned last.
    """
    found: T | None = None
    try:
        async with asyncio.timeout(seconds) as bound:
            for pause in _pauses():
                told = condition()
                found = await told if inspect.isawaitable(told) else told
                if found:
                    return found
                await asyncio.sleep(pause)
    except TimeoutError:
        if not bound.expired():
            raise
    raise AssertionError(_in_vain(condition, seconds, found))


def until_in_thread(condition: Callable[[], T], *, seconds: float = _PATIENCE) -> T:
    """Return what ``condition`` returns once that is true, as ``until``, where there is no event loop."""
    end = time.monotonic() + seconds
    for pause in _pauses():
        found = condition()
        if found:
            return found
        if time.monotonic() >= end:
            break
        time.sleep(pause)
    raise AssertionError(_in_vain(condition, seconds, found))


def _pauses() -> Iterator[float]:
    return itertools.chain(_PAUSES, itertools.repeat(_PAUSES[-1]))


def _in_vain(condition: Callable[[], object], seconds: float, found: object) -> str:
    name = getattr(condition, "__qualname__", repr(condition))
    if name.endswith("<lambda>"):
        name = " ".join(inspect.getsource(condition).split())
    return f"waited {seconds:g} s in vain for {name}; it returned {found!r}"
