"""Logs and configuration are fetched before a ladder overwrites them, and never stop it."""

from __future__ import annotations

import hashlib

import pytest

from acs import devices as dev
from acs import remediation as rm
from acs.cwmp import messages as m
from acs.errors import AcsError
from acs.remediation import Environment, parse_policy
from acs.simulator import Fault, HeNB
from tests.world import World

SHIPPED = "extends: default\nname: evidence\n"


def _world(policy: str = SHIPPED) -> World:
    world = World(policy=policy)
    world.boot()
    return world


def _names(world: World, case: rm.Case) -> list[str]:
    return [each.name for each in world.journal(case)]


def test_log_and_configuration_are_fetched_before_the_software_is_replaced():
    world = _world()
    world.tamper("software-modified")
    (case,) = world.cases()
    assert case.outcome == "REMEDIATED"
    names = _names(world, case)
    assert names.count("Upload") == 2
    assert max(n for n, name in enumerate(names) if name == "Upload") < names.index("Download")
    files = [each for each in world.look(rm.timeline, case.id) if each.kind == "file"]
    assert [each.what.partition(",")[0] for each in files] == [
        "2 Vendor Log File",
        "1 Vendor Configuration File",
    ]
    sent = [hashlib.sha256(content).hexdigest() for content in world.uploads.values()]
    assert [each.sha256 for each in files] == sent
    noted = [each.detail for each in world.journal(case) if each.detail.startswith("evidence: ")]
    assert [each.rpartition(" ")[2] for each in noted] == sent
    exported = world.look(rm.export_case, case.id, who="somebody", now=world.now)
    assert [each.sha256 for each in exported.content.files] == sent


@pytest.mark.parametrize("name", ["configuration-modified", "circuit-modified"])
def test_the_shipped_policy_asks_nothing_before_a_reconfiguration_or_of_a_blocked_device(name):
    world = _world()
    world.tamper(name)
    (case,) = world.cases()
    assert _names(world, case).count("Upload") == 0


def test_a_policy_may_want_it_before_a_reconfiguration():
    world = _world(f"{SHIPPED}evidence: {{files: [configuration], procedures: [P2R, P2S]}}\n")
    world.tamper("configuration-modified")
    (case,) = world.cases()
    assert (case.outcome, _names(world, case).count("Upload")) == ("REMEDIATED", 1)


def test_a_case_collects_once_though_one_ladder_hands_over_to_the_other():
    world = _world(f"{SHIPPED}evidence: {{files: [logs], procedures: [P2R, P2S]}}\n")
    with world.conn.begin():
        interval = m.ParameterValue("Device.ManagementServer.PeriodicInformInterval", "777", "unsignedInt")
        dev.set_golden(world.conn, f"device:{world.key}", [interval])
    world.henb.faults = [Fault("SetParameterValues", 9002, times=2)]
    world.tamper("software-modified")
    (case,) = world.cases()
    assert "the reconfiguration after the download failed" in [each.detail for each in world.journal(case)]
    assert _names(world, case).count("Upload") == 1


def test_a_device_that_refuses_or_fails_to_send_is_remediated_all_the_same():
    world = _world()
    world.henb.faults = [Fault("Upload", 9011, times=9)]
    world.tamper("software-modified")
    (case,) = world.cases()
    assert (case.outcome, _names(world, case).count("Upload")) == ("REMEDIATED", 2)


def test_a_device_that_does_not_react_is_asked_once_and_waited_for_a_bounded_time(monkeypatch):
    due = HeNB.transfer_due

    def forgets_uploads(self, now):
        transfer = due(self, now)
        if transfer is None or transfer.is_download:
            return transfer
        self.transfers.done(transfer)
        return None

    monkeypatch.setattr(HeNB, "transfer_due", forgets_uploads)
    world = _world()
    world.tamper("software-modified")
    (case,) = world.cases()
    (step,) = [each for each in world.journal(case) if each.name == "Upload"]
    assert step.done_at - step.started_at == pytest.approx(120, abs=1)
    assert case.outcome == "REMEDIATED"
    assert "no evidence came" in [each.detail for each in world.journal(case)]


def test_a_hems_that_takes_no_files_remediates_without():
    world = _world()
    world.env = Environment(parse_policy(SHIPPED), world.env.file_url)
    world.tamper("software-modified")
    (case,) = world.cases()
    assert case.outcome == "REMEDIATED"
    uploads = [each for each in world.look(rm.timeline, case.id) if each.what == "Upload"]
    assert {(each.outcome, each.fault_code) for each in uploads} == {("failed", 9003)}


def test_a_wrong_policy_is_refused_by_name():
    with pytest.raises(AcsError, match=r"evidence.timeout is 0"):
        parse_policy("extends: default\nevidence: {timeout: 0}\n")
    with pytest.raises(AcsError, match="memory"):
        parse_policy("extends: default\nevidence: {files: [memory]}\n")
