"""A case's timeline: everything that belongs to it, in order, each entry with its reason."""

from __future__ import annotations

import pytest

from acs import devices as dev
from acs import remediation as rm
from acs.errors import AcsError
from acs.simulator import Fault
from tests.world import World


@pytest.fixture
def world() -> World:
    made = World()
    made.boot()
    return made


def _timeline(world: World, case: rm.Case) -> list[rm.Entry]:
    return world.look(rm.timeline, case.id)


def _whats(entries: list[rm.Entry], kind: str) -> list[str]:
    return [each.what for each in entries if each.kind == kind]


def test_the_timeline_tells_a_ladder_from_the_alarm_to_the_outcome(world):
    world.tamper("configuration-modified", until="reboot")
    (case,) = world.cases()
    entries = _timeline(world, case)
    assert [each.at for each in entries] == sorted(each.at for each in entries)
    assert entries[0].kind == "alarm"
    assert entries[0].what.endswith(": NewAlarm")
    opened = next(each for each in entries if each.kind == "opened")
    assert "not what was set (S1 L15)" in opened.because
    assert f"policy {case.policy_version}" in opened.detail
    (closed,) = [each for each in entries if each.kind == "closed"]
    assert (closed.outcome, closed.because) == ("REMEDIATED", "reconfigured on rung reboot")
    assert closed.seconds == pytest.approx(case.closed_at - case.opened_at)
    kinds = [each.kind for each in entries]
    assert kinds.index("opened") < kinds.index("step") < kinds.index("closed")
    assert entries[-1].detail == f"case {case.id} closed: REMEDIATED"


@pytest.mark.parametrize(
    "name", ["configuration-modified", "software-modified", "case-opened", "circuit-modified"]
)
def test_every_entry_has_a_reason(world, name):
    world.tamper(name)
    for kind in ("remediation", "provisioning"):
        for case in world.cases(kind):
            entries = _timeline(world, case)
            assert [each for each in entries if not each.because] == []
            assert len(_whats(entries, "step")) == len(world.journal(case))


def test_a_command_is_shown_with_its_key_its_fault_and_how_long_it_took(world):
    world.henb.faults = [Fault("SetParameterValues", 9002, times=1)]
    world.tamper("configuration-modified")
    (case,) = world.cases()
    sets = [each for each in _timeline(world, case) if each.what == "SetParameterValues"]
    assert (sets[0].outcome, sets[0].fault_code) == ("failed", 9002)
    assert sets[0].command_key == f"c{case.id}-{sets[0].seq}"
    assert sets[-1].outcome == "succeeded"
    assert sets[-1].fault_code is None
    assert all(each.seconds is not None and each.seconds >= 0 for each in sets)


def test_instructions_are_shown_with_who_and_why(world):
    world.tamper("circuit-modified")
    (case,) = world.cases()
    before = _timeline(world, case)
    assert [each.outcome for each in before if each.what == "wait for instruction"] == ["waiting"]
    world.instruct(case, "RELEASE", why="the board was changed")
    entries = _timeline(world, case)
    (told,) = [each for each in entries if each.kind == "instruction"]
    assert (told.what, told.who, told.because) == ("RELEASE", "operator", "the board was changed")
    waited = next(each for each in entries if each.what == "wait for instruction")
    assert waited.outcome == "RELEASE by operator"
    assert [each.who for each in entries if each.kind == "audit"] == [f"case {case.id}", "operator"]


def test_a_notification_stands_beside_the_step_that_sent_it(world):
    world.tamper("configuration-modified", until="reboot")
    (case,) = world.cases()
    entries = _timeline(world, case)
    for number, entry in enumerate(entries):
        if entry.kind == "step" and entry.what == "notify":
            after = entries[number + 1]
            assert (after.kind, after.detail, after.because) == ("notification", entry.detail, entry.because)
    told = [each.detail for each in entries if each.kind == "notification"]
    assert told[0].endswith("raised")
    assert any(each.endswith("cleared") for each in told)


def test_a_case_knows_nothing_of_another(world):
    for _ in range(2):
        world.tamper("configuration-modified")
    first, second = world.cases()
    ends = [each for each in _timeline(world, first) if "closed: " in each.detail]
    assert [each.detail for each in ends] == [f"case {first.id} closed: REMEDIATED"]
    later = _timeline(world, second)
    assert all(each.at > first.closed_at for each in later)


def test_what_was_done_to_the_device_meanwhile_is_shown(world):
    world.henb.faults = [Fault("SetParameterValues", 9002, times=50)]
    world.henb.tamper("configuration-modified", world.now)
    world.run(2)
    with world.conn.begin():
        dev.audit(world.conn, "operator", "command Reboot", world.key, "o1", now=world.now)
        dev.audit(world.conn, "operator", "command Reboot", "another", "o2", now=world.now)
    (case,) = world.cases()
    assert _whats(_timeline(world, case), "audit") == ["command Reboot"]


def test_there_is_no_timeline_of_no_case(world):
    with pytest.raises(AcsError, match="there is no case 99"):
        world.look(rm.timeline, 99)
