"""S1 5.7.2.2 (L36-L42): tampering that is remedied remotely, by two ladders."""

from __future__ import annotations

import pytest

from acs.cwmp import messages as m
from acs.simulator import TAMPERS, Fault
from tests.seed.scene import EVERYTHING, Scene, provisioned
from tests.world import POLICY

CONFIGURATION = TAMPERS["configuration-modified"].parameter
ROGUE = TAMPERS["configuration-modified"].value
SERVING = "https://serving.example/"


class Elsewhere(Scene):
    """The initial HeMS has a store of its own: it leads the HeNB on, and this HeMS hears nothing of it."""

    def session(self):
        if self.henb.acs_url:
            super().session()
            return
        self.henb.informed(self.henb.inform(self.now))
        address = m.ParameterValue("Device.ManagementServer.URL", SERVING)
        self.henb.handle(m.SetParameterValues((address,), "there"), self.now)
        self.henb.session_ended(self.now)


def sets_the_configuration(scene):
    """The times at which the HeMS set the manipulated parameter."""
    return [
        said.at
        for said in scene.said("SetParameterValues")
        if CONFIGURATION in [each.name for each in said.message.parameters]
    ]


def restarts(scene):
    """The times at which the HeNB was up again."""
    return [each.at for each in scene.informs("1 BOOT")]


# --- the beginning -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["configuration-modified", "software-modified"])
def test_L36_the_alarm_is_forwarded_analysed_and_a_procedure_begins(scene, name):
    nms = scene.subscribe("nms")
    scene.tamper(name, seconds=2)
    assert scene.heard(nms)[0]["notificationType"] == "notifyNewAlarm"
    assert scene.in_order("alarm ", "notifyNewAlarm", "case opened: P2", "note rung:")
    assert scene.case.fact["because"]
    assert scene.asked()


# --- configuration -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["configuration-modified", "clock-modified", "antenna-modified"])
def test_L38_manipulated_configuration_is_reconfigured(scene, name):
    scene.tamper(name)
    assert scene.rungs(scene.case) == ["reconfigure"]
    assert scene.henb.tampers == []
    assert scene.alarms() == []


def test_L39_1_the_hems_sets_what_is_wrong_over_tr_069(scene):
    good = scene.henb.tree.value(CONFIGURATION)
    scene.tamper("configuration-modified")
    first = next(each for each in scene.requests(m.SetParameterValues))
    assert [(each.name, each.value) for each in first.parameters] == [(CONFIGURATION, good)]
    assert first.parameter_key
    assert scene.henb.tree.value(CONFIGURATION) == good
    assert "RECONFIGURING" in scene.stages()


def test_L39_2_a_reboot_and_a_reconfiguration_follow_when_reconfiguration_fails(scene):
    scene.tamper("configuration-modified", until="reboot")
    assert scene.rungs(scene.case) == ["reconfigure", "reboot"]
    assert scene.did() == ["Reboot"]
    assert sets_the_configuration(scene)[-1] >= restarts(scene)[0]
    assert scene.henb.tree.value(CONFIGURATION) != ROGUE
    assert scene.end() == ("P2R", "closed", "REMEDIATED")


def test_L39_2_then_a_reset_to_factory_defaults_and_a_reconfiguration(scene):
    scene.tamper("configuration-modified", until="factory_reset")
    assert scene.rungs(scene.case) == ["reconfigure", "reboot", "factory_reset"]
    assert scene.did() == ["Reboot", "FactoryReset"]
    assert sets_the_configuration(scene)[-1] >= scene.informs("0 BOOTSTRAP")[0].at
    assert scene.henb.tree.value(CONFIGURATION) != ROGUE
    assert scene.end() == ("P2R", "closed", "REMEDIATED")


@pytest.mark.parametrize(("code", "tries"), [(9002, 2), (9001, 1)], ids=["it may pass", "it will not"])
def test_L39_2_a_fault_that_may_pass_is_tried_again_before_the_next_rung(scene, code, tries):
    scene.henb.faults = [Fault("SetParameterValues", code, times=tries)]
    scene.tamper("configuration-modified")
    (restart,) = restarts(scene)
    assert len([each for each in sets_the_configuration(scene) if each < restart]) == tries
    assert scene.rungs(scene.case) == ["reconfigure", "reboot"]
    assert scene.end() == ("P2R", "closed", "REMEDIATED")


