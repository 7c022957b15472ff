"""What people tell a case, and what it answers."""

from __future__ import annotations

import pytest

from acs import devices as dev
from acs.errors import AcsError
from acs.simulator import Fault
from tests.world import POLICY, World


def blocked() -> World:
    world = World()
    world.boot()
    world.tamper("circuit-modified")
    return world


def test_a_released_device_may_come_again():
    world = blocked()
    (case,) = world.cases()
    world.instruct(case, "RELEASE", "inspected on site")
    (case,) = world.cases()
    assert (case.state, case.outcome, case.because) == ("closed", "RELEASED", "inspected on site")
    assert not world.device.blocked


def test_a_blocked_device_stays_blocked_when_its_case_is_closed():
    world = blocked()
    (case,) = world.cases()
    world.instruct(case, "CLOSE", "scrapped")
    (case,) = world.cases()
    assert (case.state, case.outcome) == ("closed", "BLOCKED")
    assert world.device.blocked


def test_a_blocked_device_is_refused_and_nothing_of_it_is_stored():
    world = blocked()
    epoch = world.device.session_epoch
    world.henb.tampers.clear()
    world.henb.power_on(world.now, first=False)
    world.run(5)
    assert world.refused[0] == "blocked"
    assert world.device.session_epoch == epoch


def test_an_extended_case_ends_with_an_instruction_and_is_not_begun_anew():
    world = World()
    world.boot()
    world.tamper("configuration-modified", until="never")
    (case,) = world.cases()
    assert case.outcome == "EXTENDED"
    world.instruct(case, "CLOSE", "replaced")
    world.run(100)
    assert [each.state for each in world.cases()] == ["closed"]


def test_what_an_extended_case_can_t_be_told_is_refused_and_not_swallowed():
    world = World()
    world.boot()
    world.tamper("configuration-modified", until="never")
    (case,) = world.cases()
    with pytest.raises(AcsError, match="EXTENDED; it can be told RETRY, BLOCK, RELEASE, CLOSE"):
        world.instruct(case, "EXPECT_EMERGENCY")
    assert world.cases() == [case]


@pytest.mark.row("S1 L92")
def test_that_a_device_was_blocked_as_instructed_is_told_to_all_managers():
    world = World()
    world.boot()
    world.tamper("configuration-modified", until="never")
    (case,) = world.cases()
    world.instruct(case, "BLOCK", "it is a threat")
    assert world.device.blocked
    assert world.comments()[-1] == "blocked in the HeMS"


def test_who_and_why_are_kept_in_the_audit():
    world = blocked()
    world.instruct(world.cases()[0], "RELEASE", "inspected on site")
    assert world.look(dev.verify_audit) is None
    from sqlalchemy import select

    from acs.store.tables import audit

    rows = world.look(lambda conn: conn.execute(select(audit)).all())
    assert ("operator", "case RELEASE", "inspected on site") in {
        (row.who, row.action, row.detail) for row in rows
    }


def test_to_close_a_working_case_may_take_two_persons_too():
    world = World(policy=POLICY + "distress: {second_approval: [CLOSE]}\n")
    world.boot()
    world.tamper("software-modified", until="reboot", seconds=10)
    (case,) = world.cases()
    assert case.state == "active"
    assert not world.instruct(case, "CLOSE", "enough", who="anna@cli")
    assert world.cases()[0].state == "active"
    assert world.instruct(case, "CLOSE", "yes", who="ben@cli")
    closed = world.cases()[0]
    assert (closed.state, closed.outcome) == ("closed", "CLOSED")
    assert "anna@cli and ben@cli" in closed.because


def test_a_working_case_can_be_closed_but_not_released():
    world = World()
    world.boot()
    world.henb.faults = [Fault("SetParameterValues", 9002, times=100)]
    world.henb.tamper("configuration-modified", world.now)
    world.run(2)
    (case,) = world.cases()
    assert case.state == "active"
    with pytest.raises(AcsError, match="waits for no instruction"):
        world.instruct(case, "RELEASE")
    world.instruct(case, "CLOSE", "by hand")
    (case,) = world.cases()
    assert (case.state, case.because) == ("closed", "closed by operator: by hand")


@pytest.mark.parametrize(
    ("number", "why", "message"),
    [(99, "because", "no case 99"), (2, "  ", "needs a reason")],
)
def test_a_wrong_instruction_is_a_clear_error(number, why, message):
    world = blocked()
    from dataclasses import replace

    with pytest.raises(AcsError, match=message):
        world.instruct(replace(world.cases()[0], id=number), "CLOSE", why)


def test_a_closed_case_takes_no_instruction():
    world = blocked()
    (case,) = world.cases()
    world.instruct(case, "CLOSE")
    with pytest.raises(AcsError, match="nothing waits in it"):
        world.instruct(case, "CLOSE")
