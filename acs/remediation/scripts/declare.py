"""How a file says which of its functions are playbooks."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

__all__ = ["playbook"]

Written = TypeVar("Written", bound=Callable[..., Coroutine[Any, Any, Any]])


def playbook(function: Written) -> Written:
    """Declare an ``async def name(case)`` a playbook. A function named like its file needs no declaration."""
    function.__playbook__ = True  # type: ignore[attr-defined] # a mark, read by load.py alone
    return function
