"""At most once: where an answer was lost, evidence decides what became of the command."""

from __future__ import annotations

from typing import Any

import pytest

from acs import commands as cm
from acs import devices as dev
from acs.commands import Recovery
from acs.cwmp import events as ev
from acs.cwmp import messages as m
from acs.store import Store

NOW = 1000.0
BOOTED = (m.Event(ev.BOOT),)
RESET = (m.Event(ev.BOOTSTRAP), m.Event(ev.BOOT))
NOTHING = (m.Event(ev.PERIODIC),)
DOWNLOAD = m.Download("k", "1 Firmware Upgrade Image", "https://acs/x")


def rebooted(*keys: str) -> tuple[m.Event, ...]:
    return (*BOOTED, *(m.Event("M Reboot", key) for key in keys))


class Queue:
    """The queue of one device, in terse words."""

    def __init__(self, store: Store, device: int) -> None:
        self.store, self.device, self.epoch, self.now = store, device, 1, NOW

    async def put(self, message: m.Message, key: str = "k", **other: Any) -> int:
        made = await self.store.write(
            cm.enqueue, self.device, message, command_key=key, purpose="operator", now=self.now, **other
        )
        return made.id

    async def send(self) -> m.Message | None:
        found = await self.store.write(cm.next_command, self.device, self.epoch, now=self.now)
        return found[1] if found else None

    async def answer(self, command: int, message: m.Message) -> list[cm.Command]:
        return await self.store.write(cm.settle, command, message, epoch=self.epoch, now=self.now)

    async def inform(self, events: tuple[m.Event, ...] = NOTHING) -> list[cm.Command]:
        """Open a new session."""
        self.epoch += 1
        return await self.store.write(cm.informed, self.device, events, epoch=self.epoch, now=self.now)

    async def complete(self, key: str = "k", code: int = 0, text: str = "") -> list[cm.Command]:
        message = m.TransferComplete(key, m.FaultStruct(code, text), m.UNKNOWN_TIME, m.UNKNOWN_TIME)
        return await self.store.write(cm.transfer_complete, self.device, message, now=self.now)

    async def look(self, command: int) -> cm.Command:
        found = await self.store.read(cm.find_command, command)
        assert found is not None
        return found

    async def lost(self, message: m.Message) -> int:
        """Send a command whose answer is lost."""
        command = await self.put(message)
        assert await self.send() == message
        return command

    async def accepted(self, message: m.Message) -> int:
        """Send a command that the device accepts."""
        command = await self.lost(message)
        assert await self.answer(command, m.response_of(type(message))()) == []
        assert (await self.look(command)).state == "accepted"
        return command


@pytest.fixture
async def queue(store: Store) -> Queue:
    return Queue(store, (await store.write(dev.register, "0005B9", "1", now=NOW)).id)


@pytest.mark.parametrize(
    ("method", "recovery"),
    [
        *((name, Recovery.SEND_AGAIN) for name in ("GetParameterValues", "SetParameterValues", "GetOptions")),
        *((name, Recovery.SEND_AGAIN) for name in ("CancelTransfer", "ScheduleInform", "GetRPCMethods")),
        *((name, Recovery.SEND_AGAIN) for name in ("SetParameterAttributes", "GetAllQueuedTransfers")),
        *((name, Recovery.UNKNOWN) for name in ("AddObject", "DeleteObject", "SetVouchers")),
        ("ChangeDUState", Recovery.REPORT_TELLS),
        *((name, Recovery.QUEUE_TELLS) for name in ("Download", "Upload", "ScheduleDownload")),
        *((name, Recovery.UNKNOWN) for name in ("X_VENDOR_Do", "GetVendorThing", "Inform")),
        ("Reboot", Recovery.BOOT_TELLS),
        ("FactoryReset", Recovery.BOOTSTRAP_TELLS),
    ],
)
def test_every_method_has_its_way_of_recovery(method: str, recovery: Recovery) -> None:
    assert cm.recovery_of(method) is recovery


def test_no_method_of_the_device_is_forgotten() -> None:
    for method in m.CPE_METHODS:
        unsafe = not method.startswith(("Get", "Set", "Cancel", "Schedule")) or method == "SetVouchers"
        assert (cm.recovery_of(method) is not Recovery.SEND_AGAIN) == unsafe or method == "ScheduleDownload"


