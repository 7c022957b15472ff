"""The command queue: enqueue, hand over, settle."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection

from acs import commands as cm
from acs import devices as dev
from acs.cwmp import messages as m
from acs.errors import AcsError
from acs.store import Store
from tests.conftest import Clock

GET = m.GetParameterValues(("Device.X",))
NOW = 1000.0


def put(conn: Connection, device_id: int, message: m.Message, key: str, **other: Any) -> cm.Command:
    return cm.enqueue(
        conn, device_id, message, command_key=key, **{"purpose": "operator", "now": NOW, **other}
    )


def send(conn: Connection, device_id: int, epoch: int = 1, now: float = NOW) -> str | None:
    """Hand over the next command; return its key."""
    found = cm.next_command(conn, device_id, epoch, now=now)
    return found[0].command_key if found else None


@pytest.fixture
async def device(store: Store, clock: Clock) -> int:
    return (await store.write(dev.register, "0005B9", "1", now=NOW)).id


async def test_a_command_is_queued_once_for_its_key(store: Store, device: int) -> None:
    heard: list[str] = []
    store.on("commands", heard.append)
    first = await store.write(put, device, GET, "k", case_id=3)
    again = await store.write(put, device, m.Reboot("k"), "k", priority=1)
    assert again == first
    assert (first.state, first.method, first.attempts, first.case_id) == (
        "queued",
        "GetParameterValues",
        0,
        3,
    )
    assert first.message == GET
    assert first.answer is None
    assert not first.succeeded
    assert len(await store.read(cm.list_commands)) == 1
    assert heard == [str(device)]


@pytest.mark.parametrize("key", ["", "x" * 33])
async def test_a_command_key_has_1_to_32_characters(store: Store, device: int, key: str) -> None:
    with pytest.raises(AcsError, match="1 to 32"):
        await store.write(put, device, GET, key)
    await store.write(put, device, GET, "x" * 32)


async def test_lower_priority_goes_first_then_the_older(store: Store, device: int) -> None:
    for key, priority in (("a", 5), ("b", 5), ("c", 1), ("d", 9)):
        await store.write(put, device, GET, key, priority=priority)
    assert [await store.write(send, device) for _ in range(5)] == ["c", "a", "b", "d", None]


async def test_a_command_goes_to_its_own_device(store: Store, device: int) -> None:
    other = (await store.write(dev.register, "0005B9", "2", now=NOW)).id
    await store.write(put, device, GET, "k")
    assert await store.write(send, other) is None


async def test_handing_over_marks_the_command_sent_in_that_session(store: Store, device: int) -> None:
    made = await store.write(put, device, GET, "k")
    sent, message = await store.write(cm.next_command, device, 7, now=NOW + 1)
    assert message == GET
    assert (sent.state, sent.session_epoch, sent.sent_at, sent.attempts) == ("sent", 7, NOW + 1, 1)
    assert await store.read(cm.outstanding, device, 7) == sent
    assert await store.read(cm.outstanding, device, 8) is None
    assert await store.read(cm.find_command, made.id) == sent
    assert await store.read(cm.find_command, 99) is None


async def test_an_answer_settles_the_command_and_is_kept(store: Store, device: int) -> None:
    command = await store.write(put, device, GET, "k")
    await store.write(send, device)
    answer = m.GetParameterValuesResponse((m.ParameterValue("Device.X", "1"),))
    [settled] = await store.write(cm.settle, command.id, answer, epoch=1, now=NOW + 2)
    assert settled.succeeded
    assert (settled.answer, settled.settled_at) == (answer, NOW + 2)
    assert await store.read(cm.outstanding, device, 1) is None


async def test_a_fault_fails_the_command(store: Store, device: int) -> None:
    command = await store.write(put, device, GET, "k")
    await store.write(send, device)
    fault = m.Fault(9005, "x" * 300)
    [settled] = await store.write(cm.settle, command.id, fault, epoch=1, now=NOW)
    assert (settled.state, settled.fault_code, settled.fault_string) == ("failed", 9005, "x" * 256)


async def test_an_answer_of_another_session_or_to_nothing_changes_nothing(store: Store, device: int) -> None:
    command = await store.write(put, device, GET, "k")
    answer = m.GetParameterValuesResponse()
    assert await store.write(cm.settle, command.id, answer, epoch=1, now=NOW) == []  # not yet sent
    await store.write(send, device, 2)
    assert await store.write(cm.settle, command.id, answer, epoch=1, now=NOW) == []
    assert await store.write(cm.settle, 99, answer, epoch=2, now=NOW) == []
    assert len(await store.write(cm.settle, command.id, answer, epoch=2, now=NOW)) == 1
    assert await store.write(cm.settle, command.id, m.Fault(9002, ""), epoch=2, now=NOW) == []
    found = await store.read(cm.find_command, command.id)
    assert found is not None
    assert found.succeeded


@pytest.mark.parametrize(
    ("request_", "answer", "state"),
    [
        (m.Reboot("k"), m.RebootResponse(), "accepted"),
        (m.FactoryReset(), m.FactoryResetResponse(), "accepted"),
        (m.Download("k", "1", "u"), m.DownloadResponse(1), "accepted"),
        (m.Download("k", "1", "u"), m.DownloadResponse(0), "succeeded"),
        (m.Upload("k", "1", "u"), m.UploadResponse(1), "accepted"),
        (m.Upload("k", "1", "u"), m.UploadResponse(0), "succeeded"),
        (m.ScheduleDownload("k", "1", "u"), m.ScheduleDownloadResponse(), "accepted"),
        (m.ChangeDUState("k", ()), m.ChangeDUStateResponse(), "accepted"),
        (
            m.SetParameterValues((m.ParameterValue("Device.X", "v"),), "p"),
            m.SetParameterValuesResponse(1),
            "succeeded",
        ),
        (m.AddObject("Device.X."), m.AddObjectResponse(1), "succeeded"),
        (m.Reboot("k"), m.Fault(9001, "denied"), "failed"),
    ],
)
async def test_what_takes_effect_later_is_only_accepted(
    store: Store, device: int, request_: m.Message, answer: m.Message, state: str
) -> None:
    command = await store.write(put, device, request_, "k")
    await store.write(send, device)
    settled = await store.write(cm.settle, command.id, answer, epoch=1, now=NOW)
    found = await store.read(cm.find_command, command.id)
    assert found is not None
    assert found.state == state
    assert settled == ([] if state == "accepted" else [found])


@pytest.mark.parametrize("method", [m.Reboot("k"), m.FactoryReset()])
async def test_nothing_is_sent_while_a_reboot_is_accepted(store: Store, device: int, method) -> None:
    command = await store.write(put, device, method, "k")
    await store.write(put, device, GET, "later")
    await store.write(send, device)
    await store.write(cm.settle, command.id, m.response_of(type(method))(), epoch=1, now=NOW)
    assert await store.write(send, device) is None
    await store.write(cm.cancel, command.id, now=NOW)
    assert await store.write(send, device) == "later"


async def test_a_command_whose_time_is_over_is_not_sent(store: Store, device: int) -> None:
    old = await store.write(put, device, GET, "old", expires_at=NOW + 5)
    await store.write(put, device, GET, "new", expires_at=NOW + 50)
    assert await store.write(send, device, 1, NOW + 5) == "new"
    found = await store.read(cm.find_command, old.id)
    assert found is not None
    assert (found.state, found.attempts) == ("queued", 0)
    [given_up] = await store.write(cm.expire_overdue, now=NOW + 5, limit=10)
    assert (given_up.id, given_up.state, given_up.settled_at) == (old.id, "expired", NOW + 5)
    assert given_up.fault_string == "the time allowed is over; the device did not come for it"


@pytest.mark.parametrize("accepted", [False, True])
async def test_what_is_given_up_after_it_was_sent_may_have_been_done(
    store: Store, device: int, accepted: bool
) -> None:
    command = await store.write(put, device, m.Reboot("k"), "k", expires_at=NOW + 5)
    await store.write(send, device)
    if accepted:
        await store.write(cm.settle, command.id, m.RebootResponse(), epoch=1, now=NOW)
    [given_up] = await store.write(cm.expire_overdue, now=NOW + 5, limit=10)
    assert given_up.fault_string.endswith("and may still do it" if accepted else "and may have done it")


@pytest.mark.parametrize(
    "message",
    [
        m.Reboot("mine"),
        m.Download("mine", "1", "u"),
        m.ScheduleInform(5, "mine"),
        m.ChangeDUState("mine", ()),
    ],
    ids=m.method_name,
)
async def test_a_device_tells_the_end_of_a_request_under_the_key_of_its_command(
    store: Store, device: int, message
) -> None:
    command = await store.write(put, device, message, "c7-3")
    assert command.message == replace(message, command_key="c7-3")
    other = m.CancelTransfer("another's")
    assert (await store.write(put, device, other, "c7-4")).message == other


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        (m.Download("k", "1", "u", delay_seconds=86400 * 10), 86400 * 10),
        (
            m.ScheduleDownload(
                "k", "1", "u", time_windows=(m.TimeWindow(0, 9, "1"), m.TimeWindow(10, 10**6, "1"))
            ),
            10**6,
        ),
        (m.Reboot("k"), 0),
    ],
    ids=lambda each: m.method_name(each) if not isinstance(each, int) else "",
)
async def test_a_transfer_that_is_put_off_is_waited_for_as_long(
    store: Store, device: int, message, seconds: int
) -> None:
    command = await store.write(put, device, message, "k")
    assert command.expires_at == NOW + (seconds + 3600 if seconds else 7 * 86400)


@pytest.mark.parametrize("close", [cm.expire, cm.cancel])
async def test_a_settled_command_is_neither_expired_nor_cancelled(store: Store, device: int, close) -> None:
    command = await store.write(put, device, GET, "k")
    await store.write(send, device)
    await store.write(cm.settle, command.id, m.GetParameterValuesResponse(), epoch=1, now=NOW)
    assert await store.write(close, command.id, now=NOW) is None
    assert await store.write(close, 99, now=NOW) is None


@pytest.mark.parametrize(("close", "state"), [(cm.expire, "expired"), (cm.cancel, "cancelled")])
async def test_an_answer_after_the_end_of_a_command_is_ignored(
    store: Store, device: int, close, state: str
) -> None:
    command = await store.write(put, device, GET, "k")
    await store.write(send, device)
    closed = await store.write(close, command.id, now=NOW + 1)
    assert closed.state == state
    assert await store.write(cm.settle, command.id, m.Fault(9002, ""), epoch=1, now=NOW) == []
    assert (await store.read(cm.find_command, command.id)) == closed


async def test_commands_are_listed_newest_first_by_device_case_and_state(store: Store, device: int) -> None:
    for n in range(4):
        await store.write(put, device, GET, f"k{n}", case_id=n % 2)
    await store.write(send, device)

    async def keys(**by: Any) -> list[str]:
        return [each.command_key for each in await store.read(cm.list_commands, **by)]

    assert await keys() == ["k3", "k2", "k1", "k0"]
    assert await keys(limit=2) == ["k3", "k2"]
    assert await keys(device_id=device + 1) == []
    assert await keys(case_id=1, device_id=device) == ["k3", "k1"]
    assert await keys(state="sent") == ["k0"]
