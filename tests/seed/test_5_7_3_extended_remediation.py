"""S1 5.7.3 (L51): what extended remediation is for, and what both sides have for it."""

from __future__ import annotations

from acs import distress as ds
from tests.seed.scene import provisioned


def test_L51_1_a_fault_is_solved_remotely_though_the_path_between_henb_and_hems_is_broken():
    scene = provisioned(distress=1)
    scene.cut_after_the_alarm("standard")
    scene.tamper("configuration-modified", until="reboot")
    assert scene.end() == ("P2R", "closed", "REMEDIATED")
    assert "standard" in scene.cut
    assert scene.henb.tampers == []
    assert scene.henb.state == "running"


def test_L51_2_henb_and_hems_know_the_same_distress_channels():
    scene = provisioned(distress=3)
    at_the_hems = scene.look(ds.paths_of, scene.device, scene.env.distress_paths)
    at_the_henb = scene.henb.distress.paths
    assert [each.kind for each in at_the_hems] == [each.kind for each in at_the_henb] == list(ds.KINDS)


def test_L51_2_henb_and_hems_both_know_emergency_remediation():
    scene = provisioned(emergency_available=True, roles=("serving", "emergency"))
    scene.help_itself("software-modified")
    assert {"EMERGENCY_BOOT", "EMERGENCY_DOWNLOAD"} <= set(scene.stages())
    assert scene.end() == ("EM", "closed", "REMEDIATED")