@pytest.mark.parametrize("events", [rebooted("k"), rebooted("other", "k"), BOOTED, RESET])
@pytest.mark.parametrize("seen", [True, False])
async def test_a_boot_completes_a_reboot(queue: Queue, events: tuple[m.Event, ...], seen: bool) -> None:
    reboot = await (queue.accepted if seen else queue.lost)(m.Reboot("k"))
    [settled] = await queue.inform(events)
    assert (settled.id, settled.state, settled.settled_at) == (reboot, "succeeded", NOW)
    assert await queue.send() is None


async def test_a_reboot_without_a_boot_is_sent_again_five_times_at_most(queue: Queue) -> None:
    reboot = await queue.lost(m.Reboot("k"))
    for _ in range(4):
        queue.now += 60
        assert await queue.inform() == []
        assert await queue.send() == m.Reboot("k")
    queue.now += 60
    [settled] = await queue.inform()
    assert (settled.id, settled.state) == (reboot, "failed")
    assert settled.fault_string == "sent 5 times, never answered"
    assert await queue.send() is None


@pytest.mark.parametrize("message", [m.Reboot("k"), m.FactoryReset()], ids=m.method_name)
async def test_a_device_that_may_be_about_to_restart_is_given_time(queue: Queue, message) -> None:
    await queue.lost(message)
    await queue.put(m.GetParameterValues(("X",)), key="other")
    for queue.now in (NOW + 1, NOW + 30, NOW + 59):
        assert await queue.inform() == []
        assert await queue.send() is None
    queue.now = NOW + 60
    assert await queue.inform() == []
    assert await queue.send() == message


async def test_the_boot_of_another_reboot_does_not_complete_this_one(queue: Queue) -> None:
    await queue.lost(m.Reboot("k"))
    assert await queue.inform(rebooted("other")) == []
    assert await queue.send() == m.Reboot("k")


async def test_an_accepted_reboot_waits_for_its_boot(queue: Queue) -> None:
    reboot = await queue.accepted(m.Reboot("k"))
    assert await queue.inform() == []
    assert await queue.inform(rebooted("other")) == []
    assert await queue.send() is None
    [settled] = await queue.inform(rebooted("k"))
    assert settled.id == reboot


async def test_a_boot_says_nothing_of_a_reboot_that_was_not_sent(queue: Queue) -> None:
    await queue.put(m.Reboot("k"))
    assert await queue.inform(rebooted("k")) == []
    assert await queue.send() == m.Reboot("k")


@pytest.mark.parametrize("seen", [True, False])
async def test_a_bootstrap_completes_a_factory_reset(queue: Queue, seen: bool) -> None:
    reset = await (queue.accepted if seen else queue.lost)(m.FactoryReset())
    [settled] = await queue.inform(RESET)
    assert (settled.id, settled.state) == (reset, "succeeded")


async def test_a_factory_reset_without_bootstrap_is_sent_again(queue: Queue) -> None:
    await queue.lost(m.FactoryReset())
    assert await queue.inform(BOOTED) == []
    assert await queue.send() == m.FactoryReset()


@pytest.mark.parametrize(
    "message", [m.GetParameterValues(("X",)), m.SetParameterValues((m.ParameterValue("Device.X", "v"),), "p")]
)
async def test_what_may_be_done_twice_is_sent_again_five_times_at_most(queue: Queue, message) -> None:
    await queue.lost(message)
    for _ in range(4):
        assert await queue.inform() == []
        assert await queue.send() == message
    [settled] = await queue.inform()
    assert settled.state == "failed"


@pytest.mark.parametrize("message", [m.AddObject("X."), m.DeleteObject("X.1."), m.SetVouchers(())])
async def test_what_must_not_be_done_twice_fails_with_its_outcome_unknown(queue: Queue, message) -> None:
    await queue.lost(message)
    [settled] = await queue.inform()
    assert (settled.state, settled.fault_code) == ("failed", None)
    assert settled.fault_string.startswith("outcome unknown")
    assert await queue.send() is None


