"""S1 5.7.1 (L13-L24): what the HeNB detects, and how the HeMS learns of it."""

from __future__ import annotations

import pytest

from acs.alarms import SECURITY_EVENT_TYPES, parse_time
from acs.simulator import TAMPERS, Fault
from tests.seed.scene import EXPEDITED, FAULTS, provisioned

ANNEX_B = {
    "INTEGRITY_VIOLATION",
    "OPERATIONAL_VIOLATION",
    "PHYSICAL_VIOLATION",
    "SECURITY_SERVICE_OR_MECHANISM_VIOLATION",
    "TIME_DOMAIN_VIOLATION",
}


@pytest.mark.parametrize("name", TAMPERS)
def test_L13_the_henb_detects_tampering_and_a_fatal_breach(scene, name):
    scene.henb.tamper(name, scene.now)
    assert scene.stages() == ["DETECTED"]
    row = scene.henb.tree.value(f"{FAULTS}CurrentAlarm.1.SpecificProblem")
    assert row == TAMPERS[name].specific_problem


def assert_caused(scene, name, problem, procedure):
    """The cause makes the HeNB raise its alarm; the HeMS has it, and begins the procedure."""
    scene.tamper(name, seconds=5)
    assert scene.informs("4 VALUE CHANGE")
    (alarm,) = scene.every_alarm()
    assert (alarm.specific_problem, alarm.security) == (problem, True)
    assert scene.case.procedure == procedure


def test_L14_software_that_was_modified(scene):
    assert_caused(scene, "software-modified", "SW_MODIFIED", "P2S")


def test_L15_a_configuration_parameter_that_was_changed(scene):
    assert_caused(scene, "configuration-modified", "CONFIG_MODIFIED", "P2R")


def test_L16_a_software_component_that_behaves_unexpectedly(scene):
    assert_caused(scene, "software-behaviour", "SW_BEHAVIOUR", "DX")


@pytest.mark.parametrize(
    ("problem", "event_type", "cause", "severity", "procedure"),
    [
        ("LAN_DOS", "Operational Violation", "Denial Of Service", "Minor", "P1"),
        (
            "LAN_LOGIN_ATTEMPT",
            "Security Service Or Mechanism Violation",
            "Unauthorised Access Attempt",
            "Minor",
            "P1",
        ),
        (
            "LAN_LOGIN_SUCCESS",
            "Security Service Or Mechanism Violation",
            "Unauthorised Access Attempt",
            "Major",
            "DX",
        ),
    ],
)
def test_L16_attacks_via_the_lan(scene, problem, event_type, cause, severity, procedure):
    words = {"specific_problem": problem, "event_type": event_type, "severity": severity}
    scene.alarm("software-behaviour", probable_cause=cause, seconds=5, **words)
    (alarm,) = scene.every_alarm()
    assert (alarm.specific_problem, alarm.security) == (problem, True)
    assert scene.case.procedure == procedure


def test_L17_a_modified_clock_speed(scene):
    assert_caused(scene, "clock-modified", "CLOCK_SPEED_MODIFIED", "DX")


def test_L17_the_time_that_it_tells_runs_away(scene):
    start = scene.now
    scene.henb.tamper("clock-modified", scene.now, silent=True)
    scene.run(20_000)
    inform = scene.informs()[-1]
    ahead = parse_time(inform.message.current_time, 0) - inform.at
    assert ahead == pytest.approx(250e-6 * (inform.at - start), abs=1)


def test_L18_a_modified_antenna(scene):
    assert_caused(scene, "antenna-modified", "ANTENNA_MODIFIED", "DX")


def test_L19_an_opened_case(scene):
    assert_caused(scene, "case-opened", "CASE_OPENED", "DX")


def test_L20_modified_circuits(scene):
    assert_caused(scene, "circuit-modified", "CIRCUIT_MODIFIED", "P3")


def test_L21_a_cause_that_no_list_has_is_a_security_alarm_all_the_same(scene):
    words = {"event_type": "Security Service Or Mechanism Violation", "specific_problem": ""}
    scene.alarm("software-behaviour", probable_cause="Something Of The Vendor", seconds=5, **words)
    (alarm,) = scene.every_alarm()
    assert (alarm.probable_cause, alarm.security) == ("SOMETHING_OF_THE_VENDOR", True)
    assert scene.case.procedure == "DX"


def test_L22_1_the_alarm_is_an_expedited_event_told_by_active_notification(scene):
    scene.tamper("configuration-modified", seconds=5)
    inform = scene.informs("4 VALUE CHANGE")[0]
    told = {
        each.name.rpartition(".")[2]: each.value
        for each in inform.message.parameters
        if ".ExpeditedEvent." in each.name
    }
    assert told["NotificationType"] == "NewAlarm"
    assert [each.alarm_identifier for each in scene.every_alarm()] == [told["AlarmIdentifier"]]
    assert scene.henb.tree.value(f"{FAULTS}HistoryEvent.1.AlarmIdentifier") == told["AlarmIdentifier"]


@pytest.mark.parametrize("name", TAMPERS)
def test_L22_2_every_security_alarm_tells_its_event_type(scene, name):
    scene.tamper(name, seconds=5)
    inform = scene.informs("4 VALUE CHANGE")[0]
    told = [each.value for each in inform.message.parameters if each.name.endswith(".EventType")]
    assert told == [TAMPERS[name].event_type]
    assert all(each["alarmType"] for each in scene.told("notifyNewAlarm"))


@pytest.mark.parametrize("name", TAMPERS)
def test_L22_3_the_event_types_are_the_five_of_annex_b(scene, name):
    scene.tamper(name, seconds=5)
    assert scene.told("notifyNewAlarm")[0]["alarmType"] in ANNEX_B
    assert ANNEX_B == SECURITY_EVENT_TYPES


@pytest.mark.parametrize(
    ("event_type", "cause", "severity", "procedure"),
    [
        ("Integrity Violation", "Information Modification Detected", "Major", "DX"),
        ("Integrity Violation", "Information Modification Detected", "Critical", "P3"),
        ("Integrity Violation", "Duplicate Information", "Major", "P1"),
        ("Time Domain Violation", "Key Expired", "Major", "P2R"),
        ("Time Domain Violation", "Delayed Information", "Major", "DX"),
        ("Time Domain Violation", "Delayed Information", "Warning", "P1"),
        ("Physical Violation", "Intrusion Detection", "Minor", "DX"),
    ],
)
def test_L23_event_type_probable_cause_and_severity_alone_choose_the_procedure(
    scene, event_type, cause, severity, procedure
):
    words = {"event_type": event_type, "probable_cause": cause, "severity": severity}
    scene.alarm("configuration-modified", specific_problem="", seconds=2, **words)
    (told,) = scene.told("notifyNewAlarm")
    assert told["perceivedSeverity"] == severity.upper()
    assert scene.case.procedure == procedure


def test_L24_security_alarms_are_made_expedited_at_the_henb(scene):
    assert scene.mechanisms(security=True) == {EXPEDITED}
    assert scene.mechanisms(security=False) == {"2 Logged"}
    assert scene.henb.attributes[f"{FAULTS}ExpeditedEvent."] == 2


def test_L24_where_the_henb_refuses_that_they_are_queued_and_come_with_the_next_inform():
    scene = provisioned(faults=[Fault("SetParameterValues", 9007, times=1)])
    assert scene.mechanisms(security=True) == {"1 Queued"}
    scene.alarm("configuration-modified", seconds=60)
    assert scene.informs() == []
    scene.run(1000)
    assert scene.informs("2 PERIODIC")
    assert len(scene.every_alarm()) == 1
