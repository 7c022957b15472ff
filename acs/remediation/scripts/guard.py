"""A playbook that computes without end is stopped: it may run so many lines between two steps."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from types import FrameType
from typing import Any

__all__ = ["PREFIX", "TooLongError", "limited", "unwatched"]

PREFIX = "<playbook "
"""What the names of files of operators' playbooks begin with in tracebacks."""
_MAX_LINES = 300_000
_MAX_SECONDS = 10.0  # of the clock, should single lines take long
_LOOK = 1000  # lines between two looks at the clock


class TooLongError(BaseException):
    """A playbook ran too long; no ``except Exception`` of it holds this up."""


@contextmanager
def limited(*, lines: int = _MAX_LINES, seconds: float = _MAX_SECONDS) -> Iterator[None]:
    """Raise ``TooLongError`` inside a playbook's own code after so many lines of it or so much time.

    Only lines of playbooks are counted, and only they are interrupted: never a write to the database.
    """
    count, end = 0, monotonic() + seconds

    def line(frame: FrameType, event: str, _arg: Any) -> Any:
        nonlocal count
        if event == "line":
            count += 1
            if count > lines or (count % _LOOK == 0 and monotonic() > end):
                where = f"{frame.f_code.co_filename[len(PREFIX) : -1]}:{frame.f_lineno}"
                raise TooLongError(
                    f"{where}: it computes for too long between two steps; is there a loop without"
                    " a step in it?"
                )
        return line

    def call(frame: FrameType, _event: str, _arg: Any) -> Any:
        return line if frame.f_code.co_filename.startswith(PREFIX) else None

    before = sys.gettrace()
    sys.settrace(call)
    try:
        yield
    finally:
        sys.settrace(before)


@contextmanager
def unwatched() -> Iterator[None]:
    """Run what is not a playbook's without counting: to be asked at each call costs as much as the call."""
    before = sys.gettrace()
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(before)
