"""Every point at which the death of a node makes a difference, and worlds that go on from there.

A transaction that wrote is such a point twice: undone, when the node dies before its commit; kept without
its answer, when it dies right after it. What comes later is the next transaction's "before": a node that is
dead then does nothing more. Points are found by the engine's own events, none is chosen by hand.
"""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event

from acs.simulator import HeNB
from tests.model.story import Watched, check_step, executed_twice
from tests.world import ManagedHenb, World

__all__ = ["Phase", "Point", "Recorder", "killed", "story"]

_WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE)\b", re.IGNORECASE)
_NUMBER = re.compile(r"\bcase \d+\b")
_DETOUR = ("communication failed over the second path", "connected over the second path")
_ONCE = ("Reboot", "FactoryReset", "Download", "Upload")


@dataclass(frozen=True)
class Phase:
    """What is done to a world, and how long it then lives on its own."""

    act: Callable[[Watched], object]
    seconds: float


@dataclass(frozen=True)
class Point:
    """A death: the store as it leaves it, the HeNBs as they are then, and which of them was in a session."""

    name: str
    store: bytes
    henbs: tuple[HeNB, ...]
    talking: int | None
    now: float
    phase: int
    left: float
    cut: frozenset[str]
    acting: bool = False
    """Whether it came while the phase's own act was done; who acts then gets no answer and acts again."""


