"""S1 5.7.2.1 (L32): tampering that calls for no immediate remediation."""

from __future__ import annotations

from tests.seed.scene import EVERYTHING, provisioned


def test_L32_1_the_alarm_is_forwarded_to_the_managers_over_type_2(scene):
    scene.alarm("software-behaviour", severity="Warning")
    (told,) = scene.told("notifyNewAlarm")
    assert (told["alarmType"], told["perceivedSeverity"]) == ("OPERATIONAL_VIOLATION", "WARNING")
    assert told["serviceProvider"] == f"ManagedElement={scene.key}"
    assert "no immediate remediation" in scene.comments()


def test_L32_1_each_management_function_has_what_it_asked_for(scene):
    fraud, nms = scene.subscribe("fraud", "notifyNewSecAlarm"), scene.subscribe("nms")
    scene.alarm("software-behaviour", severity="Warning")
    assert [each["notificationType"] for each in scene.heard(fraud)] == ["notifyNewAlarm"]
    assert scene.heard(nms) == scene.outbox()


def test_L32_2_what_follows_is_the_managers_and_nothing_is_done_to_the_henb(scene):
    scene.alarm("software-behaviour", severity="Warning", seconds=20_000)
    assert scene.end() == ("P1", "closed", "NOTIFIED")
    assert scene.asked() == []
    assert scene.did() == []
    assert len(scene.alarms()) == 1
    assert not scene.device.blocked


def test_L32_3_a_henb_that_can_not_tell_takes_the_second_path_by_itself():
    scene = provisioned(distress=1)
    scene.cut = {"standard"}
    scene.alarm("software-behaviour", severity="Warning", seconds=300)
    assert scene.triggers == []
    assert scene.channels == ["IPsec2"]
    assert len(scene.told("notifyNewAlarm")) == 1
    assert scene.stages()[:3] == ["DETECTED", "DISTRESS_STANDARD_RETRY", "DISTRESS_SECOND_PATH"]


def test_L32_3_a_henb_that_reaches_nobody_goes_on_to_the_end_of_extended_remediation():
    scene = provisioned(distress=2)
    scene.cut = set(EVERYTHING)
    scene.alarm("software-behaviour", severity="Warning", seconds=3000)
    assert scene.every_alarm() == []
    assert scene.stages()[-2:] == ["DISTRESS_SECOND_PATH", "SHUT_DOWN"]
