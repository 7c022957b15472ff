"""What people are told that they may decide is what they can."""

from __future__ import annotations

import pytest

from acs import devices as dev
from acs import remediation as rm
from acs.errors import AcsError
from tests.remediation.emergencies import cut_off, only_case, state, world_of
from tests.world import World


def words(world: World, case: rm.Case) -> dict[rm.Instruction, str]:
    return rm.choices(case, world.journal(case), world.env.policy)


def extended() -> World:
    world = World()
    world.boot()
    world.tamper("configuration-modified", until="never")
    return world


def blocked() -> World:
    world = World()
    world.boot()
    world.tamper("circuit-modified")
    return world


def emergency_failed() -> World:
    world = world_of(image=None)
    world.henb.emergency.sessions = 1
    cut_off(world)
    return world


def unheard() -> World:
    world = World(distress=1)
    world.boot()
    world.henb.tamper("configuration-modified", world.now)
    world.run(1)
    world.cut |= {"standard", "trigger", "IPsec2"}
    world.run(8000)
    return world


@pytest.mark.row("S1 L47.2")
@pytest.mark.row("S1 L66.2")
@pytest.mark.parametrize("made", [extended, blocked, emergency_failed, unheard])
def test_all_that_is_offered_can_be_told_and_nothing_else(made):
    world = made()
    case = only_case(world)
    assert case.state == "waiting"
    offered = words(world, case)
    assert all(offered.values())
    for word in rm.INSTRUCTIONS:
        saved = world.conn.begin()
        told = {"who": "ann", "why": "because", "env": world.env, "now": world.now}
        if word in offered:
            assert rm.instruct(world.conn, case.id, word, **told)
        else:
            with pytest.raises(AcsError, match=f"case {case.id} "):
                rm.instruct(world.conn, case.id, word, **told)
        saved.rollback()


def test_a_case_that_is_at_work_can_be_ended_and_one_that_is_closed_can_be_told_nothing():
    world = World()
    world.boot()
    world.henb.tamper("configuration-modified", world.now)
    world.run(1)
    assert list(words(world, only_case(world))) == ["CLOSE"]
    world.run(4000)
    assert only_case(world).state == "closed"
    assert words(world, only_case(world)) == {}


def test_what_is_offered_tells_the_numbers_of_the_policy():
    assert "7200 s" in words(unheard(), only_case(unheard()))["EXPECT_EMERGENCY"]
    assert "(reset and test)" in words(blocked(), only_case(blocked()))["RELEASE"]


# --- a playbook that failed ------------------------------------------------------------------

BY_PLAYBOOK = """
extends: default
name: test
evidence: {files: []}
rules:
  - {procedure: "playbook:mine", because: "ours"}
"""


def library(folder, body: str) -> rm.Library:
    folder.mkdir(exist_ok=True)
    (folder / "mine.py").write_text(
        "from acs.playbook import Case, Result, StepFailed\n"
        "async def mine(case: Case):\n"
        f"    {body}\n"
        "    return Result('REMEDIATED', 'done')\n"
    )
    found = rm.load_library(folder)
    assert found.problems == ()
    return found


def failed(folder, body: str = "raise ValueError('no such cell')") -> World:
    world = World(policy=BY_PLAYBOOK, library=library(folder, body))
    world.boot()
    world.tamper("configuration-modified", until="never")
    return world


def test_a_case_whose_playbook_failed_is_begun_anew_with_the_playbook_as_it_is_then(tmp_path):
    world = failed(tmp_path)
    case = only_case(world)
    assert state(case) == ("waiting", "FAILED")
    assert case.because == "the playbook mine failed at mine.py:3: ValueError: no such cell"
    assert list(words(world, case)) == ["RETRY", "CLOSE"]
    with pytest.raises(AcsError, match="is set aside; RETRY begins anew; CLOSE ends it"):
        world.instruct(case, "RELEASE")
    object.__setattr__(world.env, "library", library(tmp_path, "await case.note('mended')"))
    world.instruct(case, "RETRY", "it was mended")
    world.run(60)
    before, after = world.cases()
    assert state(before) == ("closed", "SUPERSEDED")
    assert (after.playbook_version != before.playbook_version, *state(after)) == (
        True,
        "closed",
        "REMEDIATED",
    )
    assert after.alarm_id == before.alarm_id


def test_a_case_that_nothing_would_follow_is_not_begun_anew(tmp_path):
    world = failed(tmp_path)
    case = only_case(world)
    with world.conn.begin():
        dev.block(world.conn, world.device.id, "stolen", who="ann", now=world.now)
    with pytest.raises(AcsError, match=f"nothing would begin in the place of case {case.id} now"):
        world.instruct(case, "RETRY", "it was mended")
    assert state(only_case(world)) == ("waiting", "FAILED")


def test_a_configuration_that_failed_is_asked_for_again(monkeypatch):
    world = World()
    world.boot()
    with monkeypatch.context() as broken:
        broken.setattr("acs.remediation.playbooks.configure.reconfigure", lambda *_a, **_k: 1 / 0)
        with world.conn.begin():
            rm.apply_declared(
                world.conn, world.device.id, who="ann", because="other TAC", env=world.env, now=world.now
            )
        world.run(10)
    [case] = world.cases("configuration")
    assert state(case) == ("waiting", "FAILED")
    world.instruct(case, "RETRY", "once more")
    world.run(60)
    before, after = world.cases("configuration")
    assert state(before) == ("closed", "SUPERSEDED")
    assert state(after) == ("closed", "CONFIGURED")


def test_a_run_whose_playbook_failed_is_asked_for_again(tmp_path):
    world = World(library=library(tmp_path, "raise ValueError('no such cell')"))
    world.boot()
    world.run_playbook("mine")
    world.run(10)
    [case] = world.cases("playbook")
    world.instruct(case, "RETRY", "once more")
    world.run(10)
    assert [state(each) for each in world.cases("playbook")] == [
        ("closed", "SUPERSEDED"),
        ("waiting", "FAILED"),
    ]


@pytest.mark.row("S1 L97")
def test_a_playbook_that_gives_up_though_the_device_answers_goes_to_the_managers_with_its_line(tmp_path):
    world = failed(tmp_path, "raise StepFailed('the cell does not take it')")
    assert state(only_case(world)) == ("waiting", "EXTENDED")
    told = [each["because"] for each in world.outbox() if "mine" in str(each.get("commentText"))]
    assert "mine.py:3: the cell does not take it" in told
    assert world.triggers == []
