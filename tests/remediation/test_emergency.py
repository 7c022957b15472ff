"""Emergency remediation (S1 5.7.3.2): HeMS and HeNB under virtual time, transition by transition."""

from __future__ import annotations

import pytest

from tests.world import World

ROLES = ("initial", "serving", "emergency")
EVERYTHING = {"standard", "trigger", "IPsec2", "Internet", "AirInterface"}


def world_of(*, roles=ROLES, **options) -> World:
    world = World(roles=roles, **options)
    world.boot()
    world.henb.emergency_available = True
    world.channels.clear()
    return world


def cut_off(world: World, *, tamper: str = "software-modified", seconds: float = 60) -> None:
    """Have the HeNB detect a fault while nothing leads to the HeMS, until it is in emergency remediation."""
    world.cut = set(EVERYTHING)
    world.henb.tamper(tamper, world.now)
    for _ in range(1000):
        if world.henb.fail_safe or world.henb.state == "off":
            break
        world.run(1)
    world.cut.clear()
    world.run(seconds)


def only_case(world: World):
    (case,) = world.cases()
    return case


@pytest.mark.row("S1 L82")
def test_a_henb_that_nobody_reaches_is_given_software_and_registers_with_it():
    """N-50, N-51, N-52, N-60; H-80, H-81, H-82, H-83."""
    world = world_of()
    cut_off(world, seconds=4000)
    case = only_case(world)
    assert (case.procedure, case.state, case.outcome) == ("EM", "closed", "REMEDIATED"), case.because
    assert world.device.software_version == world.device.provisioned_for == "2.0.0"
    assert world.henb.stage == "N0"
    assert world.alarms() == []
