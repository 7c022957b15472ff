"""What the model and the kills found, each as a plain test."""

from __future__ import annotations

import pytest

from acs.commands import list_commands
from acs.simulator import Fault
from tests.model.story import executed_twice
from tests.world import World

CURRENT = "alarm-resync"


def lose_answer_to(world: World, method: str) -> None:
    """Have the HeNB never see the next ``method``: the HeMS committed that it sent it; the line breaks."""
    done = []

    def lose(where: str) -> bool:
        newest = world.look(list_commands, limit=9)
        sent = [each for each in newest if each.method == method and each.state == "sent"]
        if where == "answer" and sent and not done:
            done.append(method)
            return True
        return False

    world.lose = lose


def resyncs(world: World) -> list[str]:
    found = [each for each in world.look(list_commands, limit=500) if each.purpose == CURRENT]
    return [each.state for each in found][::-1]


def boot_with_fault(code: int) -> World:
    world = World()
    world.boot()
    world.henb.attributes.clear()  # it tells nothing by itself
    world.henb.tamper("software-behaviour", world.now)
    world.henb.faults = [Fault("GetParameterValues", code, times=1)]
    world.henb.power_on(world.now, first=False)
    world.run(5)
    return world


def test_alarms_that_could_not_be_read_after_a_boot_are_read_at_the_next_inform():
    world = boot_with_fault(9002)
    assert resyncs(world)[-1] == "failed"
    assert world.cases() == []
    world.run(4000)
    assert resyncs(world)[-1] == "succeeded"
    (case,) = world.cases()
    assert case.outcome == "REMEDIATED"
    count = len(resyncs(world))
    booted = world.henb.boots
    world.run(8000)
    assert len(resyncs(world)) == count + world.henb.boots - booted


def test_a_device_that_never_tells_its_alarms_is_not_asked_at_every_inform():
    world = boot_with_fault(9005)
    assert resyncs(world)[-1] == "failed"
    count = len(resyncs(world))
    world.run(4000)
    assert len(resyncs(world)) == count


@pytest.mark.row("S1 L46.1")
def test_a_henb_with_a_fatal_breach_shuts_down_though_it_never_learns_that_its_alarm_came():
    """Its alarm was stored and it is blocked; the answer got lost, and there is no other path."""
    world = World()
    world.boot()
    world.lose = lambda where: where == "answer"
    world.henb.tamper("circuit-modified", world.now)
    world.run(12_000)
    assert world.device.blocked
    assert world.refused[-1] == "blocked"
    assert world.henb.state == "off"
    (case,) = world.cases()
    assert case.outcome == "BLOCKED"


@pytest.mark.row("S1 L64.2")
@pytest.mark.parametrize(("method", "times"), [("Reboot", 1), ("FactoryReset", 1)])
def test_a_second_path_is_not_given_up_for_one_lost_message(method, times):
    world = World(distress=1)
    world.boot()
    world.cut = {"standard"}
    lose_answer_to(world, method)
    world.tamper("configuration-modified", until="reboot", seconds=6000)
    (case,) = world.cases()
    assert (case.state, case.outcome) == ("closed", "REMEDIATED"), case.because
    assert "no communication possible" not in world.comments()
    assert [each.method for each in world.henb.executed].count(method) == times
    assert executed_twice(world) == []


@pytest.mark.row("S1 L54.3")
def test_a_download_that_got_lost_over_a_distress_channel_is_asked_for_and_sent_again():
    world = World(distress=1)
    world.boot()
    world.cut = {"standard"}
    lose_answer_to(world, "Download")
    world.tamper("software-modified", until="never", seconds=6000)
    downloads = [each for each in world.look(list_commands, limit=99) if each.method == "Download"]
    assert downloads[-1].attempts == 2
    assert executed_twice(world) == []


@pytest.mark.row("S1 L82.4")
def test_a_fail_safe_image_that_asks_again_is_given_the_software_again():
    world = World(emergency_available=True, roles=("initial", "serving", "emergency"))
    world.boot()
    world.cut = {"standard"}
    world.henb.tamper("software-modified", world.now)
    lose_answer_to(world, "Download")
    world.run(120)
    world.cut.clear()
    world.run(4000)
    (case,) = world.cases()
    assert (case.procedure, case.outcome) == ("EM", "REMEDIATED"), case.because
    assert [each.method for each in world.henb.executed].count("Download") == 1


@pytest.mark.row("S1 L84")
def test_alarms_are_heard_of_a_henb_whose_emergency_remediation_failed():
    """It was reset, and people have to decide: until then it has to be heard."""
    world = World(emergency_available=True, roles=("initial", "serving", "emergency"))
    world.boot()
    world.cut = {"standard"}
    world.henb.tamper("antenna-modified", world.now, until="never")
    world.run(120)
    world.cut.clear()
    world.run(4000)
    (case,) = [each for each in world.cases() if each.state == "waiting"]
    assert (case.procedure, case.outcome) == ("EM", "EMERGENCY_FAILED")
    world.henb.tamper("case-opened", world.now)
    world.run(15)
    assert {active.alarm_identifier for active in world.henb.tampers} <= {
        each.alarm_identifier for each in world.alarms()
    }