async def test_a_command_of_this_very_session_is_still_outstanding(queue: Queue) -> None:
    command = await queue.lost(m.AddObject("X."))
    settled = await queue.store.write(cm.informed, queue.device, NOTHING, epoch=queue.epoch, now=NOW)
    assert settled == []
    assert (await queue.look(command)).state == "sent"


async def test_a_transfer_ends_with_its_transfer_complete(queue: Queue) -> None:
    download = await queue.accepted(DOWNLOAD)
    assert await queue.complete("other") == []
    [settled] = await queue.complete()
    assert (settled.id, settled.state) == (download, "succeeded")
    assert isinstance(settled.answer, m.TransferComplete)
    assert await queue.complete() == []  # the device says it again


async def test_a_transfer_that_failed_fails_with_its_fault(queue: Queue) -> None:
    await queue.accepted(DOWNLOAD)
    [settled] = await queue.complete(code=9018, text="corrupted")
    assert (settled.state, settled.fault_code, settled.fault_string) == ("failed", 9018, "corrupted")


async def test_an_empty_key_is_taken_for_the_only_open_transfer(queue: Queue) -> None:
    first = await queue.accepted(DOWNLOAD)
    second = await queue.put(m.Upload("k2", "1", "u"), "k2")
    [settled] = await queue.complete("")  # the other was never sent
    assert settled.id == first
    await queue.send()
    await queue.answer(second, m.UploadResponse())
    third = await queue.put(m.Download("k3", "1", "u"), "k3")
    await queue.send()
    await queue.answer(third, m.DownloadResponse())
    assert await queue.complete("") == []  # which of two is it?


async def test_a_lost_answer_to_a_transfer_is_probed_for_before_anything_else(queue: Queue) -> None:
    download = await queue.lost(DOWNLOAD)
    await queue.put(m.Reboot("r"), "r", priority=1)
    assert await queue.inform() == []
    assert await queue.send() == m.GetAllQueuedTransfers()
    assert (await queue.look(download)).state == "sent"


async def probe(queue: Queue, answer: m.Message) -> list[cm.Command]:
    assert await queue.send() == m.GetAllQueuedTransfers()
    asked = await queue.store.read(cm.outstanding, queue.device, queue.epoch)
    assert asked is not None
    return await queue.answer(asked.id, answer)


async def test_a_transfer_that_the_device_does_not_know_is_sent_again(queue: Queue) -> None:
    download = await queue.lost(DOWNLOAD)
    for _ in range(4):
        await queue.inform()
        others = (m.QueuedTransfer("another", 2),)
        assert await probe(queue, m.GetAllQueuedTransfersResponse(others)) == []
        assert await queue.send() == DOWNLOAD
    await queue.inform()
    [settled] = await probe(queue, m.GetAllQueuedTransfersResponse())
    assert (settled.id, settled.state) == (download, "failed")


@pytest.mark.parametrize(
    "answer",
    [
        m.GetAllQueuedTransfersResponse((m.QueuedTransfer("k", 1),)),
        m.Fault(9000, "Method not supported"),
    ],
    ids=["it knows the transfer", "it cannot tell"],
)
async def test_a_transfer_that_may_be_going_on_is_waited_for(queue: Queue, answer: m.Message) -> None:
    download = await queue.lost(DOWNLOAD)
    await queue.inform()
    assert await probe(queue, answer) == []
    assert (await queue.look(download)).state == "accepted"
    assert await queue.send() is None
    [settled] = await queue.complete()
    assert settled.succeeded


async def test_a_transfer_complete_makes_the_probe_pointless(queue: Queue) -> None:
    await queue.lost(DOWNLOAD)
    await queue.inform()
    [settled] = await queue.complete()
    assert settled.succeeded
    assert await probe(queue, m.GetAllQueuedTransfersResponse()) == []
    assert await queue.send() is None


async def test_a_probe_that_is_lost_itself_is_sent_again(queue: Queue) -> None:
    download = await queue.lost(DOWNLOAD)
    await queue.inform()
    assert await queue.send() == m.GetAllQueuedTransfers()
    await queue.inform()
    assert await probe(queue, m.GetAllQueuedTransfersResponse()) == []
    assert await queue.send() == DOWNLOAD
    assert (await queue.look(download)).attempts == 2


