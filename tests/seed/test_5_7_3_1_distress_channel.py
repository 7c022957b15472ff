"""S1 5.7.3.1 (L53-L66): the distress channel, and what HeNB and HeMS do over it."""

from __future__ import annotations

import pytest

from acs import distress as ds
from acs.commands import list_commands
from acs.cwmp import messages as m
from acs.simulator import Fault
from tests.seed.scene import EVERYTHING, provisioned
from tests.world import DISTRESS_KEY

DIAGNOSTICS = "Device.SelfTestDiagnostics.DiagnosticsState"


def cut_off(*cuts, tamper="configuration-modified", until="reboot", distress=1, **options):
    """A HeNB of which the HeMS learns an alarm, then the paths are cut; it waits until it is triggered."""
    scene = provisioned(distress=distress, **options)
    scene.wait_for_a_trigger()
    scene.cut_after_the_alarm(*cuts)
    scene.tamper(tamper, until=until, seconds=8000 if tamper == "software-modified" else 3000)
    return scene


# --- what it is ----------------------------------------------------------------------------


def test_L53_without_a_distress_channel_there_is_none_and_the_managers_are_told():
    scene = cut_off("standard", distress=0)
    assert scene.triggers == []
    assert set(scene.channels) == {"standard"}
    assert scene.end()[1:] == ("waiting", "NO_COMMUNICATION")
    assert scene.henb.state == "running"


def test_L54_1_a_distress_channel_is_defined_before_it_is_needed():
    scene = provisioned(distress=1)
    (path,) = scene.look(ds.paths_of, scene.device, scene.env.distress_paths)
    assert (path.kind, path.method, path.address) == ("IPsec2", "UDP", "ipsec2.example:7550")
    assert [each.kind for each in scene.henb.distress.paths] == ["IPsec2"]


def test_L54_2_over_it_only_basic_operations_are_performed():
    scene = cut_off("standard", until="factory_reset")
    sent = [each.message for each in scene.wire if each.path == "IPsec2" and each.who == "HeMS"]
    requests = [each for each in sent if not type(each).__name__.endswith("Response")]
    assert requests
    assert all(ds.may_send(each) for each in requests)
    assert not any(
        "SetParameterAttributes" in each or each == "AddObject" for each in scene.asked(over="IPsec2")
    )


def test_L54_3_acs_initiated_session_inform_reboot_factory_reset_and_download():
    scene = cut_off("standard", tamper="software-modified", until="factory_reset")
    assert scene.triggers
    assert any("X 0005B9 DISTRESS" in [one.code for one in each.message.events] for each in scene.informs())
    assert {"Reboot", "FactoryReset", "Download"} <= set(scene.asked(over="IPsec2"))
    assert scene.did() == ["Reboot", "FactoryReset", "Download"]
    assert scene.henb.banks.running == "2.0.0"


def test_L54_4_an_emergency_diagnostic_test_is_triggered_and_values_are_got():
    scene = cut_off("standard")
    tests = [each.message for each in scene.said("SetParameterValues") if each.path == "IPsec2"]
    assert {(each.name, each.value) for test in tests for each in test.parameters} == {
        (DIAGNOSTICS, "Requested")
    }
    assert scene.in_order(
        "notify connected", "SetParameterValues", "wait for 8 DIAGNOSTICS", "note report:", "note rung:"
    )
    assert "GetParameterValues" in scene.asked(over="IPsec2")
    assert any(each.path == "IPsec2" for each in scene.informs("8 DIAGNOSTICS COMPLETE"))


def test_L54_5_the_hems_only_triggers_and_the_henb_opens_the_session():
    scene = cut_off("standard")
    over = [each for each in scene.wire if each.path == "IPsec2"]
    assert (over[0].who, over[0].method) == ("HeNB", "Inform")
    ((_, datagram), *_) = scene.triggers
    trigger = ds.parse_trigger(datagram, DISTRESS_KEY)
    assert trigger.un == scene.key  # whom it is for, and nothing that is to be done


