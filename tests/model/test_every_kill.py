"""A node killed at any point of a case: another goes on, and nobody can tell the difference afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.model.kills import Point, Recorder, killed, story
from tests.model.scenes import SCENES, Scene, begin
from tests.model.story import Watched


def play(scene: Scene, folder: Path) -> tuple[Watched, list[Point], dict[str, Any]]:
    """Go through a scene without a death; return its world, its points, and its story."""
    world = begin(scene, folder)
    points = Recorder(world).record(scene.phases)
    return world, points, story(world)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", SCENES)
def test_a_node_killed_at_any_point_is_not_missed(name, tmp_path):
    """The same ends, the same record on Type 2, everything executed as often, at every single point."""
    scene = SCENES[name]
    world, points, whole = play(scene, tmp_path)
    assert len(points) >= scene.least
    for point in points:
        killed(world, point, scene.phases)
        assert story(world) == whole, point.name


def test_the_points_are_the_writing_transactions_and_the_answers_that_follow_them(tmp_path):
    _, points, whole = play(SCENES["fatal"], tmp_path)
    assert [each.name for each in points] == [
        "before the commit of transaction 1",
        "after the commit of transaction 1",
    ]
    assert whole["blocked"] == [True]
    assert whole["henbs"][0][0] == "off"
