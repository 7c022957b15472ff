"""A playbook calls every RPC; the HeMS and the HeNB do them, on a good line and on a bad one."""

from __future__ import annotations

import base64
import random

import pytest

from acs import commands as cm
from acs import remediation as rm
from acs.cwmp import messages as m
from acs.remediation.playbooks import PLAYBOOKS, Result
from tests.world import World

NTP = "Device.Time.NTPServer1"
PLMN = "Device.Services.FAPService.1.CellConfig.LTE.EPC.PLMNList."
UNIT = "6f8a1f66-2b9e-5d10-8a3e-0123456789ab"
URL = "https://files.example/unit-1.0.tar"
BECAUSE = "to try it"


def play(monkeypatch, playbook, seconds=4000, **options):
    """Let ``playbook`` be what a case runs, and return its world and what it noted in ``seen``."""
    seen: dict[str, object] = {}

    async def run(case):
        seen.clear()
        await playbook(case, seen)
        return Result("REMEDIATED", "all of it was done")

    monkeypatch.setitem(PLAYBOOKS, ("reconfiguration", "1"), run)
    world = World(**options)
    world.boot()
    world.tamper("configuration-modified", seconds=seconds)
    return world, seen


async def everything(case, seen):
    """Call each RPC once, and keep what it said."""

    async def keep(name, awaitable):
        found = await awaitable
        outcome, value = found if isinstance(found, tuple) else (found, None)
        assert outcome.ok, (name, outcome)
        seen[name] = value

    image = await case.approved_image()
    window = m.TimeWindow(60, 600, "2 Immediately")
    await keep("methods", case.methods(because=BECAUSE))
    await keep("get_values", case.get_values([NTP], because=BECAUSE))
    await keep("set_values", case.set_values([m.ParameterValue(NTP, "a.example")], because=BECAUSE))
    await keep("get_names", case.get_names("Device.Time.", because=BECAUSE))
    wanted = m.SetParameterAttributes((m.SetParameterAttribute(NTP, 1, ("Subscriber",)),))
    await keep("set_attributes", case.set_attributes(wanted, because=BECAUSE))
    await keep("get_attributes", case.get_attributes([NTP], because=BECAUSE))
    await keep("add_object", case.add_object(PLMN, because=BECAUSE))
    await keep("delete_object", case.delete_object(f"{PLMN}{seen['add_object']}.", because=BECAUSE))
    await keep("set_vouchers", case.set_vouchers([base64.b64encode(b"LIPA").decode()], because=BECAUSE))
    await keep("get_options", case.get_options(because=BECAUSE))
    await keep("change", case.change_du_state([m.InstallOperation(URL, UNIT)], because=BECAUSE))
    await keep("vendor", case.vendor("X_0005B9_Echo", [("A", "1 < 2")], namespace="urn:v", because=BECAUSE))
    await keep("upload", case.upload("4 Vendor Log File 1", because=BECAUSE))
    await keep("queued", case.queued_transfers(because=BECAUSE))
    await keep("asked", case.asked_transfers(because=BECAUSE))
    await keep("cancel", case.cancel_transfer("nothing", because=BECAUSE))
    await keep("schedule_inform", case.schedule_inform(30, because=BECAUSE))
    await keep("scheduled", case.schedule_download(image, [window], because=BECAUSE))
    await keep("download", case.download(image, because=BECAUSE))
    await keep("reboot", case.reboot(because=BECAUSE))
    await keep("factory_reset", case.factory_reset(because=BECAUSE))


