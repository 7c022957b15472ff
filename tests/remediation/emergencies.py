"""HeNBs that nobody reaches, for the tests of emergency remediation."""

from __future__ import annotations

from acs import remediation as rm
from acs.cwmp import messages as m
from tests.world import World

__all__ = [
    "ADMIN_STATE",
    "EVERYTHING",
    "FAILED",
    "RADIO",
    "begins_again",
    "cut_off",
    "heard",
    "loaded_world",
    "only_case",
    "state",
    "step_names",
    "world_of",
]

ROLES = ("initial", "serving", "emergency")
EVERYTHING = {"standard", "trigger", "IPsec2", "Internet", "AirInterface"}
ADMIN_STATE = "Device.Services.FAPService.1.FAPControl.LTE.AdminState"
RADIO = "Device.Services.FAPService.1.FAPControl.LTE.RFTxStatus"
FAILED = ("waiting", "EMERGENCY_FAILED")


def world_of(*, roles=ROLES, **options) -> World:
    world = World(roles=roles, **options)
    world.boot()
    world.henb.emergency_available = True
    world.channels.clear()
    return world


def begins_again(world: World) -> None:
    """Switch the HeNB on again; it begins emergency remediation anew."""
    world.henb.power_on(world.now, first=False)
    world.henb.begin_emergency(world.now)


def cut_off(world: World, *, tamper: str = "software-modified", until: str = "", seconds: float = 4000):
    """Have the HeNB detect a fault that it can tell nobody; what follows its reset is not cut off."""
    world.cut |= EVERYTHING
    world.henb.tamper(tamper, world.now, until=until)
    for _ in range(1000):
        if world.henb.fail_safe or world.henb.state == "off":
            break
        world.run(1)
    world.cut -= EVERYTHING
    world.run(seconds)


def only_case(world: World) -> rm.Case:
    (case,) = world.cases()
    return case


def state(case: rm.Case) -> tuple[str, str | None]:
    return case.state, case.outcome


def step_names(world: World, case: rm.Case) -> list[str]:
    return [each.name for each in world.journal(case)]


def heard(world: World) -> list[tuple[bool, m.Message]]:
    """Return a list that fills with what the HeNB is asked, and whether its fail-safe image is."""
    found = []

    class Listening(type(world.henb)):
        __slots__ = ()

        def handle(self, request, now):
            found.append((self.fail_safe, request))
            return super().handle(request, now)

    world.henb.__class__ = Listening
    return found


def loaded_world() -> World:
    """Return a world whose HeMS is an emergency management system: its HeNB has loaded software, no more."""
    world = World(roles=("emergency",))
    world.henb.power_on(world.now)
    world.henb.emergency_available = True
    world.henb.begin_emergency(world.now)
    while not world.henb.emergency.discovering:
        world.run(1)
    return world
