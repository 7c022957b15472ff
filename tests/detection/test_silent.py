"""The HeMS detects each cause of S1 L14-L20 also where the device says nothing of it."""

from __future__ import annotations

import msgspec
import pytest
from sqlalchemy import select

from acs import detection as dt
from acs.store.tables import alarms
from tests.world import World

_DAILY = "extends: default\nname: test\ndetection: {read_interval: 3600, validation_interval: 7200}\n"


def world(policy: str = _DAILY) -> World:
    made = World(policy=policy)
    made.boot()
    made.run(2000)
    assert made.alarms() == []
    assert made.cases() == []
    return made


def raised(made: World) -> list[tuple[str, str, str]]:
    """Return identifier, specific problem and detector's kind of all alarms there ever were."""
    rows = made.look(lambda conn: conn.execute(select(alarms).order_by(alarms.c.id)).all())
    return [(each.alarm_identifier, each.specific_problem, each.detector.partition(":")[0]) for each in rows]


@pytest.mark.row("S1 L14")
@pytest.mark.row("S1 L27")
def test_modified_software_is_found_by_a_fresh_diagnostic_test_and_reloaded():
    made = world()
    made.tamper("software-modified", silent=True, seconds=12_000)
    assert raised(made) == [("HeMS:integrity-report", "SW_MODIFIED", "HeMS")]
    assert [(each.procedure, each.outcome) for each in made.cases()] == [("P2S", "REMEDIATED")]
    assert made.alarms() == []
    assert made.henb.tampers == []


@pytest.mark.row("S1 L15")
@pytest.mark.row("S1 L27")
def test_a_changed_parameter_is_found_by_reading_and_set_right():
    made = world()
    made.tamper("configuration-modified", silent=True, seconds=6000)
    assert raised(made) == [("HeMS:endpoints", "CONFIG_MODIFIED", "HeMS")]
    assert [(each.procedure, each.outcome) for each in made.cases()] == [("P2R", "REMEDIATED")]
    assert made.alarms() == []
    assert made.henb.tampers == []


@pytest.mark.row("S1 L16")
@pytest.mark.row("S1 L27")
def test_behaviour_of_software_is_found_by_a_fresh_diagnostic_test():
    made = world()
    made.tamper("software-behaviour", silent=True, seconds=12_000)
    assert raised(made) == [("HeMS:integrity-report", "SW_MODIFIED", "HeMS")]
    assert [(each.procedure, each.outcome) for each in made.cases()] == [("P2S", "REMEDIATED")]


@pytest.mark.row("S1 L17")
@pytest.mark.row("S1 L27")
def test_a_clock_that_runs_too_fast_is_found_by_its_drift_alone():
    policy = "extends: default\nname: test\ndetection: {read_interval: 900000, validation_interval: 900000}\n"
    made = world(policy)
    made.tamper("clock-modified", silent=True, seconds=40_000)
    assert raised(made) == [("HeMS:clock", "CLOCK_SPEED_MODIFIED", "HeMS")]
    assert [each.outcome for each in made.cases()] == ["REMEDIATED"]
    assert made.henb.tampers == []
    assert made.alarms() == []


@pytest.mark.row("S1 L18")
@pytest.mark.row("S1 L27")
def test_a_modified_antenna_is_found_by_the_power_and_diagnosed():
    made = world()
    made.tamper("antenna-modified", silent=True, seconds=6000)
    assert raised(made) == [("HeMS:antenna", "ANTENNA_MODIFIED", "HeMS")]
    assert [each.outcome for each in made.cases()] == ["REMEDIATED"]
    assert made.henb.tampers == []


@pytest.mark.row("S1 L19")
@pytest.mark.row("S1 L27")
@pytest.mark.row("S1 L28.1")
def test_an_opened_case_is_found_by_reading_and_diagnosed():
    made = world()
    made.tamper("case-opened", silent=True, seconds=6000)
    assert raised(made) == [("HeMS:enclosure", "CASE_OPENED", "HeMS")]
    assert [(each.procedure, each.outcome) for each in made.cases()] == [("DX", "NOTIFIED")]
    assert len(made.alarms()) == 1  # it stays until the device is closed again


@pytest.mark.parametrize(
    ("networks", "found"), [("[10.0.0.0/8]", True), ("['127.0.0.0/8', '::1/128', '192.0.2.0/24']", False)]
)
def test_a_session_from_outside_the_tunnels_is_told_to_people(networks, found):
    made = World(policy=f"extends: default\nname: test\ndetection: {{tunnel_networks: {networks}}}\n")
    made.address = "192.0.2.7"
    made.boot()
    made.run(2000)
    wanted = [("HeMS:outside-tunnel", "OUTSIDE_TUNNEL", "HeMS")] if found else []
    assert raised(made) == wanted
    assert [each.procedure for each in made.cases()] == ["P1"] * found


def test_an_opened_case_that_was_accepted_is_not_found_again_and_again():
    made = world()
    made.tamper("case-opened", silent=True, seconds=6000)
    facts = {"who": "ann@cli", "why": "a technician was there"}
    with made.conn.begin():
        assert dt.accept(made.conn, made.device, "C-10", how=made.env.detection(made.now), **facts)
    made.run(20_000)
    assert made.alarms() == []
    assert raised(made) == [("HeMS:enclosure", "CASE_OPENED", "HeMS")]


@pytest.mark.row("S1 L20")
@pytest.mark.row("S1 L27")
def test_modified_circuits_are_found_by_a_fresh_diagnostic_test_and_fatal():
    made = world()
    made.tamper("circuit-modified", silent=True, seconds=12_000)
    assert raised(made) == [("HeMS:integrity-report", "CIRCUIT_MODIFIED", "HeMS")]
    assert [each.procedure for each in made.cases()] == ["P3"]
    assert made.device.blocked


def test_a_device_in_order_raises_nothing_for_days():
    made = world()
    made.run(2 * 86_400)
    assert raised(made) == []
    assert made.cases() == []
    states = {each.check: each.state for each in made.look(dt.known_results, made.device.id)}
    assert "found" not in states.values()
    assert {"C-07", "C-09", "C-10", "C-12", "C-15", "C-16", "C-21"} <= {
        check for check, state in states.items() if state == "ok"
    }
    assert len(msgspec.json.encode(made.device.detection)) < 1500