def test_a_playbook_can_call_every_rpc(monkeypatch):
    world, seen = play(monkeypatch, everything)
    case = world.cases()[0]
    assert (case.outcome, case.because) == ("REMEDIATED", "all of it was done")
    steps = {each.name for each in world.journal(case)}
    assert steps >= {*m.CPE_METHODS, "X_0005B9_Echo"}
    assert set(seen["methods"]) >= set(m.CPE_METHODS)
    assert "Device.Time.NTPServer1" in {each.name for each in seen["get_names"]}
    assert seen["get_attributes"] == {NTP: m.ParameterAttribute(NTP, 1, ("Subscriber",))}
    assert [each.option_name for each in seen["get_options"]] == ["LIPA"]
    assert [(each.uuid, each.current_state) for each in seen["change"]] == [(UNIT, "Installed")]
    assert seen["vendor"] == (("A", "1 < 2"),)
    (log,) = world.uploads.values()
    assert b"ChangeDUState" in log
    done = [each.method for each in world.henb.executed]
    assert done[-4:] == ["ScheduleDownload", "Download", "Reboot", "FactoryReset"]


@pytest.mark.parametrize("seed", range(3))
def test_on_a_line_that_loses_messages_nothing_is_done_twice(monkeypatch, seed):
    chance = random.Random(seed)
    world, _ = play(monkeypatch, everything, 30_000, lose=lambda where: chance.random() < 0.03)
    keys = [(each.method, each.command_key) for each in world.henb.executed if each.command_key]
    assert len(keys) == len(set(keys))


async def failing(case, seen):
    values = [m.ParameterValue(NTP, "x"), m.ParameterValue("Device.Nothing", "1"), m.ParameterValue(NTP, "y")]
    seen["set"] = await case.set_values(values[:2], because=BECAUSE)
    other = m.UninstallOperation("00000000-0000-0000-0000-000000000000")
    seen["change"] = await case.change_du_state([m.InstallOperation(URL, UNIT), other], because=BECAUSE)
    seen["vendor"] = await case.vendor("X_0005B9_Sing", because=BECAUSE)
    seen["add"] = await case.add_object("Device.Time.", because=BECAUSE)


def test_what_fails_tells_a_playbook_which_part_of_it_did(monkeypatch):
    _, seen = play(monkeypatch, failing)
    assert [(each.parameter_name, each.code) for each in seen["set"].parameter_faults] == [
        ("Device.Nothing", 9005)
    ]
    outcome, results = seen["change"]
    assert (outcome.ok, outcome.fault_code) == (False, 9028)
    assert [(each.current_state, each.fault.code) for each in results] == [("Installed", 0), ("Failed", 9028)]
    assert seen["vendor"][0].fault_code == 9000
    assert seen["add"] == (seen["add"][0], None)
    assert seen["add"][0].fault_code == 9005


async def cancelling(case, seen):
    image = await case.approved_image()
    window = m.TimeWindow(3000, 3600, "2 Immediately")
    seen["outcome"] = await case.schedule_download(image, [window], because=BECAUSE)


def test_a_transfer_that_is_cancelled_on_the_device_is_waited_for_no_longer(monkeypatch):
    from acs import commands as cm

    world, seen = play(monkeypatch, cancelling, 60)
    assert len(world.henb.transfers) == 1
    (waiting,) = [each for each in world.look(cm.open_commands, world.device.id) if each.state == "accepted"]
    with world.conn.begin():
        request = m.CancelTransfer(waiting.command_key)
        cm.enqueue(world.conn, world.device.id, request, command_key="op", purpose="operator", now=world.now)
    world.run(60)
    assert len(world.henb.transfers) == 0
    assert seen["outcome"].state == "cancelled"
    assert world.look(cm.find_command, waiting.id).fault_string == "withdrawn by CancelTransfer"


def test_a_command_of_a_case_that_a_person_withdraws_is_not_waited_for(monkeypatch):
    lost: list[int] = []

    async def playbook(case, seen):
        lost.append(1)
        seen["reboot"] = await case.reboot(because=BECAUSE)

    world, seen = play(monkeypatch, playbook, seconds=5, lose=lambda where: bool(lost))
    assert seen == {}
    with world.conn.begin():
        [reboot] = [each for each in cm.list_commands(world.conn) if each.method == "Reboot"]
        withdrawn = cm.cancel(world.conn, reboot.id, now=world.now)
        rm.command_withdrawn(world.conn, withdrawn, now=world.now)
    world.run(1)
    assert seen["reboot"].state == "cancelled"
    assert world.cases()[0].outcome == "REMEDIATED"
