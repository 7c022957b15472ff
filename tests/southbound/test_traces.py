"""Conversations are kept where somebody wants them, or something goes wrong, and cost nothing otherwise."""

from __future__ import annotations

import pytest

from acs import commands as cm
from acs import devices as dev
from acs import traces as tr
from acs.cwmp import messages as m
from acs.declared import Entry, Layer
from acs.security import Sealer, Secrets
from acs.southbound.placeholders import seal_config_secret
from acs.southbound.tracer import Exchange
from tests.southbound.conftest import SERIAL, inform, make_bench
from tests.southbound.test_sessions import enqueue, provisioned

KEY = f"0005B9-{SERIAL}"


@pytest.fixture
async def quiet(tmp_path):
    async for made in make_bench(tmp_path, trace_faults=False):
        yield made


async def stored(bench) -> list[tr.Trace]:
    await bench.node.southbound.endpoint.tracer.close()
    return await bench.node.store.read(tr.list_traces)


async def messages(bench, trace: tr.Trace) -> list[tr.Message]:
    return await bench.node.store.read(tr.messages_of, [trace.id])


async def start(bench, device: int) -> None:
    await bench.node.store.write(tr.trace_start, device, seconds=60, who="t", now=bench.clock[0])
    await bench.node.southbound.endpoint.tracer.look()


async def session(bench, http, answers=()) -> None:
    opened = await bench.post(http, inform())
    reply = await bench.post(http, b"", cookie=opened.cookie)
    for answer in answers:
        reply = await bench.post(http, answer, cookie=opened.cookie)
    assert reply.status == 204


async def test_a_wanted_conversation_is_kept_without_its_secrets(quiet):
    async with quiet.client() as http:
        device = await provisioned(quiet, http)
        await session(quiet, http)
        await start(quiet, device.id)
        password = m.ParameterValue("Device.ManagementServer.Password", "hunter2")
        await enqueue(quiet, device, m.SetParameterValues((password,), "k"))
        await session(quiet, http, [m.SetParameterValuesResponse(0)])
    (trace,) = await stored(quiet)
    assert trace.reason == "wanted"
    found = await messages(quiet, trace)
    assert [each.method for each in found] == [
        "Inform", "InformResponse", "", "SetParameterValues", "SetParameterValuesResponse", "",
    ]  # fmt: skip
    assert found[-1].status == 204
    text = "".join(each.body + str(each.headers) for each in found)
    assert tr.MASK in text
    assert "hunter2" not in text
    assert "acs=" not in text


async def test_a_secret_is_not_kept_whatever_the_parameter_is_called(quiet):
    secrets = Secrets.load_or_create(quiet.node.settings.data)
    await quiet.node.store.write(
        dev.set_config_secret, "site", seal_config_secret(secrets, "site", "hunter2"), now=1.0
    )
    path = "Device.X_000000_Remark"
    async with quiet.client() as http:
        device = await provisioned(quiet, http)
        await session(quiet, http)
        await start(quiet, device.id)
        value = m.ParameterValue(path, m.SECRET_PLACEHOLDER + "site")
        await enqueue(quiet, device, m.SetParameterValues((value,), "k"), key="k1")
        await enqueue(quiet, device, m.GetParameterValues((path,)), key="k2")
        told = m.GetParameterValuesResponse((m.ParameterValue(path, "hunter2"),))
        await session(quiet, http, [m.SetParameterValuesResponse(0), told])
    (trace,) = await stored(quiet)
    bodies = [each.body for each in await messages(quiet, trace)]
    assert sum(tr.MASK in each for each in bodies) == 2
    assert not any("hunter2" in each for each in bodies)


async def test_a_device_that_repeats_a_secret_in_its_fault_does_not_bring_it_into_the_trace(bench):
    async with bench.client() as http:
        device = await provisioned(bench, http)
        await stored(bench)
        bench.clock[0] += 120
        password = m.ParameterValue("Device.ManagementServer.Password", "hunter2-Zaq1")
        await enqueue(bench, device, m.SetParameterValues((password,), "k"))
        await session(bench, http, [m.Fault(9007, "can't take 'hunter2-Zaq1' as Password")])
    trace = (await stored(bench))[0]
    found = await messages(bench, trace)
    assert trace.reason == f"fault 9007 can't take '{tr.MASK}' as Password"
    assert "hunter2" not in "".join(each.body + each.note for each in found)
    assert f"can't take '{tr.MASK}'" in "".join(each.body for each in found)


async def test_a_secret_is_not_kept_when_it_is_read_in_a_later_session(quiet):
    secrets = Secrets.load_or_create(quiet.node.settings.data)
    await quiet.node.store.write(
        dev.set_config_secret, "site", seal_config_secret(secrets, "site", "hunter2"), now=1.0
    )
    sent, declared = "Device.X_000000_Remark", "Device.X_000000_Other"
    layer = Layer(values={declared: Entry(secret="site")})
    async with quiet.client() as http:
        device = await provisioned(quiet, http)
        await session(quiet, http)
        value = m.ParameterValue(sent, m.SECRET_PLACEHOLDER + "site")
        await enqueue(quiet, device, m.SetParameterValues((value,), "k"), key="k1")
        await session(quiet, http, [m.SetParameterValuesResponse(0)])
        await quiet.node.store.write(dev.set_layer, f"device:{KEY}", layer, who="op", now=2.0)
        await start(quiet, device.id)
        await enqueue(quiet, device, m.GetParameterValues((sent, declared)), key="k2")
        told = [m.ParameterValue(path, "hunter2") for path in (sent, declared)]
        await session(quiet, http, [m.GetParameterValuesResponse(tuple(told))])
    (trace,) = await stored(quiet)
    bodies = [each.body for each in await messages(quiet, trace)]
    assert sum(each.count(tr.MASK) for each in bodies) == 2
    assert not any("hunter2" in each for each in bodies)


