"""A playbook that computes without end is stopped: it may run so many lines between two steps."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from types import FrameType
from typing import Any

__all__ = ["FAILURES", "PREFIX", "TooLongError", "limited", "unwatched"]

PREFIX = "<playbook "
"""What the names of files of operators' playbooks begin with in tracebacks."""
_MAX_LINES = 300_000
_MAX_SECONDS = 10.0  # of the clock, should single lines take long
_LOOK = 1000  # lines between two looks at the clock


class TooLongError(BaseException):
    """A playbook ran too long; no ``except Exception`` of it holds this up."""


FAILURES = (Exception, TooLongError, SystemExit, GeneratorExit)
"""What a playbook's mistake may raise: it harms its case alone, whatever it is."""


class _Watch:
    """A trace function that counts the lines of playbooks; other code is left to who traced ``before``."""

    def __init__(self, lines: int, seconds: float, before: Any) -> None:
        self._left, self._end, self.before = lines, monotonic() + seconds, before

    def __call__(self, frame: FrameType, event: str, arg: Any) -> Any:
        if frame.f_code.co_filename.startswith(PREFIX):
            return self._line
        if self.before is None:
            return None
        local = self.before(frame, event, arg)
        sys.settrace(self)  # that of coverage puts itself in our place
        return local

    def _line(self, frame: FrameType, event: str, _arg: Any) -> Any:
        if event == "line":
            self._left -= 1
            if self._left < 0 or (self._left % _LOOK == 0 and monotonic() > self._end):
                where = f"{frame.f_code.co_filename[len(PREFIX) : -1]}:{frame.f_lineno}"
                raise TooLongError(
                    f"{where}: it computes for too long between two steps; is there a loop without"
                    " a step in it?"
                )
        return self._line


@contextmanager
def limited(
    *, lines: int = _MAX_LINES, seconds: float = _MAX_SECONDS, at_once: bool = True
) -> Iterator[Callable[[], None]]:
    """Raise ``TooLongError`` inside a playbook's own code after so many lines of it or so much time.

    Only lines of playbooks are counted, and only they are interrupted: never a write to the database. What is
    yielded begins the counting, unless that is done ``at_once``: while nothing of an operator's is run, there
    is nothing to count, and to be asked at each call is dear.
    """
    before = sys.gettrace()
    watch = _Watch(lines, seconds, before)

    def begin() -> None:
        sys.settrace(watch)

    if at_once:
        begin()
    try:
        yield begin
    finally:
        if sys.gettrace() is watch:
            sys.settrace(before)


@contextmanager
def unwatched() -> Iterator[None]:
    """Run what is not a playbook's without counting: to be asked at each call costs as much as the call."""
    before = sys.gettrace()
    if not isinstance(before, _Watch):
        yield
        return
    sys.settrace(before.before)
    try:
        yield
    finally:
        sys.settrace(before)
