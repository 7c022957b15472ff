"""The procedures of S1 5.7.2, from alarm to outcome, with a simulated HeNB under virtual time."""

from __future__ import annotations

import pytest

from acs.simulator import Fault, load_scenario
from tests.world import World

ENTRIES = [entry for entry in load_scenario(None).devices if entry.tamper]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.serial)
def test_a_tampering_comes_to_the_outcome_that_the_scenario_expects(entry):
    world = World()
    world.boot()
    world.henb.faults = entry.make_faults()
    world.tamper(entry.tamper, until=entry.until)
    (case,) = world.cases()
    assert (case.procedure, case.outcome) == (entry.expect.procedure, entry.expect.outcome), case.because
    assert world.rungs(case) == entry.expect.rungs


def test_a_remediated_device_has_no_active_alarm_and_its_golden_configuration():
    world = World()
    world.boot()
    world.tamper("configuration-modified", until="factory_reset")
    assert world.alarms() == []
    assert "mme1.epc" in world.henb.tree.value(
        "Device.Services.FAPService.1.FAPControl.LTE.Gateway.S1SigLinkServerList"
    )


def test_first_contact_makes_security_alarms_expedited_and_sets_the_golden_configuration():
    world = World()
    world.boot()
    (case,) = world.cases("provisioning")
    assert case.outcome == "PROVISIONED"
    tree = world.henb.tree
    assert tree.value("Device.FaultMgmt.SupportedAlarm.1.ReportingMechanism") == "0 Expedited"
    assert tree.value("Device.FaultMgmt.SupportedAlarm.8.ReportingMechanism") == "2 Logged"
    assert tree.value("Device.Services.FAPService.1.FAPControl.LTE.AdminState") == "1"
    assert world.henb.attributes["Device.FaultMgmt.ExpeditedEvent."] == 2
    assert world.device.provisioned_for == "1.0.0"


def test_new_software_is_provisioned_anew():
    world = World()
    world.boot()
    world.tamper("software-modified")
    assert [case.outcome for case in world.cases("provisioning")] == ["PROVISIONED", "PROVISIONED"]
    assert world.device.provisioned_for == "2.0.0"


def test_every_step_is_told_to_the_managers_in_order():
    world = World()
    world.boot()
    world.tamper("configuration-modified", until="reboot")
    told = [body.get("commentText") or body["notificationType"] for body in world.outbox()]
    assert told[0] == "notifyNewAlarm"
    assert "rung reconfigure of the reconfiguration ladder failed" in told
    assert told[-1].endswith("closed: REMEDIATED")
    assert told.index("notifyNewAlarm") < told.index("notifyClearedAlarm")


def test_a_remediation_that_does_not_last_becomes_fatal():
    world = World()
    world.boot()
    for _ in range(3):
        world.tamper("configuration-modified")
    assert [case.procedure for case in world.cases()] == ["P2R", "P2R", "P3"]
    assert "remediated 2 times" in world.cases()[-1].because
    assert world.device.blocked


def test_recurrences_of_before_the_window_do_not_count():
    world = World()
    world.boot()
    for _ in range(3):
        world.tamper("configuration-modified", seconds=50_000)
    assert [case.procedure for case in world.cases()] == ["P2R", "P2R", "P2R"]


def test_a_graver_alarm_supersedes_the_open_case():
    world = World()
    world.boot()
    world.henb.faults = [Fault("SetParameterValues", 9002, times=50)]
    world.henb.tamper("configuration-modified", world.now)
    world.run(2)
    world.tamper("circuit-modified")
    first, second = world.cases()
    assert (first.procedure, first.outcome) == ("P2R", "SUPERSEDED")
    assert (second.procedure, second.outcome) == ("P3", "BLOCKED")


def test_a_lesser_alarm_waits_for_the_open_case_and_is_then_treated():
    world = World()
    world.boot()
    world.henb.tamper("software-modified", world.now)
    world.run(1)
    world.tamper("case-opened")
    first, second = world.cases()
    assert (first.procedure, first.outcome) == ("P2S", "REMEDIATED")
    assert (second.procedure, second.outcome) == ("DX", "NOTIFIED")
    assert second.opened_at >= first.closed_at