def test_L54_5_a_trigger_that_is_not_the_hems_s_opens_nothing():
    scene = provisioned(distress=1)
    forged = ds.Trigger(int(scene.now), 1, scene.key, "0" * 16)
    scene.henb.triggered(ds.build_trigger(forged, "a guess" * 5, host="a:1"), "IPsec2", scene.now)
    scene.run(60)
    assert scene.wire == []
    assert scene.henb.distress.refused == {"no genuine trigger": 1}


def carried_by(kind):
    """Cut everything but one kind of distress channel; the case has to come to its end over that."""
    others = set(ds.KINDS) - {kind}
    scene = cut_off("standard", *others, *(f"trigger {each}" for each in others), distress=3)
    assert scene.end() == ("P2R", "closed", "REMEDIATED")
    assert scene.channels[-1] == kind
    assert kind in scene.case.because
    assert scene.henb.tampers == []


@pytest.mark.parametrize("kind", ds.KINDS)
def test_L54_6_each_kind_of_path_serves(kind):
    carried_by(kind)


def test_L56_a_second_ipsec_connection():
    carried_by("IPsec2")


def test_L58_direct_internet_access_outside_of_the_tunnel():
    carried_by("Internet")


def test_L60_the_air_interface():
    carried_by("AirInterface")


# --- when it is used -----------------------------------------------------------------------


def test_L62_1_the_henb_uses_it_when_the_standard_connection_does_not_work():
    scene = provisioned(distress=1)
    scene.cut = {"standard"}
    scene.tamper("case-opened", seconds=300)
    assert scene.channels[0] == "IPsec2"
    assert scene.triggers == []


def test_L62_1_the_hems_uses_it_when_the_standard_connection_does_not_work():
    scene = cut_off("standard")
    assert [kind for kind, _ in scene.triggers] == ["IPsec2"]
    assert scene.channels[-1] == "IPsec2"


@pytest.mark.row("S1 L62.3")
def test_L62_2_the_hems_uses_it_when_a_connection_request_fails_too():
    scene = provisioned(distress=1)
    scene.cut = {"call"}
    scene.reach()
    scene.run(300)
    assert [kind for kind, _ in scene.triggers] == ["IPsec2"]
    assert scene.channels == ["standard"]
    assert "6 CONNECTION REQUEST" in [each.code for each in scene.informs()[0].message.events]
    assert scene.end() == ("REACH", "closed", "REACHED")


def test_L62_2_whatever_the_request_was_for():
    scene = provisioned(distress=2)
    scene.wait_for_a_trigger()
    scene.cut = {"call"}
    scene.ask(m.GetParameterValues(("Device.DeviceInfo.UpTime",)))
    scene.run(600)
    assert scene.cases() == []
    assert [kind for kind, _ in scene.triggers] == ["IPsec2"]
    assert [each.state for each in scene.look(list_commands) if each.purpose == "operator"] == ["succeeded"]


def test_L62_3_a_triggered_henb_opens_a_session_over_the_standard_path():
    scene = cut_off("call", until="reboot")
    scene.cut.clear()
    trigger = ds.Trigger(int(scene.now), 77, scene.key, "0" * 16)
    scene.wire.clear()
    scene.henb.triggered(ds.build_trigger(trigger, DISTRESS_KEY, host="a:1"), "IPsec2", scene.now)
    scene.run(5)
    assert [each.path for each in scene.informs("6 CONNECTION REQUEST")] == ["standard"]


def test_L62_4_where_that_fails_it_takes_the_distress_channel_at_once():
    scene = provisioned(distress=1)
    scene.cut = {"standard"}
    scene.reach()
    scene.run(300)
    assert scene.channels == ["IPsec2"]
    assert scene.device.channel == ds.DISTRESS
    assert scene.stages()[:3] == ["DISTRESS_STANDARD_RETRY", "DISTRESS_SECOND_PATH", "DISTRESS_SECOND_PATH"]
    assert scene.end() == ("REACH", "closed", "REACHED")


# --- what is done over it --------------------------------------------------------------------


def test_L64_1_the_henb_tells_what_it_has_to_tell_and_does_what_it_is_asked():
    scene = provisioned(distress=1)
    scene.cut = {"standard"}
    scene.tamper("software-modified", seconds=8000)
    assert scene.informs()[0].path == "IPsec2"
    assert len(scene.told("notifyNewAlarm")) >= 1
    assert "Download" in scene.did()
    assert scene.henb.tampers == []