@pytest.mark.row("S1 L42.2")
@pytest.mark.parametrize("name", ["configuration-modified", "software-modified"])
@pytest.mark.parametrize("initial", [Scene, Elsewhere], ids=["of this HeMS", "with a store of its own"])
def test_L39_2_a_reset_lands_at_the_initial_hems_and_the_ladder_goes_on_at_the_serving_one(name, initial):
    scene = provisioned(
        of=initial,
        policy=f"{POLICY}discovery: {{serving_hems: '{SERVING}'}}\n",
        nodes={"": {"initial"}, SERVING: {"serving"}},
    )
    assert scene.henb.acs_url == SERVING
    scene.tamper(name, until="factory_reset")
    came = [each.node for each in scene.informs("0 BOOTSTRAP")]
    assert came == (["", SERVING] if initial is Scene else [SERVING])
    at_initial = [each.message for each in scene.wire if each.node == "" and each.who == "HeMS"]
    told = [each for each in at_initial if isinstance(each, m.SetParameterValues)]
    assert {each.name for one in told for each in one.parameters} <= {"Device.ManagementServer.URL"}
    assert not any(isinstance(each, m.Reboot | m.FactoryReset | m.Download) for each in at_initial)
    assert scene.rungs(scene.case)[-1] == "factory_reset"
    assert scene.end()[1:] == ("closed", "REMEDIATED")
    assert scene.henb.acs_url == SERVING
    assert scene.device.provisioned_for == scene.henb.banks.running


def test_L39_2_every_rung_that_fails_is_told(scene):
    scene.tamper("configuration-modified", until="factory_reset")
    failed = [each for each in scene.comments() if each.endswith("of the reconfiguration ladder failed")]
    assert failed == [
        f"rung {each} of the reconfiguration ladder failed" for each in ("reconfigure", "reboot")
    ]


def test_L39_3_where_the_last_rung_fails_the_managers_have_it(scene):
    scene.tamper("configuration-modified", until="never")
    assert scene.rungs(scene.case) == ["reconfigure", "reboot", "factory_reset"]
    assert "extended remediation is needed for: reconfiguration" in scene.comments()
    assert scene.end() == ("P2R", "waiting", "EXTENDED")


@pytest.mark.row("S1 L42.3")
@pytest.mark.row("S1 L70")
@pytest.mark.parametrize(
    ("name", "what"),
    [("configuration-modified", "reconfiguration"), ("software-modified", "software reload")],
)
def test_L39_3_whatever_the_reason_a_trigger_begins_extended_remediation(name, what):
    scene = provisioned(distress=2)
    scene.tamper(name, until="never", seconds=10_000)
    assert scene.in_order(
        "note rung: factory_reset",
        f"notify extended remediation is needed for: {what}",
        "distress trigger",
        "notify the triggered session came over the standard path",
        "note rung: factory_reset",
        f"notify extended remediation is needed for: {what}",
    )
    assert [kind for kind, _ in scene.triggers] == ["IPsec2"]  # once in a case
    assert scene.end()[1:] == ("waiting", "EXTENDED")


def test_L39_3_a_last_try_after_the_trigger_may_help():
    scene = provisioned(distress=1)
    scene.henb.tamper("configuration-modified", scene.now, until="never")
    scene.wait(lambda: bool(scene.triggers))
    scene.henb.repair()
    scene.run(4000)
    assert scene.end() == ("P2R", "closed", "REMEDIATED")


def test_L39_3_where_the_policy_says_so_the_managers_have_it_at_once():
    scene = provisioned(distress=1, policy=f"{POLICY}distress: {{failed_ladder: managers}}\n")
    scene.tamper("configuration-modified", until="never")
    assert scene.triggers == []
    assert scene.end() == ("P2R", "waiting", "EXTENDED")


