"""A HeNB that loses its power at any point of a case: what it keeps over that is enough."""

from __future__ import annotations

import pytest

from tests.model.everything import ALL
from tests.model.kills import power_cuts, switched_off
from tests.model.scenes import SCENES, begin
from tests.model.story import Watched, check_end, executed_twice

_SCENES = ("reconfiguration", "fatal", *(("software", "blocked", "distress", "emergency") if ALL else ()))
_LATER = 1500
"""Seconds in which what the power cut put off is done."""


def _ends(world: Watched) -> list[tuple[str, str, str]]:
    return [(case.kind, case.procedure, case.outcome) for case in world.cases() + world.cases("playbook")]


@pytest.mark.timeout(0 if ALL else 400)
@pytest.mark.row("S1 L10")
@pytest.mark.parametrize("name", _SCENES)
def test_a_henb_that_loses_its_power_at_any_point_is_remediated_all_the_same(name, tmp_path, report):
    """Every case ends as it would have ended, both sides agree in the end, and nothing is executed twice."""
    scene = SCENES[name]
    world = begin(scene, tmp_path)
    points = power_cuts(world, scene.phases)
    ends = _ends(world)
    assert len(points) >= SCENES[name].least
    wrong = []
    for point in points:
        try:
            switched_off(world, point, scene.phases)
            world.run(_LATER)
            check_end(world, healed=True)
            assert executed_twice(world) == []
            # One that loses its power while it helps itself starts as it was: another end, but an end.
            assert name == "emergency" or _ends(world) == ends
        except AssertionError as error:
            wrong.append(f"{point.name}: {error}")
    report(f"{name}: the power failed at {len(points)} points, {len(wrong)} wrong")
    assert not wrong, f"{len(wrong)} of {len(points)}:\n" + "\n".join(wrong)