def test_L64_2_the_hems_learns_what_it_needs_and_remedies():
    scene = cut_off("standard", until="factory_reset")
    story = (
        "distress trigger",
        "notify connected over the second path",
        "note report:",
        "note rung: reboot",
        "Reboot",
    )
    assert scene.in_order(*story)
    assert "remediated over the second path, IPsec2" in scene.comments()
    assert scene.end() == ("P2R", "closed", "REMEDIATED")


def test_L66_1_where_the_second_path_fails_too_the_henb_shuts_down_at_once():
    scene = provisioned(distress=2)
    scene.cut = set(EVERYTHING)
    scene.tamper("case-opened")
    assert scene.stages()[-2:] == ["DISTRESS_SECOND_PATH", "SHUT_DOWN"]
    assert scene.henb.state == "off"


def test_L66_1_immediately_after_the_last_path_has_failed():
    scene = provisioned(distress=2)
    scene.cut = set(EVERYTHING)
    tried, hold = [], scene.session

    def session():
        tried.append(scene.now)
        hold()

    scene.session = session
    scene.henb.tamper("case-opened", scene.now)
    while scene.henb.state == "running":
        scene.run(1)
    assert scene.now - tried[-1] <= 1


def test_L66_1_so_it_does_where_the_second_path_breaks_down_in_the_middle_of_an_action():
    scene = provisioned(distress=1)
    scene.wait_for_a_trigger()
    scene.cut_after_the_alarm("standard")
    scene.henb.tamper("configuration-modified", scene.now, until="reboot")
    scene.wait(lambda: "IPsec2" in scene.channels)
    scene.cut = set(EVERYTHING)
    scene.run(8000)
    assert scene.stages()[-2:] == ["DISTRESS_SECOND_PATH", "SHUT_DOWN"]
    assert "communication failed over the second path, IPsec2" in scene.comments()
    assert scene.end() == ("P2R", "waiting", "NO_COMMUNICATION")


@pytest.mark.parametrize(("available", "stage"), [(True, "EMERGENCY_BOOT"), (False, "SHUT_DOWN")])
def test_L66_1_so_it_does_where_software_fails_to_come_over_the_second_path(available, stage):
    scene = provisioned(distress=1, emergency_available=available)
    scene.wait_for_a_trigger()
    scene.henb.faults = [Fault("Download", 9010, times=9)]
    scene.cut_after_the_alarm("standard")
    scene.henb.tamper("software-modified", scene.now)
    scene.wait(lambda: scene.henb.state == "off" or "EMERGENCY_BOOT" in scene.stages(), seconds=8000)
    assert stage in scene.stages()
    assert scene.asked(over="IPsec2").count("Download") == 3
    scene.run(3000)
    assert "no communication possible" in scene.comments()


def test_L66_1_or_begins_emergency_remediation_where_it_has_that():
    scene = provisioned(distress=2, emergency_available=True)
    scene.cut = set(EVERYTHING)
    scene.tamper("case-opened")
    assert "EMERGENCY_BOOT" in scene.stages()


def test_L66_2_the_managers_are_told_that_no_communication_is_possible_and_are_waited_for():
    scene = provisioned(distress=1)
    nms = scene.subscribe("nms")
    scene.cut_after_the_alarm(*EVERYTHING)
    scene.tamper("configuration-modified", until="reboot", seconds=20_000)
    assert "no communication possible" in [each.get("commentText") for each in scene.heard(nms)]
    assert scene.comments().count("no communication possible") == 1
    assert scene.end() == ("P2R", "waiting", "NO_COMMUNICATION")


def test_L66_2_an_instruction_may_be_to_block_the_henb():
    scene = cut_off(*EVERYTHING)
    scene.instruct(scene.case, "BLOCK", "it was stolen")
    assert scene.device.blocked
    scene.cut.clear()
    scene.henb.power_on(scene.now, first=False)
    scene.run(1000)
    assert set(scene.refused) == {"blocked"}
