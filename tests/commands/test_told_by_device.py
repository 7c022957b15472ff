"""Commands that end by what the device tells on its own: transfers, deployment units, a new version."""

from __future__ import annotations

import pytest

from acs import commands as cm
from acs.cwmp import messages as m
from acs.store import Store
from tests.commands.test_evidence import DOWNLOAD, NOW, Queue
from tests.commands.test_evidence import queue as queue  # noqa: PLC0414 - a fixture

UNIT = "6f8a1f66-2b9e-5d10-8a3e-0123456789ab"
CHANGE = m.ChangeDUState("k", (m.InstallOperation("https://h/u", UNIT), m.UninstallOperation(UNIT)))


def result(state: str = "Installed", code: int = 0, text: str = "") -> m.OperationResult:
    fault = m.FaultStruct(code, text)
    at = m.UNKNOWN_TIME
    return m.OperationResult(UNIT, "Device.S.1", "1.0", state, True, "", at, at, fault)


async def changed(queue: Queue, *results: m.OperationResult, key: str = "k") -> list[cm.Command]:
    message = m.DUStateChangeComplete(results, key)
    return await queue.store.write(cm.du_state_change_complete, queue.device, message, now=NOW)


@pytest.mark.parametrize("key", ["k", ""])
async def test_deployment_units_are_changed_when_the_device_says_so(queue: Queue, key: str) -> None:
    command = await queue.accepted(CHANGE)
    [done] = await changed(queue, result(), result("Uninstalled"), key=key)
    assert (done.id, done.state) == (command, "succeeded")
    assert [each.current_state for each in done.answer.results] == ["Installed", "Uninstalled"]
    assert await changed(queue, result(), key=key) == []


async def test_one_operation_that_fails_fails_the_command_and_all_results_are_kept(queue: Queue) -> None:
    await queue.accepted(CHANGE)
    [done] = await changed(queue, result(), result("Failed", 9028, "not there"))
    assert (done.state, done.fault_code, done.fault_string) == ("failed", 9028, "not there")
    assert [each.fault.code for each in done.answer.results] == [0, 9028]


async def test_results_are_bounded(queue: Queue) -> None:
    await queue.accepted(CHANGE)
    [done] = await changed(queue, *[result("Failed", 9028, "x" * 5000)] * 500)
    assert len(done.result) < 64 * 1024


async def test_what_belongs_to_no_command_changes_nothing(queue: Queue) -> None:
    await queue.accepted(CHANGE)
    assert await changed(queue, result(), key="other") == []
    other = m.DUStateChangeComplete((result(),), "")
    assert await queue.store.write(cm.du_state_change_complete, queue.device + 1, other, now=NOW) == []


async def test_a_device_of_cwmp_1_0_is_asked_for_its_transfers_as_it_can_tell_them(
    queue: Queue, store: Store
) -> None:
    await queue.lost(DOWNLOAD)

    def speak(conn) -> None:
        from sqlalchemy import update

        from acs.store.tables import devices

        conn.execute(update(devices).values(cwmp_namespace=m.CWMP_1_0))

    await store.write(speak)
    await queue.inform()
    assert await queue.send() == m.GetQueuedTransfers()
    [probe] = [each for each in await store.read(cm.list_commands) if each.method == "GetQueuedTransfers"]
    assert await queue.answer(probe.id, m.GetQueuedTransfersResponse(())) == []
    assert await queue.send() == DOWNLOAD
