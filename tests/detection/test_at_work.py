"""The checks of the HeMS against a HeNB that is tampered with, from what it sends to the Type 2 alarm."""

from __future__ import annotations

from dataclasses import replace

import pytest

from acs import devices as dev
from acs.simulator import TAMPERS, Surroundings
from acs.simulator.tamper import ActiveTamper
from tests.world import World

HOURLY = "extends: default\nname: test\ndetection: {read_interval: 3600, validation_interval: 900000}\n"
SELDOM = "extends: default\nname: test\ndetection: {read_interval: 900000, validation_interval: 900000}\n"
FAP = "Device.Services.FAPService.1."
ADMIN_STATE, RADIO = f"{FAP}FAPControl.LTE.AdminState", f"{FAP}FAPControl.LTE.RFTxStatus"
KEY = "Device.ManagementServer.ParameterKey"
VIENNA, AT_HOME = {"latitude": "48.2082", "longitude": "16.3738"}, Surroundings(place=(48.2083, 16.3737))
GRAZ = Surroundings(place=(47.0707, 15.4395))


def world(policy: str = HOURLY) -> World:
    made = World(policy=policy)
    made.boot()
    made.run(2000)
    assert made.alarms() == []
    return made


def told(made: World) -> list[tuple[str, str]]:
    """What alarms the managers were told of: SpecificProblem, and who detected it."""
    found = [each for each in made.outbox() if each["notificationType"] == "notifyNewAlarm"]
    return [
        (each["additionalInformation"]["specificProblem"], each["securityAlarmDetector"].partition(":")[0])
        for each in found
    ]


def cleared(made: World) -> int:
    """How many alarms the managers were told the end of."""
    return sum(each["notificationType"] == "notifyClearedAlarm" for each in made.outbox())


def settle(made: World, **values: str) -> None:
    """Say where the device belongs."""
    with made.conn.begin():
        dev.set_site_values(made.conn, "roof-1", values)
        dev.set_site(made.conn, made.device.id, "roof-1")


def hear(made: World, *cells: str, table: str = "REM.LTE.Cell.", name: str = "BCCH.CellID") -> None:
    """Have its receiver hear these macro cells and no others."""
    made.henb.tree.remove_below(f"{FAP}{table}")
    for number, cell in enumerate(cells, 1):
        made.henb.tree.add(f"{FAP}{table}{number}.{name}", cell, "xsd:unsignedInt")


# --- software, ParameterKey -----------------------------------------------------------------


@pytest.mark.row("S1 L14")
@pytest.mark.row("S1 L27")
def test_software_that_nobody_loaded_is_found_by_its_version():
    made = world(SELDOM)
    made.henb.banks.versions[made.henb.banks.active] = "6.6.6"
    made.henb.power_on(made.now, first=False)
    made.run(60)
    assert told(made)[0] == ("SW_MODIFIED", "HeMS")
    made.run(4000)
    assert [(each.procedure, each.outcome) for each in made.cases()] == [("P2S", "REMEDIATED")]
    assert made.henb.banks.running == "2.0.0"
    assert cleared(made) == 1


@pytest.mark.row("S1 L15")
@pytest.mark.row("S1 L27")
def test_a_parameter_key_of_somebody_else_is_told():
    made = world(SELDOM)
    made.henb.tree.set(KEY, "evil")
    made.run(1000)
    assert told(made) == [("PARAMETER_KEY_FOREIGN", "HeMS")]
    assert [each.procedure for each in made.cases()] == ["P1"]


# --- clock ----------------------------------------------------------------------------------


@pytest.mark.row("S1 L17")
@pytest.mark.row("S1 L27")
def test_a_clock_that_jumped_is_found_by_its_offset():
    made = world(SELDOM)
    jump = replace(TAMPERS["clock-modified"], drift_ppm=1000.0)
    made.henb.tree.set(jump.parameter, jump.value)
    made.henb.tampers.append(ActiveTamper(jump, "reconfigure", silent=True, since=made.now - 3_600_000))
    made.run(2000)
    assert told(made) == [("CLOCK_SPEED_MODIFIED", "HeMS")]
    assert "s off now" in made.outbox()[0]["additionalText"]


@pytest.mark.row("S1 L17")
def test_a_device_that_loses_its_source_of_time_is_told_of_and_left_alone():
    made = world()
    made.henb.carry_to(Surroundings(time="Synchronized"))
    made.run(8000)
    assert told(made) == []
    made.henb.carry_to(Surroundings(time="Error_FailedToSynchronize"))
    made.run(4000)
    assert told(made) == [("CLOCK_UNSYNCHRONISED", "HeMS")]
    assert [(each.procedure, each.outcome) for each in made.cases()] == [("P1", "NOTIFIED")]
    made.henb.carry_to(Surroundings(time="Synchronized"))
    made.run(4000)
    assert made.alarms() == []


# --- boots ----------------------------------------------------------------------------------


