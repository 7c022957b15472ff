"""S1 5.7.4 (L88-L97): what the systems above the HeMS do, by policy or by a person."""

from __future__ import annotations

import pytest

from acs import measures as ms
from tests.seed.scene import EVERYTHING, Scene, provisioned
from tests.world import POLICY

NETWORK = ("SEGW_BLOCK", "GATEWAY_BLOCK", "SUBSCRIBER_REPLACE")
RULE = f"{{ when: '*', measures: [{', '.join(NETWORK)}], because: to protect the network }}"
AUTOMATIC = f"{POLICY}measures: {{rules: [{RULE}]}}\n"


def network(**options) -> Scene:
    """A provisioned HeNB, and a system of each kind that carries out measures."""
    scene = provisioned(**options)
    scene.add_systems()
    return scene


def asked_for(scene: Scene) -> list[str]:
    """The measures that are in force of the HeNB."""
    return [each.measure for each in scene.look(ms.in_force, scene.device.id)]


def test_L88_1_the_operator_initiates_a_measure():
    scene = network()
    scene.measure("SEGW_BLOCK", who="anna")
    assert asked_for(scene) == ["SEGW_BLOCK"]
    assert scene.comments() == ["measure blockListAdd at segw: requested"]


def test_L88_1_the_system_starts_predefined_measures_by_itself():
    scene = network(policy=AUTOMATIC)
    scene.tamper("circuit-modified")
    assert asked_for(scene) == list(NETWORK)
    assert scene.in_order(
        "block", "measures FATAL SEGW_BLOCK: segw; GATEWAY_BLOCK: mme; SUBSCRIBER_REPLACE: subscribers"
    )
    assert scene.carry_out() == [("mme", "block"), ("segw", "blockListAdd"), ("subscribers", "replace")]
    assert scene.end() == ("P3", "waiting", "BLOCKED")


@pytest.mark.parametrize("name", ms.MEASURES)
def test_L88_2_each_measure_is_asked_for_carried_out_told_of_and_undone(name):
    scene = network()
    scene.measure(name)
    assert len(scene.carry_out()) == 1
    scene.undo(name)
    assert len(scene.carry_out()) == 1
    assert asked_for(scene) == []
    assert [each.rpartition(": ")[2] for each in scene.comments()] == ["requested", "done"] * 2


@pytest.mark.parametrize(
    ("measure", "why"), [("SEGW_BLOCK", "on the black list"), ("SEGW_REMOVE", "not on the white list")]
)
def test_L90_the_segw_has_it_on_its_black_list_or_no_longer_on_its_white_list(measure, why):
    scene = network()
    name = scene.device.certificate_name
    assert scene.network.segw.lists.refuse(name) == ""
    scene.measure(measure)
    scene.carry_out()
    assert scene.network.segw.lists.refuse(name).startswith(why)
    scene.undo(measure)
    scene.carry_out()
    assert scene.network.segw.lists.refuse(name) == ""


def test_L92_the_henb_is_blocked_at_the_hems(scene):
    scene.tamper("configuration-modified", until="never")
    scene.instruct(scene.case, "BLOCK", "it can't be remedied")
    scene.run(2000)
    assert scene.device.blocked
    assert set(scene.refused) == {"blocked"}
    assert scene.end() == ("P2R", "waiting", "BLOCKED")


def test_L92_the_henb_is_blocked_at_the_henb_gw_or_mme():
    scene = network()
    scene.measure("GATEWAY_BLOCK")
    scene.carry_out()
    assert scene.network.mme.lists.refuse(scene.key).startswith("on the black list")


def test_L94_the_subscriber_is_asked_to_replace_it():
    scene = network()
    scene.measure("SUBSCRIBER_REPLACE")
    scene.carry_out()
    (letter,) = scene.network.subscribers.letters
    assert letter.device_key == scene.key
    assert "has to be replaced" in letter.text


def test_L95_another_system_has_a_measure_of_its_own():
    scene = network()
    scene.measure("OTHER")
    assert scene.carry_out() == [("other", "apply")]
    assert scene.network.other == ["apply"]


@pytest.mark.parametrize(
    ("name", "until", "cut", "outcome"),
    [
        ("circuit-modified", "", set(), "BLOCKED"),
        ("configuration-modified", "never", set(), "EXTENDED"),
        ("configuration-modified", "", EVERYTHING, "NO_COMMUNICATION"),
    ],
)
def test_L97_measures_follow_an_alarm_that_the_hems_can_not_remedy(name, until, cut, outcome):
    scene = network(policy=AUTOMATIC)
    scene.cut_after_the_alarm(*cut)
    scene.tamper(name, until=until)
    assert scene.end()[1:] == ("waiting", outcome)
    assert asked_for(scene) == list(NETWORK)
    raised = [each["notificationType"] for each in scene.outbox()].index("notifyNewAlarm")
    first = scene.comments().index("measure blockListAdd at segw: requested")
    assert raised == 0
    assert first > 0


@pytest.mark.parametrize("name", ["case-opened", "configuration-modified", "software-modified"])
def test_L97_none_follows_what_the_hems_remedies(name):
    scene = network(policy=AUTOMATIC)
    scene.tamper(name, until="reboot")
    assert scene.case.state == "closed"
    assert asked_for(scene) == []
