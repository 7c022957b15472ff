"""C-18: a device that is silent here and seen by the network (S1 L70, L72)."""

from __future__ import annotations

import pytest

from acs import detection as dt
from acs import devices as dev
from acs.cwmp import messages as m
from acs.silence import look_at_silence
from tests.world import World


def look(world: World, since: float) -> int:
    with world.conn.begin():
        interval = float(world.env.policy.provisioning.periodic_inform_interval)
        how = world.env.detection(world.now)
        due = dt.silent_devices(world.conn, how, interval=interval, since=since, limit=10)
        return len(look_at_silence(world.conn, due, world.env, since=since, now=world.now))


def seen(world: World) -> None:
    with world.conn.begin():
        dt.note_sighting(world.conn, world.device, source="mme-1", now=world.now)


@pytest.fixture
def world() -> World:
    made = World()
    made.boot()
    return made


@pytest.mark.row("S1 L72")
@pytest.mark.row("S1 L27")
def test_silence_while_connected_leads_to_extended_remediation_and_ends_with_an_inform(world):
    start = world.now
    world.reachable = False
    world.run(4000)
    seen(world)
    assert look(world, start) == 1
    assert look(world, start) == 0  # once
    (alarm,) = world.alarms()
    assert (alarm.alarm_identifier, alarm.specific_problem) == ("HeMS:silent", "SILENT_BUT_CONNECTED")
    world.run(4000)
    (case,) = world.cases()
    assert (case.procedure, case.outcome) == ("DX", "NO_COMMUNICATION")  # S1 L70, then L66
    world.reachable = True
    world.run(2000)
    assert world.alarms() == []


def test_who_is_silent_and_not_seen_is_only_switched_off(world):
    start = world.now
    world.reachable = False
    world.run(4000)
    assert look(world, start) == 0


def test_an_old_sighting_tells_nothing(world):
    start = world.now
    seen(world)
    world.reachable = False
    world.run(4000)
    assert look(world, start) == 0


def test_silence_while_the_hems_did_not_listen_is_its_own(world):
    world.reachable = False
    world.run(4000)
    seen(world)
    assert look(world, world.now - 60) == 0


def test_a_device_that_informs_seldom_is_given_its_own_interval(world):
    start = world.now
    with world.conn.begin():
        name = "Device.ManagementServer.PeriodicInformInterval"
        dev.save_parameters(world.conn, world.device.id, [m.ParameterValue(name, "86400")], now=world.now)
    world.reachable = False
    world.run(4000)
    seen(world)
    assert look(world, start) == 0


def test_a_device_can_not_say_that_it_never_informs(world):
    """It may be in an attacker's hands, who wants its silence to be overlooked."""
    start = world.now
    with world.conn.begin():
        name = "Device.ManagementServer.PeriodicInformInterval"
        value = m.ParameterValue(name, "4294967295")
        dev.save_parameters(world.conn, world.device.id, [value], now=world.now)
    world.reachable = False
    world.now += 4 * 86_400
    seen(world)
    assert look(world, start) == 1