async def test_a_late_transfer_complete_settles_a_transfer_that_was_queued_again(queue: Queue) -> None:
    download = await queue.lost(DOWNLOAD)
    await queue.inform()
    await probe(queue, m.GetAllQueuedTransfersResponse())
    assert (await queue.look(download)).state == "queued"
    [settled] = await queue.complete()
    assert settled.succeeded
    assert await queue.send() is None


def operation(code: int = 0) -> m.OperationResult:
    return m.OperationResult("u", "", "1", "Installed", True, "", "", "", m.FaultStruct(code, "why"))


@pytest.mark.parametrize(("codes", "state"), [((0, 0), "succeeded"), ((0, 9023, 9028), "failed")])
async def test_deployment_units_end_with_their_report(queue: Queue, codes, state: str) -> None:
    await queue.accepted(m.ChangeDUState("k", ()))
    await queue.put(m.ChangeDUState("k2", ()), "k2")
    await queue.put(m.Reboot("r"), "r")
    results = tuple(operation(code) for code in codes)
    report = m.DUStateChangeComplete(results, "k")
    [settled] = await queue.store.write(cm.du_state_change_complete, queue.device, report, now=NOW)
    assert (settled.state, settled.fault_code) == (state, codes[1] or None)
    assert settled.answer == report
    assert await queue.store.write(cm.du_state_change_complete, queue.device, report, now=NOW) == []


@pytest.mark.parametrize("events", [NOTHING, (m.Event("M ChangeDUState", "k"),)])
async def test_a_change_of_units_whose_answer_was_lost_ends_with_its_report(queue: Queue, events) -> None:
    change = await queue.lost(m.ChangeDUState("k", ()))
    assert await queue.inform(events) == []
    assert await queue.send() is None  # it is not sent twice
    report = m.DUStateChangeComplete((operation(),), "k")
    [settled] = await queue.store.write(cm.du_state_change_complete, queue.device, report, now=NOW)
    assert (settled.id, settled.state, settled.answer) == (change, "succeeded", report)


async def test_a_change_of_units_of_which_nothing_is_heard_is_given_up_in_time(queue: Queue) -> None:
    change = await queue.lost(m.ChangeDUState("k", ()))
    await queue.inform()
    [given_up] = await queue.store.write(cm.expire_overdue, now=NOW + 8 * 86400, limit=10)
    assert (given_up.id, given_up.state) == (change, "expired")
    assert "did not tell the end of it" in given_up.fault_string


@pytest.mark.parametrize("message", [m.Reboot("k"), m.FactoryReset()], ids=m.method_name)
async def test_a_device_that_only_says_that_it_restarts_does_not_stop_its_queue(
    queue: Queue, message
) -> None:
    restart = await queue.accepted(message)
    await queue.put(m.GetParameterValues(("X",)), key="other")

    async def came(events: tuple[m.Event, ...]) -> list[cm.Command]:
        await queue.inform(events)
        return await queue.store.write(cm.never_restarted, queue.device, events, now=queue.now)

    queue.now = NOW + 599
    assert await came(NOTHING) == []
    assert await queue.send() is None
    queue.now = NOW + 600
    assert await came(rebooted("another")) == []  # who restarts may yet do it
    [given_up] = await came(NOTHING)
    assert (given_up.id, given_up.state) == (restart, "failed")
    assert given_up.fault_string == "it was accepted 600 s ago and not done"
    assert await queue.send() == m.GetParameterValues(("X",))


@pytest.mark.parametrize("told", [(), (m.Event("7 TRANSFER COMPLETE"),)])
async def test_another_software_version_ends_a_download_of_which_the_device_tells_nothing(queue, told):
    command = await queue.lost(DOWNLOAD)
    assert await queue.answer(command, m.DownloadResponse(1)) == []
    queue.epoch += 1
    settled = await queue.store.write(
        cm.informed, queue.device, (*BOOTED, *told), epoch=queue.epoch, now=queue.now, other_version=True
    )
    assert [each.id for each in settled] == ([] if told else [command])
