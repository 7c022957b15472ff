"""Loops that no failure ends, and waits that something cuts short."""

from __future__ import annotations

import asyncio

import pytest
import structlog

from acs.loops import tried_again, until_set
from tests.waiting import until, until_in_thread


async def test_what_fails_is_told_with_its_traceback_and_the_loop_goes_on():
    done = []
    with structlog.testing.capture_logs() as told:
        for number in range(3):
            with tried_again(structlog.get_logger(), "counting failed", number=number):
                done.append(1 / (number - 1))
    assert done == [-1.0, 1.0]
    assert told == [
        {"event": "counting failed; it is tried again", "log_level": "error", "exc_info": True, "number": 1}
    ]


async def test_who_is_cancelled_is_not_held_back():
    with (
        structlog.testing.capture_logs() as told,
        pytest.raises(asyncio.CancelledError),
        tried_again(structlog.get_logger(), "waiting failed"),
    ):
        raise asyncio.CancelledError
    assert told == []


async def test_a_wait_ends_with_the_event_or_with_its_time():
    event = asyncio.Event()
    await until_set(event, 0.001)
    assert not event.is_set()
    waiting = asyncio.create_task(until_set(event, 3600))
    event.set()
    await waiting


async def test_who_waits_in_vain_in_a_test_says_for_what():
    async def a_miracle() -> str:
        return ""

    with pytest.raises(AssertionError, match=r"in vain for .*a_miracle; it returned ''"):
        await until(a_miracle, seconds=0.01)
    with pytest.raises(AssertionError, match=r"in vain for .*lambda: None.*; it returned None"):
        await until(lambda: None, seconds=0.01)
    with pytest.raises(AssertionError, match="in vain for"):
        until_in_thread(lambda: False, seconds=0.01)
    assert await until(lambda: 7) == until_in_thread(lambda: 7) == 7
