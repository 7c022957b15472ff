"""S1 5.7.2 (L27-L28): from an alarm to the procedure that is begun."""

from __future__ import annotations

import pytest

from acs.cwmp import messages as m
from tests.seed.scene import provisioned

WATCHFUL = "extends: default\nname: test\ndetection: {read_interval: 3600, validation_interval: 7200}\n"
SELF_TEST = "Device.SelfTestDiagnostics."


def test_L27_an_alarm_that_the_hems_receives_determines_the_procedure(scene):
    scene.tamper("configuration-modified")
    assert [each.detector.partition(":")[0] for each in scene.every_alarm()] == ["HeNB"]
    assert scene.end() == ("P2R", "closed", "REMEDIATED")


def test_L27_an_alarm_that_the_hems_detects_itself_determines_it_just_so():
    scene = provisioned(policy=WATCHFUL)
    scene.tamper("configuration-modified", silent=True, seconds=6000)
    assert [each.detector.partition(":")[0] for each in scene.every_alarm()] == ["HeMS"]
    assert scene.end() == ("P2R", "closed", "REMEDIATED")


@pytest.mark.parametrize(
    ("name", "playbook"),
    [
        ("configuration-modified", "reconfiguration"),
        ("software-modified", "software_reload"),
        ("circuit-modified", "fatal"),
        ("case-opened", "diagnose"),
    ],
)
def test_L27_what_the_alarm_says_chooses_between_the_procedures(scene, name, playbook):
    scene.tamper(name, seconds=2)
    assert scene.case.playbook == playbook
    assert any(each.startswith("case opened") and "rule" in each for each in scene.story())


@pytest.mark.parametrize(
    ("name", "finding", "outcome"),
    [
        ("case-opened", "diagnosis: P1", "NOTIFIED"),
        ("clock-modified", "diagnosis: P2R", "REMEDIATED"),
        ("software-behaviour", "diagnosis: P2S", "REMEDIATED"),
    ],
)
def test_L28_1_an_alarm_that_tells_too_little_is_diagnosed_and_the_report_decides(
    scene, name, finding, outcome
):
    scene.tamper(name)
    assert scene.end() == ("DX", "closed", outcome)
    assert scene.in_order("SetParameterValues", "note report: v=1;test=SEC;sw=", f"note {finding}")


def test_L28_1_a_report_of_a_fatal_breach_is_followed_as_the_alarm_of_one(scene):
    scene.henb.tamper("circuit-modified", scene.now, silent=True)
    scene.tamper("case-opened", seconds=600)
    assert scene.in_order("note report: v=1;test=SEC", "note diagnosis: P3", "block")
    assert scene.end()[1:] == ("waiting", "BLOCKED")
    assert scene.device.blocked


def test_L28_2_the_diagnostic_test_is_that_of_the_data_model(scene):
    scene.tamper("case-opened", seconds=60)
    asked, read = scene.requests(m.SetParameterValues)[0], scene.requests(m.GetParameterValues)[0]
    assert [(each.name, each.value) for each in asked.parameters] == [
        (f"{SELF_TEST}DiagnosticsState", "Requested")
    ]
    assert scene.informs("8 DIAGNOSTICS COMPLETE")
    assert f"{SELF_TEST}Results" in read.names
    assert scene.henb.tree.value(f"{SELF_TEST}DiagnosticsState") == "Complete"