class Recorder:
    """Lets the phases happen in a world without a death, and keeps every point at which one could be."""

    def __init__(self, world: Watched) -> None:
        self.world = world
        self.points: list[Point] = []
        self._committed = b""
        self._wrote = self._dirty = False
        self._talking: int | None = None
        self._acting = False
        self._phase, self._end, self._count = 0, 0.0, 0
        for number, each in enumerate(self._all()):
            self._follow(number, each)

    def _all(self) -> tuple[ManagedHenb, ...]:
        return (self.world, *self.world.neighbours)

    def _follow(self, number: int, world: ManagedHenb) -> None:
        """Know when a HeNB is in a session, and when an answer is about to leave."""
        hold, lose = world.session, world.lose

        def session() -> None:
            self._talking = number
            try:
                hold()
            finally:
                self._talking = None

        def lost(where: str) -> bool:
            if where == "answer" and self._talking is not None and self._dirty:
                self._keep("after")
            return lose(where)

        world.session, world.lose = session, lost  # type: ignore[method-assign]

    def record(self, phases: Sequence[Phase]) -> list[Point]:
        """Let the phases happen; return the points in their order."""
        engine = self.world.conn.engine
        hooks: tuple[tuple[str, Any], ...] = (
            ("begin", self._began),
            ("before_cursor_execute", self._executes),
            ("commit", self._commits),
            ("rollback", self._undone),
        )
        self._committed = self._store()
        for name, hook in hooks:
            event.listen(engine, name, hook)
        try:
            for self._phase, phase in enumerate(phases):
                self._end = self.world.now + phase.seconds
                self._acting = True
                phase.act(self.world)
                self._acting = False
                self.world.run(self._end - self.world.now)
        finally:
            for name, hook in hooks:
                event.remove(engine, name, hook)
        return self.points

    def _store(self) -> bytes:
        raw: Any = self.world.conn.connection.driver_connection
        found: bytes = raw.serialize()
        return found

    def _began(self, _conn: Any) -> None:
        if self._dirty:
            self._committed, self._dirty = self._store(), False
        self._wrote = False

    def _executes(self, _conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        self._wrote = self._wrote or bool(_WRITES.match(statement))

    def _commits(self, _conn: Any) -> None:
        if self._wrote:
            self._count += 1
            self._keep("before")
            self._dirty, self._wrote = True, False

    def _undone(self, _conn: Any) -> None:
        self._wrote = False

    def _keep(self, when: str) -> None:
        now = self.world.now
        left = max(0.0, self._end - now)
        henbs = tuple(_copy(each.henb) for each in self._all())
        store = self._committed if when == "before" else self._store()
        name = f"{when} the commit of transaction {self._count}"
        cut = frozenset(self.world.cut)
        self.points.append(
            Point(name, store, henbs, self._talking, now, self._phase, left, cut, self._acting)
        )


def power_cuts(world: Watched, phases: Sequence[Phase]) -> list[Point]:
    """Let the phases happen; return the points at which the power of the world's HeNB may fail.

    That is before each request that it sends, before each answer that it gets, and each time when nothing
    more is to be done at once: while it restarts, loads, tests itself or waits.
    """
    points: list[Point] = []
    lose, settle = world.lose, world._settle
    raw: Any = world.conn.connection.driver_connection
    number, end = 0, 0.0

    def keep(what: str) -> None:
        if world.henb.state != "off":  # only a person switches it on again
            henbs = tuple(_copy(each.henb) for each in (world, *world.neighbours))
            name = f"{what} {len(points) + 1}, {world.henb.state}"
            left = max(0.0, end - world.now)
            cut = frozenset(world.cut)
            points.append(Point(name, raw.serialize(), henbs, None, world.now, number, left, cut))

    def lost(where: str) -> bool:
        keep(where)
        return lose(where)

    def settled() -> None:
        settle()
        keep("rest")

    world.lose, world._settle = lost, settled  # type: ignore[method-assign]
    try:
        for number, phase in enumerate(phases):  # noqa: B007 - keep() reads it
            end = world.now + phase.seconds
            phase.act(world)
            world.run(end - world.now)
    finally:
        world.lose, world._settle = lose, settle  # type: ignore[method-assign]
    return points


def _copy(henb: HeNB) -> HeNB:
    model = henb.tree.template  # it never changes
    return copy.deepcopy(henb, {id(model): model})


def killed(world: Watched, point: Point, phases: Sequence[Phase]) -> None:
    """Bring the world to where the node died at ``point``; another node and the HeNBs live on to the end."""
    _go_back(world, point)
    world.restart()
    if point.talking is not None:
        talking = (world, *world.neighbours)[point.talking].henb
        talking.session_failed(world.now)  # its connection broke: it comes again (TR-069 3.2.1.1)
    _live_on(world, point, phases)


def switched_off(world: Watched, point: Point, phases: Sequence[Phase]) -> None:
    """Bring the world to ``point``, where the HeNB loses its power for a moment; all live on to the end."""
    _go_back(world, point)
    world.henb.power_on(world.now, first=False)
    _live_on(world, point, phases)


def _go_back(world: Watched, point: Point) -> None:
    raw: Any = world.conn.connection.driver_connection
    raw.deserialize(point.store)
    world.now, world.cut = point.now, set(point.cut)
    for each, henb in zip((world, *world.neighbours), point.henbs, strict=True):
        each.henb = _copy(henb)
    world.conn.info.clear()
    world.acknowledged.clear()


def _live_on(world: Watched, point: Point, phases: Sequence[Phase]) -> None:
    if point.acting:
        phases[point.phase].act(world)
    world.run(point.left)
    for phase in phases[point.phase + 1 :]:
        phase.act(world)
        world.run(phase.seconds)


def story(world: Watched) -> dict[str, Any]:
    """Return what must be the same whether or not a node died: the ends, the record, what was executed."""
    check_step(world)
    for each in (world, *world.neighbours):
        assert executed_twice(each) == []
    everybody = (world, *world.neighbours)
    return {
        "cases": [(each.kind, each.procedure, each.state, each.outcome) for each in _cases(world)],
        "rungs": [list(dict.fromkeys(world.rungs(each))) for each in _cases(world)],
        "told": list(_told(world)),
        "executed": [
            Counter(done.method for done in each.henb.executed if done.method in _ONCE) for each in everybody
        ],
        "henbs": [
            (each.henb.state, each.henb.software_version, len(each.henb.tampers)) for each in everybody
        ],
        "blocked": [each.device.blocked for each in everybody],
    }


def _cases(world: World) -> list[Any]:
    return sorted(
        [case for kind in ("remediation", "playbook", "provisioning") for case in world.cases(kind)],
        key=lambda case: (case.device_id, case.id),
    )


def _told(world: World) -> Iterator[tuple[str, ...]]:
    """Yield what the managers were told, in order, by device; without the numbers of cases.

    Left out is that a second path broke down and was taken again: that it did is true.
    """
    rows = [(str(body.get("device") or body.get("alarmId", "")), body) for body in world.outbox()]
    for _, body in sorted(rows, key=lambda row: row[0].partition(":")[0]):
        text = _NUMBER.sub("case", str(body.get("commentText", "")))
        if not text.startswith(_DETOUR):
            yield body["notificationType"], str(body.get("alarmId", "")), text
