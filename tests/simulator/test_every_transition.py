"""Every transition of the HeNB, N-01 to N-62, really happens, with the HeMS at the other end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from acs import distress as ds
from acs.simulator.stages import TRANSITIONS, Stage
from tests.seed.scene import EVERYTHING, Scene, provisioned
from tests.world import DISTRESS_KEY

EMERGENCY = {"emergency_available": True, "roles": ("serving", "emergency")}


def diagnosed() -> Scene:
    scene = provisioned()
    scene.tamper("case-opened")
    return scene


def reset() -> Scene:
    scene = provisioned()
    scene.tamper("configuration-modified", until="factory_reset")
    return scene


def reloaded() -> Scene:
    scene = provisioned()
    scene.tamper("software-modified")
    return scene


def broken_for_good() -> Scene:
    scene = provisioned()
    scene.tamper("circuit-modified", seconds=100)
    scene.henb.power_on(scene.now, first=False)
    return scene


def broken_and_cut_off() -> Scene:
    scene = provisioned(distress=1)
    scene.cut = {"standard"}
    scene.tamper("circuit-modified", seconds=300)
    return scene


def broken_and_alone() -> Scene:
    scene = provisioned(**EMERGENCY)
    scene.help_itself("circuit-modified", seconds=4000)
    return scene


def silent_for_a_while() -> Scene:
    scene = provisioned(distress=1)
    scene.cut = {"standard"}
    scene.run(5000)
    scene.cut.clear()
    scene.run(2000)
    return scene


def called() -> Scene:
    scene = provisioned(distress=1)
    scene.cut = {"standard"}
    trigger = ds.Trigger(int(scene.now), 1, scene.key, "0" * 16)
    scene.henb.triggered(ds.build_trigger(trigger, DISTRESS_KEY, host="a:1"), "IPsec2", scene.now)
    scene.run(10)
    return scene


def helps_itself() -> Scene:
    scene = provisioned(distress=1, **EMERGENCY)
    scene.help_itself("software-modified")
    return scene


def helps_itself_after_it_told() -> Scene:
    scene = provisioned(**EMERGENCY)
    scene.cut_after_the_alarm(*EVERYTHING)
    scene.tamper("case-opened", seconds=8000)
    return scene


def cut_off_from_everything() -> Scene:
    scene = provisioned(distress=1)
    scene.cut = set(EVERYTHING)
    scene.tamper("case-opened")
    return scene


def cant_help_itself() -> Scene:
    scene = provisioned(distress=1, **EMERGENCY)
    scene.henb.emergency.broken = True
    scene.help_itself("software-modified")
    return scene


def switched_off() -> Scene:
    scene = provisioned()
    scene.henb.shut_down()
    return scene


SCENES: dict[Callable[[], Scene], str] = {
    diagnosed: "N-01 N-02 N-03 N-10",
    reset: "N-11 N-12 N-13 N-60",
    reloaded: "N-14",
    broken_for_good: "N-30 N-31 N-61",
    broken_and_cut_off: "N-32 N-43 N-44",
    broken_and_alone: "N-33 N-51",
    silent_for_a_while: "N-40 N-42",
    called: "N-41",
    helps_itself: "N-04 N-45 N-52",
    helps_itself_after_it_told: "N-50",
    cut_off_from_everything: "N-46",
    cant_help_itself: "N-53",
    switched_off: "N-62",
}


@pytest.mark.parametrize("happens", SCENES, ids=lambda each: each.__name__)
def test_what_happens_moves_the_henb_as_the_table_says(happens):
    found = [each.id for each in happens().henb.stages.history]
    assert set(SCENES[happens].split()) <= set(found), found


def test_no_transition_and_no_stage_is_left_out():
    shown = set(" ".join(SCENES.values()).split())
    assert shown == {each.id for each in TRANSITIONS}
    assert {each.target for each in TRANSITIONS if each.id in shown} == set(Stage)
