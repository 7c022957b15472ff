"""1.inform, 1.session, 1.rpc, and what 1c saw of sessions: one conversation each, over a real socket."""

from __future__ import annotations

import asyncio

import pytest

from acs import devices as dev
from acs.cwmp import messages as m
from acs.store.tables import commands
from tests.interop.steps import count, enqueue, found, provisioned
from tests.interop.wire import connected
from tests.southbound.conftest import OUI, SERIAL, body_of, inform

READ = m.GetParameterValues(("Device.Time.",))
READ_DONE = body_of(m.GetParameterValuesResponse(()))


def said(*events: m.Event, product_class: str = "HeNB-LTE", parameters=()) -> bytes:
    identity = m.DeviceId("ACME", OUI, product_class, SERIAL)
    return body_of(m.Inform(identity, events, 1, "2026-01-01T00:00:00Z", 0, parameters))


@pytest.fixture
async def device(bench):
    async with bench.client() as http:
        return await provisioned(bench, http)


@pytest.mark.row("1.inform", "1c.no-events")
@pytest.mark.parametrize(
    "body",
    [
        said(),
        said(m.Event("2 PERIODIC"), product_class=""),
        said(m.Event("2 PERIODIC"), m.Event("2 PERIODIC")),
        said(m.Event(" 2 PERIODIC  ")),
        said(m.Event("2 periodic")),
        said(m.Event("X 0005B9 LAB")),
        said(m.Event("99 NEW THING")),
        said(m.Event("")),
    ],
    ids=["no event", "no ProductClass", "twice", "padded", "lower case", "vendor's", "unknown", "empty"],
)
async def test_an_odd_inform_is_answered_and_its_session_goes_on(bench, device, body):
    command = await enqueue(bench, device, READ)
    async with connected(bench) as wire:
        assert isinstance((await wire.post(body)).message, m.InformResponse)
        assert (await wire.post()).message == READ
        assert (await wire.post(READ_DONE)).status == 204
    assert (await found(bench, command)).succeeded


@pytest.mark.row("1.inform")
async def test_all_events_and_all_command_keys_are_kept(bench, device):
    second = await enqueue(bench, device, m.ScheduleInform(60, "k2"), "k2")
    first = await enqueue(bench, device, m.Reboot("k1"), "k1")
    async with connected(bench) as wire:
        await wire.post(body_of(inform()))
        assert (await wire.post()).message == m.ScheduleInform(60, "k2")
        assert (await wire.post(body_of(m.ScheduleInformResponse()))).message == m.Reboot("k1")
        assert (await wire.post(body_of(m.RebootResponse()))).status == 204
        events = [m.Event("1 BOOT"), m.Event("M Reboot", "k1"), m.Event("M ScheduleInform", "k2")]
        assert isinstance((await wire.post(said(*events))).message, m.InformResponse)
    assert (await found(bench, first)).succeeded
    assert (await found(bench, second)).succeeded


@pytest.mark.row("1.session")
async def test_an_inform_in_mid_session_begins_a_new_one(bench, device):
    await enqueue(bench, device, READ)
    async with connected(bench) as wire:
        old = (await wire.post(body_of(inform()))).cookie
        assert (await wire.post()).message == READ
        new = (await wire.post(body_of(inform()))).cookie
        assert new != old
        assert (await wire.post()).message == READ  # asked again in the session that counts
        assert (await wire.post(READ_DONE)).status == 204


@pytest.mark.row("1.session")
async def test_of_two_sessions_the_newer_wins_and_the_loser_is_told_and_counted(bench, device):
    await enqueue(bench, device, m.Reboot("k"), "k")
    async with connected(bench) as one, connected(bench) as two:
        old = (await one.post(body_of(inform()))).cookie
        new = (await two.post(body_of(inform()))).cookie
        assert (await one.post(b"", f"Cookie: {old}")).status == 403
        assert (await two.post(b"", f"Cookie: {new}")).message == m.Reboot("k")
    assert bench.metric("acs_refused_total", reason="session-superseded") == 1


@pytest.mark.row("1.session")
async def test_many_devices_behind_one_address_are_many_sessions(bench):
    serials = [f"B{number}" for number in range(8)]
    asked = {}
    async with bench.client() as http:
        await bench.post(http, inform())

    async def session(serial: str) -> None:
        async with bench.client(bench.tls(serial)) as http:
            device = await provisioned(bench, http, serial=serial)
            asked[serial] = await enqueue(bench, device, m.Reboot(serial), serial)
            await bench.post(http, inform(serial))
            assert (await bench.post(http, b"")).message == m.Reboot(serial)

    await asyncio.gather(*(session(serial) for serial in serials))
    assert [(await found(bench, asked[serial])).state for serial in serials] == ["sent"] * 8