def test_a_lesser_alarm_that_the_open_case_remedies_needs_no_case_of_its_own():
    world = World()
    world.boot()
    world.henb.tamper("software-modified", world.now)
    world.henb.tamper("software-behaviour", world.now)
    world.run(4000)
    (case,) = world.cases()
    assert case.outcome == "REMEDIATED"
    assert world.alarms() == []


def test_a_device_that_stays_away_is_given_up_and_the_managers_are_told():
    world = World()
    world.boot()
    world.henb.tamper("configuration-modified", world.now)
    world.run(3)  # the first session, not yet the diagnostic test's end
    world.reachable = False
    world.run(4000)
    (case,) = world.cases()
    assert (case.state, case.outcome) == ("waiting", "NO_COMMUNICATION")
    assert any("extended remediation" in str(body.get("commentText")) for body in world.outbox())


def test_a_fatal_breach_blocks_at_once_and_sends_the_device_no_command():
    world = World()
    world.boot()
    world.tamper("circuit-modified")
    (case,) = world.cases()
    assert case.state == "waiting"
    assert world.device.blocked
    assert all(step.command_id is None for step in world.journal(case))
    assert world.henb.state == "off"


def test_without_an_approved_image_the_software_ladder_ends_in_extended_remediation():
    world = World(image=None)
    world.boot()
    world.tamper("software-modified")
    (case,) = world.cases()
    assert case.outcome == "EXTENDED"
    assert "no software image is approved" in case.because or any(
        "no software image is approved" in step.because for step in world.journal(case)
    )


def test_without_a_golden_configuration_only_the_self_test_decides():
    world = World(golden=False)
    world.boot()
    world.tamper("configuration-modified")
    (case,) = world.cases()
    assert case.outcome == "REMEDIATED"
    assert world.rungs(case)[-1] == "factory_reset"


def test_a_device_without_a_self_test_is_judged_by_its_alarm():
    world = World()
    world.boot()
    world.henb.faults = [Fault("SetParameterValues", 9000, times=1)]
    world.tamper("software-behaviour")
    (case,) = world.cases()
    assert case.outcome == "REMEDIATED"
    assert world.rungs(case) == ["download"]
    assert any("no self test" in step.detail for step in world.journal(case))


def test_a_transient_fault_is_tried_again_on_the_same_rung():
    world = World()
    world.boot()
    world.henb.faults = [Fault("SetParameterValues", 9002, times=1)]
    world.tamper("configuration-modified")
    (case,) = world.cases()
    assert world.rungs(case) == ["reconfigure"]
    assert any(step.name == "sleep" for step in world.journal(case))


def test_a_provisioning_that_fails_is_tried_again_after_the_next_boot():
    world = World()
    world.henb.faults = [
        Fault("GetParameterValues", 9002, times=1),
        Fault("SetParameterValues", 9002, times=9),
    ]
    world.boot()
    assert [case.outcome for case in world.cases("provisioning")] == ["FAILED"]
    world.henb.faults = []
    world.run(1000)
    assert len(world.cases("provisioning")) == 1
    world.henb.power_on(world.now, first=False)
    world.run(10)
    assert [case.outcome for case in world.cases("provisioning")] == ["FAILED", "PROVISIONED"]


def test_an_alarm_of_before_the_provisioning_is_found_by_resynchronisation():
    world = World()
    world.henb.tamper("configuration-modified", world.now)
    world.boot()
    world.run(4000)
    assert [case.outcome for case in world.cases()] == ["REMEDIATED"]


def test_a_device_with_fault_management_in_the_fap_service_is_provisioned_and_remediated():
    base = "Device.Services.FAPService.1.FaultMgmt."  # TR-196 Issue 1
    world = World(fault_management_path=base)
    world.henb.tamper("configuration-modified", world.now)
    world.boot()
    assert world.device.fault_management == base
    world.run(4000)
    assert [case.outcome for case in world.cases()] == ["REMEDIATED"]
    assert world.henb.tree.value(f"{base}SupportedAlarm.1.ReportingMechanism") == "0 Expedited"
    assert world.henb.attributes[f"{base}ExpeditedEvent."] == 2
    world.tamper("software-modified", until="reboot")
    assert [case.outcome for case in world.cases()] == ["REMEDIATED", "REMEDIATED"]
