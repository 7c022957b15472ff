"""Whatever gets lost between HeMS and HeNB: every case ends, and nothing is done twice."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acs.simulator import TAMPERS
from tests.world import World

ENDS = {"REMEDIATED", "NOTIFIED", "BLOCKED", "EXTENDED", "NO_COMMUNICATION", "SUPERSEDED"}


def executed_twice(world: World) -> list:
    counts = Counter((each.method, each.command_key) for each in world.henb.executed if each.command_key)
    return [each for each, count in counts.items() if count > 1]


def check(world: World) -> None:
    assert executed_twice(world) == []
    cases = world.cases()
    assert cases, "an alarm was lost"
    for case in cases:
        assert case.state in ("closed", "waiting")
        assert case.outcome in ENDS, case.because
    resets = sum(each.method == "FactoryReset" for each in world.henb.executed)
    asked = sum(step.name == "FactoryReset" for case in cases for step in world.journal(case))
    assert resets <= asked


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    share=st.floats(0.02, 0.35),
    tamper=st.sampled_from(sorted(TAMPERS)),
    until=st.sampled_from(["", "reboot", "factory_reset", "never"]),
)
def test_a_lossy_path_loses_no_case_and_repeats_no_effect(seed, share, tamper, until):
    chance = random.Random(seed)
    world = World()
    world.boot()
    world.lose = lambda where: chance.random() < share
    world.tamper(tamper, until=until, seconds=20_000)
    world.lose = lambda where: False
    world.run(20_000)
    check(world)


@pytest.mark.parametrize("where", ["request", "answer"])
@pytest.mark.parametrize("number", range(1, 32))
def test_each_single_message_may_get_lost(where, number):
    world = World()
    world.boot()
    count = 0

    def lose(place: str) -> bool:
        nonlocal count
        count += place == where
        return place == where and count == number

    world.lose = lose
    world.tamper("software-modified", until="reboot", seconds=6000)
    check(world)
    (case,) = world.cases()
    assert case.outcome == "REMEDIATED", case.because
    assert world.rungs(case) == ["download", "reboot"]