@pytest.mark.row("S1 L16")
def test_a_boot_that_it_does_not_tell_is_found_by_its_uptime():
    made = world()
    made.run(10_000)
    made.henb.booted_at = made.now  # its software restarted, and says nothing of it
    made.run(4000)
    assert told(made)[0] == ("UNEXPECTED_REBOOT", "HeMS")
    assert made.cases()[0].procedure == "DX"


@pytest.mark.row("S1 L16")
def test_a_boot_that_never_was_is_found_by_its_uptime():
    made = world()
    made.run(10_000)
    before = made.henb.booted_at
    made.henb.power_on(made.now, first=False)
    made.henb.booted_at = before
    made.run(60)
    assert told(made)[0] == ("UNEXPECTED_REBOOT", "HeMS")


def test_boots_that_it_tells_are_in_order_however_late_it_tells_them():
    made = world()
    made.run(10_000)
    made.reachable = False
    made.henb.power_on(made.now, first=False)
    made.run(5000)
    made.reachable = True
    made.run(20_000)
    assert told(made) == []


# --- place ----------------------------------------------------------------------------------


@pytest.mark.row("S1 L27")
def test_a_henb_that_is_carried_away_stops_radiating_until_it_is_back():
    made = world()
    settle(made, **VIENNA)
    made.henb.carry_to(AT_HOME)
    made.run(8000)
    assert told(made) == []
    made.henb.carry_to(GRAZ)
    made.run(8000)
    assert told(made) == [("LOCATION_CHANGED", "HeMS")]
    (case,) = made.cases()
    assert (case.procedure, case.state, case.outcome) == ("P2R", "waiting", "EXTENDED")
    assert made.henb.tree.value(ADMIN_STATE) == made.henb.tree.value(RADIO) == "0"
    assert made.henb.executed == []  # a reboot or a reset brings nothing back
    made.henb.carry_to(AT_HOME)
    made.instruct(case, "RETRY", "it was brought back")
    made.run(1000)
    assert [each.outcome for each in made.cases()] == ["REMEDIATED"]
    assert made.henb.tree.value(ADMIN_STATE) == made.henb.tree.value(RADIO) == "1"
    assert cleared(made) == 1


@pytest.mark.row("S1 L27")
@pytest.mark.parametrize(
    ("table", "name"),
    [("REM.LTE.Cell.", "BCCH.CellID"), ("REM.UMTS.WCDMA.Cell.", "BCCH.CellID"), ("REM.UMTS.GSM.Cell.", "CI")],
)
def test_other_macro_cells_and_another_network_tell_that_it_was_moved(table, name):
    made = world()
    made.address = "192.0.2.7"
    settle(made, macro_cells="100,101")
    hear(made, "100", "999", table=table, name=name)
    made.run(8000)
    assert told(made) == []
    made.address = "198.51.100.7"
    made.run(8000)
    assert told(made) == []  # a provider may renumber
    hear(made, "998", table=table, name=name)
    made.run(8000)
    assert told(made) == [("LOCATION_CHANGED", "HeMS")]


def test_a_cell_that_is_heard_no_more_speaks_for_it_no_more():
    made = world()
    made.address = "192.0.2.7"
    settle(made, macro_cells="100")
    hear(made, "999", "100")
    made.run(8000)
    made.address = "198.51.100.7"
    hear(made, "999")  # the second row is gone
    made.run(8000)
    assert told(made) == [("LOCATION_CHANGED", "HeMS")]


# --- components and the LAN -------------------------------------------------------------------


@pytest.mark.row("S1 L16")
@pytest.mark.row("S1 L27")
def test_an_attack_on_its_tunnel_is_found_by_the_counters_of_ipsec():
    made = world()
    made.henb.tree.set("Device.IPsec.Stats.IntegrityErrors", "7")
    made.run(8000)
    made.henb.tree.set("Device.IPsec.Stats.IntegrityErrors", "90007")
    made.run(4000)
    assert told(made) == [("LAN_DOS", "HeMS")]
    assert [each.procedure for each in made.cases()] == ["P1"]


# --- antenna ----------------------------------------------------------------------------------


@pytest.mark.row("S1 L18")
@pytest.mark.row("S1 L27")
@pytest.mark.parametrize(
    ("name", "right", "wrong"), [("X_ACME_Antenna.Id", "A-17", "B-4"), ("X_ACME_Antenna.VSWR", "1.4", "3.7")]
)
def test_what_a_vendor_tells_of_its_antenna_is_watched_where_the_policy_says_so(name, right, wrong):
    antenna = "antenna: [{name: X_ACME_Antenna.Id}, {name: X_ACME_Antenna.VSWR, most: 2.0}]"
    made = World(policy=f"extends: default\nname: test\ndetection: {{read_interval: 3600, {antenna}}}\n")
    made.boot()
    made.henb.tree.add(f"Device.{name}", right)
    made.run(8000)
    assert told(made) == []
    made.henb.tree.set(f"Device.{name}", wrong)
    made.run(4000)
    assert told(made)[0] == ("ANTENNA_MODIFIED", "HeMS")
    assert made.cases()[0].procedure == "DX"
