"""``kill -9`` of a real node at every point of a case: another life, or another node, goes on.

In ``make test`` a node dies once at each kind of point; in ``make kills`` at each point that there is.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.model.bench import Bench, Story
from tests.model.everything import ALL
from tests.model.lives import acknowledgements, kinds

_MOST_WRONG = 5  # after which it is not gone on with
_LIVES = 3  # that a node may outlive a point which another one got to
_BEYOND = 2  # so many lives in a row that outlive their scene say that it has no further point


@dataclass(frozen=True)
class Scene:
    """What a HeNB is tampered with, and how its case has to end."""

    tamper: str
    until: str
    outcome: str


SCENES = {
    "reboot": Scene("configuration-modified", "reboot", "REMEDIATED"),
    "measures": Scene("circuit-modified", "", "BLOCKED"),
    "reset": Scene("configuration-modified", "factory_reset", "REMEDIATED"),
    "software": Scene("software-modified", "download", "REMEDIATED"),
}
_EVERY_DAY = ("measures-sqlite", "reboot-postgresql")
_RUNS = [
    pytest.param(scene, engine, id=f"{scene}-{engine}")
    for engine in ("sqlite", "postgresql")
    for scene in SCENES
    if ALL or f"{scene}-{engine}" in _EVERY_DAY
]


@pytest.fixture
def database(engine, request):
    return request.getfixturevalue("postgresql_url") if engine == "postgresql" else ""


@pytest.fixture
async def bench(database, tmp_path, monkeypatch):
    """A bench with one node on SQLite, or with two on one PostgreSQL."""
    async with acknowledgements(monkeypatch) as noted:
        made = Bench(tmp_path, database, noted)
        try:
            await made.start()
            yield made
        finally:
            await made.stop()


@dataclass(frozen=True)
class Order:
    """Where a node is to die: at which point, or at which of one kind."""

    at: int
    when: str = ""
    what: str = ""


async def play(bench: Bench, scene: Scene, order: Order) -> tuple[Story, list[str], bool]:
    """Go through a scene with a HeNB of its own; return what was left, the points, and whether one died."""
    serial = await bench.henb()
    node = bench.mortal
    if not node.alive:
        await node.start()
    node.order(order.at, order.when, order.what)
    try:
        bench.fleet.tamper(serial, scene.tamper, until=scene.until)
        await bench.over(serial)
    finally:
        points = node.pardon()
    died = not node.alive
    if died and bench.alone:
        await node.start()
    bench.hurry(serial)
    await bench.noticed(serial)
    await bench.rests(serial)
    if not node.alive:  # where another went on
        await node.start()
    story = await bench.story(serial)
    bench.fleet.devices[serial].henb.shut_down()  # one that is refused would come again and again
    return story, points, died


def _orders(points: list[str], *, alone: bool) -> Iterator[Order]:
    """Yield where to die; several times each where another node may be the one that gets there."""
    if ALL:
        yield from (Order(number) for number in range(1, 10 * len(points)))
    else:
        once = [Order(1, when, what) for when, what in kinds(points)]
        yield from itertools.chain.from_iterable(itertools.repeat(once, 1 if alone else _LIVES))


@pytest.mark.timeout(0 if ALL else 250)
@pytest.mark.parametrize(("scene", "engine"), _RUNS)
@pytest.mark.row("S1 L10")
async def test_a_node_that_is_killed_at_any_point_loses_nothing(bench: Bench, scene, engine, report):
    """What was acknowledged is kept and told in order, nothing is executed twice, every case ends alike."""
    acts = SCENES[scene]
    whole, points, _ = await play(bench, acts, Order(0))
    assert [case[2] for case in whole.cases] == [acts.outcome]
    wrong, done, deaths, outlived = [], set(), 0, 0
    for order in _orders(points, alone=bench.alone):
        if len(wrong) == _MOST_WRONG:
            break
        if order in done:
            continue
        try:
            story, passed, died = await play(bench, acts, order)
        except AssertionError as error:
            wrong.append(f"{order}: {error}")
            continue
        if story != whole:
            wrong.append(f"{order}, {passed[-1:]}:\n{story}\nin place of\n{whole}")
        if died:
            done.add(order)
        outlived = 0 if died else outlived + 1
        deaths += died
        if ALL and outlived == _BEYOND:
            break
    report(f"{scene} on {engine}: {len(points)} points, {deaths} deaths, {len(wrong)} wrong")
    assert not wrong, "\n\n".join(wrong)
    assert deaths >= (len(points) // 2 if ALL else 6)  # of two nodes the other has its part of the points
    assert [error for node in bench.door.nodes for error in node.errors()] == []
    assert bench.fleet.failures() == []


@pytest.mark.timeout(0 if ALL else 250)
@pytest.mark.parametrize("engine", ["sqlite"])
async def test_a_node_that_dies_in_each_life_a_little_later_brings_a_case_to_its_end(
    bench: Bench, engine, report
):
    """The first life ends at its first point, later ones at later points, those of their start among them."""
    acts = SCENES["reboot"]
    whole, _, _ = await play(bench, acts, Order(0))
    serial, node = await bench.henb(), bench.mortal
    before = node.lives
    node.order(1)
    bench.fleet.tamper(serial, acts.tamper, until=acts.until)
    for number in range(2, 1000, 1 if ALL else 2):
        await bench.over(serial)
        node.pardon()
        if node.alive:
            break
        node.order(number)
        await node.start()
        bench.hurry(serial)
    await bench.rests(serial)
    report(f"a case went through {node.lives - before} lives")
    assert await bench.story(serial) == whole
    assert node.lives - before > 8
    assert node.errors() == []