def test_L39_3_where_management_traffic_is_blocked_extended_remediation_begins_by_itself():
    scene = provisioned(distress=1)
    scene.wait_for_a_trigger()
    scene.cut_after_the_alarm("standard")
    scene.tamper("configuration-modified", until="reboot")
    assert "extended remediation is needed for: reconfiguration, rung reboot" in scene.comments()
    assert [kind for kind, _ in scene.triggers] == ["IPsec2"]
    assert scene.end() == ("P2R", "closed", "REMEDIATED")


# --- software ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["software-modified", "software-behaviour"])
def test_L41_manipulated_software_is_reloaded(scene, name):
    scene.tamper(name)
    assert scene.rungs(scene.case) == ["download"]
    assert (scene.henb.banks.running, scene.henb.tampers) == ("2.0.0", [])
    assert scene.alarms() == []


def test_L42_1_the_hems_has_software_downloaded_over_tr_069_and_then_reconfigures(scene):
    scene.henb.tree.set(CONFIGURATION, ROGUE)  # what the modified software did
    scene.tamper("software-modified")
    (download,) = scene.said("Download")
    (complete,) = scene.said("TransferComplete")
    assert download.message.file_type == "1 Firmware Upgrade Image"
    assert (complete.message.command_key, complete.message.fault.code) == (download.message.command_key, 0)
    assert "7 TRANSFER COMPLETE" in [each.code for each in scene.informs("M Download")[0].message.events]
    assert scene.henb.banks.running == "2.0.0"
    assert min(sets_the_configuration(scene)) >= complete.at
    assert scene.in_order("Download", "declared state", "writes", "note report", "case closed REMEDIATED")
    assert scene.henb.tree.value(CONFIGURATION) != ROGUE


def test_L42_2_a_reboot_and_a_download_follow_when_the_download_fails(scene):
    scene.tamper("software-modified", until="reboot")
    assert scene.rungs(scene.case) == ["download", "reboot"]
    assert scene.did() == ["Reboot", "Download"]
    assert scene.end() == ("P2S", "closed", "REMEDIATED")


def test_L42_2_then_a_reset_to_factory_defaults_and_a_download(scene):
    scene.tamper("software-modified", until="factory_reset")
    assert scene.rungs(scene.case) == ["download", "reboot", "factory_reset"]
    assert scene.did()[-3:] == ["Reboot", "FactoryReset", "Download"]
    assert scene.end() == ("P2S", "closed", "REMEDIATED")


def test_L42_3_where_no_rung_brings_good_software_the_managers_have_it(scene):
    scene.tamper("software-modified", until="never", seconds=8000)
    assert scene.rungs(scene.case) == ["download", "reboot", "factory_reset"]
    assert any(
        each.startswith("extended remediation is needed for: software reload") for each in scene.comments()
    )
    assert scene.end() == ("P2S", "waiting", "EXTENDED")


def test_L42_3_where_management_traffic_is_blocked_extended_remediation_begins_by_itself():
    scene = provisioned(distress=1)
    scene.wait_for_a_trigger()
    scene.cut_after_the_alarm("standard")
    scene.tamper("software-modified", seconds=8000)
    assert any(
        each.startswith("extended remediation is needed for: software reload") for each in scene.comments()
    )
    assert [kind for kind, _ in scene.triggers] == ["IPsec2"]
    assert "Download" in scene.asked(over="IPsec2")
    assert scene.henb.banks.running == "2.0.0"
    assert scene.end() == ("P2S", "closed", "REMEDIATED")


@pytest.mark.row("S1 L39.3")
@pytest.mark.parametrize("name", ["configuration-modified", "software-modified"])
def test_L42_3_where_no_path_is_left_that_ends_with_the_managers(name):
    scene = provisioned(distress=1)
    scene.cut_after_the_alarm(*EVERYTHING)
    scene.tamper(name, seconds=8000)
    assert scene.end()[1:] == ("waiting", "NO_COMMUNICATION")
    assert scene.comments()[-1] == "no communication possible"
