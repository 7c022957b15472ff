"""Durable coroutines: a playbook runs by replaying its journal. Pure.

A playbook is a plain ``async def``. Each thing it asks for is a numbered step. A step whose result is in
the journal is answered from there; a new one is begun; one that is not done suspends the playbook, which
is then simply dropped: the journal is all that remains of it, and all that is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass, field
from typing import Any

from acs.errors import AcsError

__all__ = ["Ask", "Entry", "Finished", "NonDeterministicError", "Suspended", "run"]


class NonDeterministicError(AcsError):
    """A playbook asked for something else than its journal says it asked for before."""


@dataclass(frozen=True, slots=True, eq=False)
class Ask:
    """A step that a playbook awaits. ``name`` identifies it on replay; ``begin`` starts its effect."""

    name: str
    because: str
    begin: Callable[..., Any] = field(repr=False)
    detail: str = ""

    def __await__(self) -> Generator[Ask, Any, Any]:
        """Hand the step to whoever runs the playbook and return its result."""
        result = yield self
        return result


@dataclass(frozen=True, slots=True)
class Entry:
    """What the journal knows of a step."""

    name: str
    done: bool
    result: Any = None


@dataclass(frozen=True, slots=True)
class Suspended:
    """The playbook waits for step ``seq``."""

    seq: int


@dataclass(frozen=True, slots=True)
class Finished:
    """The playbook returned ``value`` after ``steps`` steps."""

    value: Any
    steps: int


_MAX_STEPS = 2000


def run(
    coroutine: Coroutine[Ask, Any, Any],
    journaled: Callable[[int], Entry | None],
    begin: Callable[[int, Ask], Entry],
) -> Suspended | Finished:
    """Run ``coroutine`` as far as it goes.

    ``journaled(seq)`` returns what is known of a step (counted from 1), ``begin(seq, ask)`` starts a new one.
    Raises ``NonDeterministicError`` when the playbook's story changed, or what the playbook raises.
    """
    result: Any = None
    seq = 0
    try:
        while True:
            try:
                ask = coroutine.send(result)
            except StopIteration as stop:
                return Finished(stop.value, seq)
            seq += 1
            if seq > _MAX_STEPS:
                raise AcsError(
                    f"a playbook took more than {_MAX_STEPS} steps; it seems to go round in circles"
                )
            entry = journaled(seq)
            if entry is None:
                entry = begin(seq, ask)
            elif entry.name != ask.name:
                raise NonDeterministicError(
                    f"step {seq} was {entry.name!r} before and is {ask.name!r} now; a playbook may depend on"
                    " nothing but the results of its steps"
                )
            if not entry.done:
                return Suspended(seq)
            result = entry.result
    finally:
        coroutine.close()