@pytest.mark.row("1.session")
async def test_nothing_but_empty_messages_ends_each_time_and_stores_nothing(bench, device):
    before = await count(bench, commands)
    async with connected(bench) as wire:
        await wire.post(body_of(inform()))
        assert [(await wire.post()).status for _ in range(4)] == [204] * 4
    async with connected(bench) as wire:
        assert [(await wire.post()).status for _ in range(4)] == [204] * 4
    assert await count(bench, commands) == before


@pytest.mark.row("1c.empty-instead")
async def test_an_empty_message_in_place_of_an_answer_fails_the_read_and_the_session_goes_on(bench, device):
    command = await enqueue(bench, device, READ, "k1")
    await enqueue(bench, device, m.Reboot("k2"), "k2")
    async with connected(bench) as wire:
        await wire.post(body_of(inform()))
        assert (await wire.post()).message == READ
        assert (await wire.post()).message == m.Reboot("k2")
    assert (await found(bench, command)).fault_code == 9002


@pytest.mark.row("1c.silence")
async def test_silence_after_an_rpc_and_then_a_new_inform(bench, device):
    read = await enqueue(bench, device, READ, "k1")
    async with connected(bench) as wire:
        await wire.post(body_of(inform()))
        assert (await wire.post()).message == READ
    bench.clock[0] += 3600
    async with connected(bench) as wire:
        await wire.post(body_of(inform()))
        assert (await wire.post()).message == READ
        assert (await wire.post(READ_DONE)).status == 204
    assert (await found(bench, read)).succeeded


@pytest.mark.row("1c.overlap")
async def test_informs_overlap_on_one_connection_after_a_reboot(bench, device):
    reboot = await enqueue(bench, device, m.Reboot("k"), "k")
    async with connected(bench) as wire:
        await wire.post(body_of(inform()))
        assert (await wire.post()).message == m.Reboot("k")
        await wire.post(body_of(inform()))  # before the answer
        booted = said(m.Event("1 BOOT"), m.Event("M Reboot", "k"))
        assert isinstance((await wire.post(booted)).message, m.InformResponse)
    assert (await found(bench, reboot)).succeeded


@pytest.mark.row("1c.after-204", "1.rpc")
@pytest.mark.parametrize(
    "request_",
    [
        m.GetRPCMethods(),
        m.RequestDownload("1 Firmware Upgrade Image"),
        m.Kicked("c", "r", "a", "http://acs.example/next"),
        m.TransferComplete("k", m.FaultStruct(), m.UNKNOWN_TIME, m.UNKNOWN_TIME),
        m.AutonomousTransferComplete(
            "", "http://files.example/x", False, "1 Firmware Upgrade Image", 1, "x", m.FaultStruct(),
            m.UNKNOWN_TIME, m.UNKNOWN_TIME,
        ),
        m.DUStateChangeComplete((), "k"),
        m.AutonomousDUStateChangeComplete(()),
    ],
    ids=lambda each: type(each).__name__,
)  # fmt: skip
async def test_a_request_of_the_device_has_its_response_before_and_after_the_204(bench, device, request_):
    async with connected(bench) as wire:
        await wire.post(body_of(inform()))
        for _ in range(2):
            answer = await wire.post(body_of(request_))
            assert m.method_name(answer.message) == f"{m.method_name(request_)}Response"
            assert (await wire.post()).status == 204


@pytest.mark.row("1.rpc")
@pytest.mark.parametrize("name", ["Dance", "X_0005B9_Sing", "InformResponses", "informresponse"])
async def test_an_unknown_method_gets_fault_8000_and_the_session_goes_on(bench, device, name):
    await enqueue(bench, device, READ)
    unknown = body_of(m.GetRPCMethods()).replace(b"GetRPCMethods", name.encode())
    async with connected(bench) as wire:
        await wire.post(body_of(inform()))
        assert (await wire.post(unknown)).message.code == 8000
        assert (await wire.post()).message == READ


@pytest.mark.row("1.session")
async def test_one_serial_from_two_addresses_is_one_device(bench, device):
    async with connected(bench) as one:
        await one.post(body_of(inform()))
        local = ("127.0.0.5", 0)
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", bench.node.southbound.port, ssl=bench.tls(), local_addr=local,
            server_hostname="localhost",
        )  # fmt: skip
        from tests.interop.wire import Wire

        other = Wire(reader, writer)
        assert isinstance((await other.post(body_of(inform()))).message, m.InformResponse)
        assert (await one.post()).status == 403
        writer.close()
    assert await bench.node.store.read(dev.count) == 1
