"""What a person who ends a case leaves behind: nobody takes a HeNB off the black list by closing."""

from __future__ import annotations

from importlib import import_module

import pytest

from acs import devices as dev
from acs import remediation as rm
from acs.errors import AcsError
from tests.remediation.emergencies import only_case, state, world_of
from tests.world import POLICY, World

TWO = POLICY + "distress: {second_approval: [RELEASE]}\nemergency: {blocked: admit}\n"
ONE = POLICY + "emergency: {blocked: admit}\n"
PLAYBOOK = import_module("acs.remediation.playbooks.emergency")
AIR = "Device.Services.FAPService.1.FAPControl.LTE.AdminState"


def let_in(policy: str, world: World | None = None) -> World:
    """Return a world whose blocked HeNB has loaded software, and was let in to register with it."""
    if world is None:
        world = world_of(policy=policy)
        world.tamper("circuit-modified")
    assert world.device.blocked
    if policy == POLICY:
        world.instruct(only_case(world), "EXPECT_EMERGENCY", "it may help itself")
    world.henb.tampers.clear()
    world.henb.power_on(world.now, first=False)
    world.henb.begin_emergency(world.now)
    for _ in range(2000):
        if not world.device.blocked:
            break
        world.run(1)
    assert not world.device.blocked
    assert world.cases()[-1].state == "active"
    return world


@pytest.mark.row("S1 L9")
@pytest.mark.parametrize("policy", [TWO, ONE, POLICY], ids=["persons later", "policy", "persons"])
def test_who_closes_a_case_between_let_in_and_registration_releases_nobody(policy):
    world = let_in(policy)
    case = world.cases()[-1]
    world.instruct(case, "CLOSE", "I go home")
    assert world.device.blocked
    assert world.device.admission_reason == f"its case {case.id} was closed without a release: I go home"
    assert state(world.cases()[-1]) == ("closed", "BLOCKED")
    world.run(8000)
    assert world.refused[-1] == "blocked"
    assert world.henb.tree.value(AIR) == "0"
    assert world.cases()[-1].id == case.id
    assert world.comments()[-2:] == ["blocked in the HeMS", f"case {case.id} closed: BLOCKED"]


@pytest.mark.row("S1 L9")
def test_a_case_that_let_a_blocked_henb_in_can_not_be_begun_anew(monkeypatch):
    # Another case would reset it, test it and let it radiate: a release, by one person and without the word.
    world = world_of(policy=TWO)
    with world.conn.begin():
        rm.block(world.conn, world.device.id, who="ann", why="stolen", env=world.env, now=world.now)
    world = let_in(TWO, world)
    with monkeypatch.context() as broken:
        broken.setattr(PLAYBOOK, "_examine", lambda _case: 1 / 0)
        world.run(300)
    case = world.cases()[-1]
    assert state(case) == ("waiting", "FAILED")
    assert list(rm.choices(case, world.journal(case), world.env.policy)) == ["CLOSE"]
    with pytest.raises(AcsError, match="ends with its device on the black list"):
        world.instruct(case, "RETRY", "it was mended")
    world.instruct(case, "CLOSE", "then not")
    assert world.device.blocked


@pytest.mark.row("S1 L84")
def test_who_closes_a_case_whose_let_in_henb_failed_releases_nobody():
    world = let_in(ONE)
    world.henb.banks.versions = ["1.0.0", "1.0.0"]  # the new software does not boot
    world.run(4000)
    assert state(world.cases()[-1]) == ("waiting", "EMERGENCY_FAILED")
    world.instruct(world.cases()[-1], "CLOSE", "somebody goes there")
    assert world.device.blocked
    assert state(world.cases()[-1]) == ("closed", "EMERGENCY_FAILED")


def test_who_releases_it_releases_it():
    world = let_in(ONE)
    world.henb.banks.versions = ["1.0.0", "1.0.0"]
    world.run(4000)
    world.instruct(world.cases()[-1], "RELEASE", "it was looked at")
    assert not world.device.blocked


def test_one_that_was_readmitted_is_not_blocked_again():
    world = let_in(ONE)
    for _ in range(2000):
        if any(each.name == "readmitted" for each in world.journal(world.cases()[-1])):
            break
        world.run(0.05)
    case = world.cases()[-1]
    if case.state != "closed":
        world.instruct(case, "CLOSE", "it is fine")
    assert not world.device.blocked


def told(world: World) -> str:
    return "; ".join(world.look(rm.left_behind, world.cases()[-1]))


def test_what_a_closed_case_leaves_is_told():
    world = World()
    world.boot()
    world.tamper("circuit-modified")
    world.instruct(only_case(world), "CLOSE", "scrapped")
    assert "is on the black list: fatal security breach" in told(world)
    assert f"acs devices unblock {world.key}" in told(world)
    assert "(CIRCUIT" in told(world) or "stays active" in told(world)
    with world.conn.begin():
        assert rm.unblock(
            world.conn, world.device.id, who="ann", why="it was found", env=world.env, now=world.now
        )
    assert "is off the black list; when it comes it is reset and tested before it may radiate" in told(world)


def test_a_case_that_leaves_nothing_says_nothing():
    world = World()
    world.boot()
    world.tamper("configuration-modified")
    assert state(only_case(world)) == ("closed", "REMEDIATED")
    assert told(world) == ""
    assert not world.look(dev.is_blocked, world.device.id)
