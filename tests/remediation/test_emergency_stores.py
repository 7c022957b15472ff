"""Emergency remediation (S1 5.7.3.2) with HeMSs of several roles, on one store or each on its own."""

from __future__ import annotations

import pytest

from acs import devices as dev
from acs import remediation as rm
from acs.commands import list_commands
from acs.cwmp import messages as m
from acs.errors import AcsError
from acs.simulator import Fault
from tests.remediation.emergencies import (
    FAILED,
    cut_off,
    loaded_world,
    only_case,
    state,
    world_of,
)
from tests.world import POLICY, World


def test_a_serving_hems_refuses_the_credentials_of_a_fail_safe_image():
    world = world_of(roles=("serving",))
    cut_off(world)
    assert set(world.refused) == {"fail-safe-credentials"}
    assert world.cases() == []
    assert world.henb.state == "off"


def test_an_emergency_management_system_serves_no_others():
    world = World(roles=("emergency",))
    world.boot()
    assert world.refused
    assert set(world.refused) == {"no-serving-role"}


@pytest.mark.row("S1 L82.5")
def test_discovery_leads_over_the_initial_hems_to_the_serving_one():
    """D2 to R6 of TS 32.593 5.1: three HeMSs, one store."""
    policy = POLICY + (
        "discovery:\n  serving_hems: https://serving.example/{serial}\n"
        "  security_gateways: [segw1.example, segw2.example]\n  s1_servers: [henbgw.example]\n"
    )
    world = World(policy=policy, golden=False)
    serving = f"https://serving.example/{world.henb.device_id.serial_number}"
    world.nodes = {
        "": frozenset({"initial"}),
        serving: frozenset({"serving"}),
        "emergency": frozenset({"emergency"}),
    }
    world.boot()
    gateway = "Device.Services.FAPService.1.FAPControl.LTE.Gateway."
    assert world.henb.acs_url == serving
    assert world.henb.tree.value(f"{gateway}SecGWServer1") == "segw1.example"
    assert world.henb.tree.value(f"{gateway}SecGWServer2") == "segw2.example"
    assert world.henb.tree.value(f"{gateway}S1SigLinkServerList") == "henbgw.example"
    assert [each.outcome for each in world.cases("provisioning")] == ["PROVISIONED"]
    world.henb.emergency_available = True
    cut_off(world)
    assert state(only_case(world)) == ("closed", "REMEDIATED"), only_case(world).because
    told = [each for each in world.look(list_commands) if each.purpose == "redirection"]
    assert len(told) == 2
    assert world.henb.acs_url == serving


def test_a_henb_that_does_not_take_the_addresses_is_told_of():
    world = World(
        policy=POLICY + "discovery: {serving_hems: 'https://serving.example/'}\n", roles=("initial",)
    )
    world.henb.faults = [Fault("SetParameterValues", 9002, times=1)]
    world.boot()
    assert world.henb.acs_url == ""
    assert world.comments() == ["the HeNB did not take the addresses of its serving HeMS and gateways"]
    world.henb.power_on(world.now, first=False)
    world.run(10)
    assert world.henb.acs_url == "https://serving.example/"


def test_a_henb_is_not_led_round_in_circles():
    """The policy names an initial HeMS as the serving one."""
    world = World(
        policy=POLICY + "discovery: {serving_hems: 'https://initial.example/{serial}'}\n", roles=("initial",)
    )
    world.boot()

    class Forgetful(type(world.henb)):
        __slots__ = ()

        @property
        def redirected(self):
            return True

    world.henb.__class__ = Forgetful
    world.henb.power_on(world.now)
    world.reachable = False
    for _ in range(10):
        world.session()
    assert len([each for each in world.look(list_commands) if each.purpose == "redirection"]) == 1


@pytest.mark.row("S1 L82.5")
def test_what_is_declared_of_addresses_goes_before_the_policy():
    name = "Device.Services.FAPService.1.FAPControl.LTE.Gateway.SecGWServer1"
    discovery = "discovery: {security_gateways: [segw.policy.example], s1_servers: [gw.example]}\n"
    world = World(policy=POLICY + discovery, golden=False, roles=("initial",))
    with world.conn.begin():
        dev.set_golden(world.conn, "*", [m.ParameterValue(name, "segw.declared.example")])
    world.boot()
    assert world.henb.tree.value(name) == "segw.declared.example"
    assert world.cases("provisioning") == []  # which is the serving HeMS's to do


def registered(world: World, version: str) -> None:
    """Tell the HeMS that the HeNB registered at another one."""
    who, now = "nms", world.now
    rm.registered_elsewhere(
        world.conn, world.device.id, version, who=who, why="it told us", env=world.env, now=now
    )


@pytest.mark.row("S1 L82.5")
def test_at_a_store_of_its_own_the_registration_is_told_by_the_managers():
    """H-82, where the serving HeMS keeps another store."""
    world = loaded_world()
    with world.conn.begin():
        registered(world, "2.0.0")
    assert state(only_case(world)) == ("closed", "HANDED_OVER")
    with world.conn.begin(), pytest.raises(AcsError, match="no emergency case of 0005B9"):
        registered(world, "2.0.0")


@pytest.mark.row("S1 L82.5")
def test_what_is_told_of_a_registration_has_to_fit():
    world = loaded_world()
    with world.conn.begin():
        registered(world, "1.0.0")
    assert state(only_case(world)) == FAILED
