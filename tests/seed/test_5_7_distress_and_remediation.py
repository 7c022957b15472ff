"""S1 L6-L10: what the whole of clause 5.7 is for."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from acs.cwmp import messages as m
from acs.simulator import PRODUCT_CLASS, TAMPERS, build_image
from acs.simulator.stages import Trigger
from tests.seed.scene import provisioned

ATTACKER = Ed25519PrivateKey.from_private_bytes(bytes([7] * 32))
WATCHFUL = "extends: default\nname: test\ndetection: {read_interval: 3600, validation_interval: 7200}\n"
CONFIGURATION = TAMPERS["configuration-modified"].parameter


def test_L6_1_an_image_that_the_vendor_did_not_sign_is_kept_out(scene):
    scene.image = build_image("2.0.0", PRODUCT_CLASS, ATTACKER, size=100)
    scene.tamper("software-modified")
    refused = [each.message.fault.code for each in scene.said("TransferComplete")]
    assert refused
    assert set(refused) == {9019}
    assert scene.henb.banks.running == "1.0.0"
    assert any("software reload ladder failed" in each for each in scene.comments())


def test_L6_1_what_was_modified_while_it_was_off_is_detected_at_boot(scene):
    scene.henb.shut_down(Trigger.SWITCHED_OFF)
    scene.tamper("software-modified", seconds=60)
    assert scene.wire == []
    scene.henb.power_on(scene.now, first=False)
    scene.run(4000)
    assert scene.informs("1 BOOT")
    assert [each.specific_problem for each in scene.every_alarm()] == ["SW_MODIFIED"]
    assert scene.end() == ("P2S", "closed", "REMEDIATED")


@pytest.mark.parametrize("silent", [False, True], ids=["told by the HeNB", "found by the HeMS"])
@pytest.mark.parametrize("name", TAMPERS)
def test_L6_2_no_tampering_goes_unnoticed(name, silent):
    scene = provisioned(policy=WATCHFUL)
    scene.run(2000)
    scene.tamper(name, silent=silent, seconds=9000)
    (told,) = scene.told("notifyNewAlarm")
    assert told["securityAlarmDetector"].startswith("HeMS" if silent else "HeNB")
    assert scene.cases()


def test_L6_2_an_attempt_that_is_over_at_once_is_told_too(scene):
    value = scene.henb.tree.value(CONFIGURATION)
    scene.henb.tamper("configuration-modified", scene.now)
    scene.henb.tree.set(CONFIGURATION, value)
    scene.henb.check_integrity(scene.now)
    scene.run(60)
    assert [each["alarmId"] for each in scene.told("notifyNewAlarm")] == [
        each["alarmId"] for each in scene.told("notifyClearedAlarm")
    ]


def test_L6_3_an_uncritical_attack_is_only_told(scene):
    scene.alarm("case-opened", specific_problem="LAN_DOS", event_type="Operational Violation")
    assert len(scene.told("notifyNewAlarm")) == 1
    assert scene.asked() == []
    assert scene.did() == []


def test_L6_3_modified_software_is_countered_by_a_validated_image(scene):
    scene.tamper("software-modified")
    assert "Download" in scene.asked()
    assert (scene.henb.banks.running, scene.henb.banks.modified) == ("2.0.0", False)
    assert scene.alarms() == []


@pytest.mark.parametrize(
    ("name", "severity", "procedure"),
    [
        ("configuration-modified", "Warning", "P1"),
        ("configuration-modified", "Major", "P2R"),
        ("software-modified", "Major", "P2S"),
        ("circuit-modified", "Critical", "P3"),
    ],
)
def test_L6_4_the_situations_are_told_apart(scene, name, severity, procedure):
    scene.alarm(name, severity=severity, seconds=10)
    assert scene.case.procedure == procedure


def test_L7_tampering_without_immediate_remediation_is_noted_and_the_henb_left_alone(scene):
    scene.alarm("software-behaviour", severity="Warning")
    assert scene.end() == ("P1", "closed", "NOTIFIED")
    assert scene.asked() == []
    assert len(scene.alarms()) == 1
    assert scene.henb.state == "running"


def test_L8_tampering_is_remedied_remotely(scene):
    scene.tamper("configuration-modified")
    assert scene.end() == ("P2R", "closed", "REMEDIATED")
    assert scene.requests(m.SetParameterValues)
    assert scene.henb.tampers == []
    assert scene.alarms() == []


def test_L9_after_a_fatal_breach_the_henb_is_shut_down_and_on_the_black_list(scene):
    scene.tamper("circuit-modified")
    assert (scene.henb.state, scene.stages()[-1]) == ("off", "SHUT_DOWN")
    assert scene.end() == ("P3", "waiting", "BLOCKED")
    assert scene.device.blocked
    scene.henb.power_on(scene.now, first=False)
    scene.run(60)
    assert scene.refused
    assert set(scene.refused) == {"blocked"}


def test_L10_what_remote_remediation_can_not_solve_ends_in_shut_down_and_block():
    scene = provisioned(distress=1)
    scene.tamper("configuration-modified", until="never")
    rungs = ["reconfigure", "reboot", "factory_reset"]
    assert scene.rungs(scene.case) == [*rungs, "factory_reset"]  # the last once more, when it was triggered
    assert scene.end() == ("P2R", "waiting", "EXTENDED")
    scene.instruct(scene.case, "BLOCK", "to protect the network")
    scene.run(20_000)
    assert scene.device.blocked
    assert set(scene.refused) == {"blocked"}
    assert (scene.henb.state, scene.stages()[-1]) == ("off", "SHUT_DOWN")


def test_L10_what_comes_back_again_and_again_is_fatal_and_blocked(scene):
    for _ in range(3):
        scene.tamper("configuration-modified")
    assert [(each.procedure, each.outcome) for each in scene.cases()] == [
        *[("P2R", "REMEDIATED")] * 2,
        ("P3", "BLOCKED"),
    ]
    assert "remediated 2 times, and it is back" in scene.cases()[-1].because
    scene.run(20_000)
    assert scene.device.blocked
    assert set(scene.refused) == {"blocked"}