async def test_a_request_for_whose_secret_nothing_is_kept_fails_and_the_session_goes_on(quiet):
    async with quiet.client() as http:
        device = await provisioned(quiet, http)
        value = m.ParameterValue("Device.X_000000_Remark", m.SECRET_PLACEHOLDER + "gone")
        await enqueue(quiet, device, m.SetParameterValues((value,), "k"), key="k1")
        await enqueue(quiet, device, m.GetParameterValues(("Device.X",)), key="k2")
        await session(quiet, http, [m.Fault(9005, "no such")])
    found = await quiet.node.store.read(cm.list_commands, device_id=device.id, limit=2)
    assert [(each.state, each.fault_code) for each in found] == [("failed", 9005), ("failed", None)]
    assert "there is no secret 'gone'" in found[1].fault_string


async def test_a_secret_that_can_not_be_opened_leaves_no_device_aside(bench):
    other = Sealer(bytes(32)).seal(b"hunter2", b"config secret site")
    await bench.node.store.write(dev.set_config_secret, "site", other, now=1.0)
    value = m.ParameterValue("Device.X_000000_Remark", m.SECRET_PLACEHOLDER + "site")
    async with bench.client() as http:
        device = await provisioned(bench, http)
        await enqueue(bench, device, m.SetParameterValues((value,), "k"))
        for _ in range(4):
            opened = await bench.post(http, inform())
            assert opened.status == 200
            assert (await bench.post(http, b"", cookie=opened.cookie)).status == 503
    # It is no failure that a message of the device's caused, which would leave it aside.
    assert (
        bench.metric("acs_posts_total", result="error"),
        bench.metric("acs_posts_total", result="busy"),
    ) == (
        0,
        4,
    )


async def test_nothing_is_heard_where_nothing_is_wanted(quiet):
    tracer = quiet.node.southbound.endpoint.tracer
    assert not tracer.active
    async with quiet.client() as http:
        device = await provisioned(quiet, http)
        await enqueue(quiet, device, m.GetParameterValues(("Device.X",)))
        await session(quiet, http, [m.Fault(9005, "no such")])
    assert await stored(quiet) == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(m.Fault(9005, "no such name"), "fault 9005 no such name"), (b"<broken", "malformed:")],
)
async def test_the_messages_around_a_fault_are_kept(bench, answer, reason):
    async with bench.client() as http:
        device = await provisioned(bench, http)
        await stored(bench)
        before = len(await bench.node.store.read(tr.list_traces))
        bench.clock[0] += 120
        await session(bench, http)
        await enqueue(bench, device, m.GetParameterValues(("Device.X",)))
        opened = await bench.post(http, inform())
        await bench.post(http, b"", cookie=opened.cookie)
        await bench.post(http, answer, cookie=opened.cookie)
        await bench.post(http, m.Fault(9005, "no such name"), cookie=opened.cookie)
    kept = await stored(bench)
    assert len(kept) == before + 1, "the session without a fault is not kept"
    assert kept[0].reason.startswith(reason)
    assert (await messages(bench, kept[0]))[0].method == "Inform"


async def test_a_device_that_always_fails_is_kept_once_a_minute(bench):
    async with bench.client() as http:
        device = await provisioned(bench, http)
        bench.clock[0] += 120
        for number in range(3):
            await enqueue(bench, device, m.GetParameterValues(("Device.X",)), key=f"k{number}")
            await session(bench, http, [m.Fault(9005, "no such")])
    assert len([each for each in await stored(bench) if "9005" in each.reason]) == 1


async def test_a_session_that_falls_silent_is_kept_too(quiet):
    async with quiet.client() as http:
        device = await provisioned(quiet, http)
        await start(quiet, device.id)
        await quiet.post(http, inform())
        quiet.clock[0] += 31
        await quiet.node.southbound.endpoint.tracer.look()
    assert [each.messages for each in await stored(quiet)] == [2]


async def test_any_node_reads_it_and_the_device_goes_with_its_traces(quiet):
    async with quiet.client() as http:
        device = await provisioned(quiet, http)
        await start(quiet, device.id)
        await session(quiet, http)
    assert len(await stored(quiet)) == 1
    found = await quiet.node.store.read(dev.find, KEY)
    assert found.id == (await stored(quiet))[0].device_id


def test_headers_count_in_the_memory_that_conversations_take():
    headers = {f"X-{number}": "x" * 1000 for number in range(30)}
    made = Exchange(1.0, 2.0, "::1", headers, b"body", "Inform", 200, {"A": "b"}, b"answer")
    assert made.size > 30_000
