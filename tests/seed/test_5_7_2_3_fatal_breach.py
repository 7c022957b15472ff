"""S1 5.7.2.3 (L46-L47): a fatal breach that can't be remedied remotely."""

from __future__ import annotations

import pytest

from acs.errors import AcsError
from tests.seed.scene import EVERYTHING, provisioned

CELL = "Device.Services.FAPService.1.FAPControl.LTE."


def test_L46_1_the_henb_sends_its_alarm_closes_the_session_and_shuts_down(scene):
    scene.tamper("circuit-modified", seconds=100)
    assert [each.method for each in scene.wire] == ["Inform"]
    assert len(scene.told("notifyNewAlarm")) == 1
    assert scene.stages() == ["DETECTED", "REPORTING", "SHUT_DOWN"]
    assert scene.henb.state == "off"
    radio = [scene.henb.tree.value(f"{CELL}{each}") for each in ("OpState", "RFTxStatus")]
    assert radio == ["0", "0"]
    scene.run(100_000)
    assert len(scene.wire) == 1  # it is never heard of again


def test_L46_2_a_henb_that_can_not_tell_takes_the_second_path_and_shuts_down_then():
    scene = provisioned(distress=1)
    scene.cut = {"standard"}
    scene.tamper("circuit-modified", seconds=300)
    assert scene.triggers == []
    assert scene.channels == ["IPsec2"]
    assert [each["perceivedSeverity"] for each in scene.told("notifyNewAlarm")] == ["CRITICAL"]
    assert scene.stages()[-3:] == ["DISTRESS_SECOND_PATH", "DISTRESS_SECOND_PATH", "SHUT_DOWN"]


def test_L46_2_a_henb_that_reaches_nobody_shuts_down_at_the_end_of_extended_remediation():
    scene = provisioned(distress=2)
    scene.cut = set(EVERYTHING)
    scene.tamper("circuit-modified", seconds=3000)
    assert scene.every_alarm() == []
    assert scene.stages()[-2:] == ["DISTRESS_SECOND_PATH", "SHUT_DOWN"]


def test_L47_1_the_hems_forwards_analyses_and_waits_for_instructions(scene):
    nms = scene.subscribe("nms")
    scene.tamper("circuit-modified", seconds=20_000)
    assert scene.heard(nms)[0]["perceivedSeverity"] == "CRITICAL"
    assert scene.in_order("alarm ", "notifyNewAlarm", "case opened: P3", "block", "wait for instruction")
    assert scene.case.fact["because"] == "the root of trust or the hardware is affected"
    assert scene.asked() == []
    assert scene.end() == ("P3", "waiting", "BLOCKED")


def test_L47_2_the_managers_confirm_the_block_and_it_stays(scene):
    scene.tamper("circuit-modified", seconds=100)
    scene.instruct(scene.case, "CLOSE", "the HeNB will be scrapped")
    assert scene.end() == ("P3", "closed", "BLOCKED")
    scene.henb.power_on(scene.now, first=False)
    scene.run(1000)
    assert scene.device.blocked
    assert set(scene.refused) == {"blocked"}


def test_L47_2_the_managers_release_it_and_it_is_heard_again(scene):
    scene.tamper("circuit-modified", seconds=100)
    scene.instruct(scene.case, "RELEASE", "a false alarm")
    assert scene.end() == ("P3", "closed", "RELEASED")
    scene.henb.tampers.clear()
    scene.henb.power_on(scene.now, first=False)
    scene.run(1000)
    assert scene.refused == []
    assert not scene.device.blocked


def test_L47_1_an_instruction_needs_a_reason_and_has_to_fit(scene):
    scene.tamper("circuit-modified", seconds=100)
    with pytest.raises(AcsError, match="say why"):
        scene.instruct(scene.case, "RELEASE", "")
    with pytest.raises(AcsError, match="it can be told RELEASE"):
        scene.instruct(scene.case, "RETRY")
