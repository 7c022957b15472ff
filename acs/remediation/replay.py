"""Durable coroutines: a playbook runs by replaying its journal. Pure.

A playbook is a plain ``async def``. Each thing it asks for is a numbered step. A step whose result is in
the journal is answered from there; a new one is begun; one that is not done suspends the playbook, which
is then simply dropped: the journal is all that remains of it, and all that is needed.

``parallel`` runs several coroutines of one playbook as branches. Each has numbers of its own, so that what
comes first in one depends on nothing in another.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from acs.errors import AcsError

__all__ = [
    "AWAITED",
    "Ask",
    "Entry",
    "Finished",
    "Fork",
    "NonDeterministicError",
    "Place",
    "Suspended",
    "compare",
    "run",
]


class NonDeterministicError(AcsError):
    """A playbook asked for something else than its journal says it asked for before."""


class Place(NamedTuple):
    """Where a step stands: its branch ("" is the playbook itself) and its number there, from 1."""

    branch: str
    number: int

    def __str__(self) -> str:
        """Name it for people."""
        return f"step {self.number}" + (f" of branch {self.branch}" if self.branch else "")


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


@dataclass(frozen=True, slots=True, eq=False)
class Fork:
    """Branches that a playbook awaits together; the result is the list of theirs, in order."""

    branches: tuple[Coroutine[Any, Any, Any], ...]

    def __await__(self) -> Generator[Fork, Any, list[Any]]:
        """Hand the branches to whoever runs the playbook and return their results."""
        results: list[Any] = yield self
        return results


@dataclass(frozen=True, slots=True)
class Entry:
    """What the journal knows of a step; ``at`` is when it was done.

    ``told`` is detail and because, where a replay has to repeat these too.
    """

    name: str
    done: bool
    result: Any = None
    at: float = 0.0
    told: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Suspended:
    """The playbook waits, for this step and perhaps for others in other branches."""

    place: Place


@dataclass(frozen=True, slots=True)
class Finished:
    """The playbook returned ``value`` after ``steps`` steps."""

    value: Any
    steps: int


AWAITED = "awaited at "
"""What notes begin with that an error of a step bears: ``awaited at FILE:LINE``, the innermost last."""
_MAX_STEPS = 2000
_MAX_BRANCHES = 64
_MAX_TEXT = 100_000  # characters that a step may bring into the journal; devices say some of them


def _unheard(branch: str, at: float) -> None:
    pass


def run(
    coroutine: Coroutine[Any, Any, Any],
    journaled: Callable[[Place], Entry | None],
    begin: Callable[[Place, Ask], Entry],
    *,
    resumed: Callable[[str, float], None] = _unheard,
) -> Suspended | Finished:
    """Run ``coroutine`` as far as it goes.

    ``journaled(place)`` returns what is known of a step, ``begin(place, ask)`` starts a new one,
    ``resumed(branch, at)`` is told whenever a branch goes on, with the time at which its last step was done.
    Raises ``NonDeterministicError`` when the playbook's story changed, or what the playbook raises.
    """
    return _Run(journaled, begin, resumed).branch(coroutine, "")


@dataclass(slots=True)
class _Run:
    journaled: Callable[[Place], Entry | None]
    begin: Callable[[Place, Ask], Entry]
    resumed: Callable[[str, float], None]
    steps: int = 0

    def branch(self, coroutine: Coroutine[Any, Any, Any], name: str) -> Suspended | Finished:
        """Run one branch as far as it goes."""
        result: Any = None
        error: Exception | None = None
        number = forks = 0
        at = 0.0
        try:
            while True:
                self.resumed(name, at)
                try:
                    ask = coroutine.send(result) if error is None else coroutine.throw(error)
                except StopIteration as stop:
                    return Finished(stop.value, self.steps)
                result = error = None
                if isinstance(ask, Fork):
                    forks += 1
                    with _told_where(coroutine):
                        ended = self.fork(ask, f"{name}/{forks}" if name else str(forks))
                    if isinstance(ended, Suspended):
                        return ended
                    result, error = ended
                    continue
                number += 1
                with _told_where(coroutine):
                    entry = self.step(Place(name, number), ask)
                if not entry.done:
                    return Suspended(Place(name, number))
                result, at = entry.result, entry.at
        finally:
            _drop(coroutine)

    def fork(self, ask: Fork, name: str) -> Suspended | tuple[list[Any], Exception | None]:
        """Run all branches as far as they go; results when all have ended, with the first error."""
        if len(ask.branches) > _MAX_BRANCHES:
            for each in ask.branches:
                each.close()
            raise AcsError(
                f"parallel has {len(ask.branches)} branches, {_MAX_BRANCHES} are allowed; for many devices"
                " use case.group"
            )
        results: list[Any] = []
        waiting: Suspended | None = None
        error: Exception | None = None
        try:
            for index, each in enumerate(ask.branches):
                try:
                    ended = self.branch(each, f"{name}.{index}")
                except NonDeterministicError:
                    raise
                except Exception as raised:  # noqa: BLE001 - it is the playbook's, who is told at the join
                    error = error or raised
                    continue
                if isinstance(ended, Suspended):
                    waiting = waiting or ended
                else:
                    results.append(ended.value)
        finally:
            for each in ask.branches:
                each.close()
        return waiting or (results, error)

    def step(self, place: Place, ask: Any) -> Entry:
        """Return what is known of a step, or begin it."""
        if not isinstance(ask, Ask):
            raise AcsError(
                f"{place}: the playbook awaits {type(ask).__name__}, which is no step of a case; await"
                " nothing but what the case offers, for example case.sleep instead of asyncio.sleep"
            )
        self.steps += 1
        if self.steps > _MAX_STEPS:
            raise AcsError(f"a playbook took more than {_MAX_STEPS} steps; it seems to go round in circles")
        if len(ask.detail) + len(ask.because) > _MAX_TEXT:
            raise AcsError(f"{place}, {ask.name}: its text has more than {_MAX_TEXT} characters; shorten it")
        entry = self.journaled(place)
        if entry is None:
            return self.begin(place, ask)
        compare(place, entry, ask)
        return entry


def _drop(coroutine: Coroutine[Any, Any, Any]) -> None:
    """End a coroutine where it stands; what its ``finally`` clauses do then counts for nothing."""
    for _ in range(_MAX_STEPS):
        awaiting = [coroutine]
        while isinstance(inner := getattr(awaiting[-1], "cr_await", None), Coroutine):
            awaiting.append(inner)
        try:
            for each in reversed(awaiting):
                each.close()
        except Exception:  # noqa: BLE001, S112 - a `finally` awaits a step, and is left in its turn, or fails
            continue
        return


@contextmanager
def _told_where(coroutine: Coroutine[Any, Any, Any]) -> Iterator[None]:
    """Note on an error of a step the lines that await it; no traceback has them, since the step is ours."""
    try:
        yield
    except Exception as error:
        awaiting: Any = None if hasattr(error, "__notes__") else coroutine  # a branch may have told it
        while (frame := getattr(awaiting, "cr_frame", None)) is not None:
            error.add_note(f"{AWAITED}{frame.f_code.co_filename}:{frame.f_lineno}")
            awaiting = awaiting.cr_await
        raise


def compare(place: Place, entry: Entry, ask: Ask) -> None:
    """Raise ``NonDeterministicError`` where a replay asks for something else than before."""
    pairs: Iterable[tuple[str, str, str]] = [("", entry.name, ask.name)]
    if entry.told is not None:
        pairs = [
            *pairs,
            (f"the detail of {entry.name!r} ", entry.told[0], ask.detail),
            (f"the reason for {entry.name!r} ", entry.told[1], ask.because),
        ]
    for what, before, now in pairs:
        if before != now:
            raise NonDeterministicError(
                f"{place}: {what or 'it '}was {before!r} before and is {now!r} now; a playbook may depend on"
                " nothing but the results of its steps: use case.now for the clock, case.random and case.uuid"
                " for chance, and what the case reads instead of files, networks and variables of modules"
            )
