"""A device on real sockets and an ACS that misbehaves: each broken session is counted and repeated."""

from __future__ import annotations

import asyncio
from time import time

import pytest
from aiohttp import web

from acs.cwmp import decode, encode
from acs.cwmp import messages as m
from acs.cwmp.versions import SUPPORTED
from acs.simulator import LAB, Access, Device, Statistics
from tests.simulator.shell import make
from tests.waiting import until

OK = m.InformResponse()


def answer(message: m.Message | None, status: int = 200) -> web.Response:
    if message is None:
        return web.Response(status=204)
    body = encode(message, namespace=m.CWMP_1_2, header=m.Header(id="1"))
    return web.Response(body=body, status=status, content_type="text/xml")


class Script:
    """An ACS that answers with what a test wrote down; the last answer is repeated for ever."""

    def __init__(self) -> None:
        self.answers: list = []
        self.bodies: list[bytes] = []

    async def post(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        given = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return given() if callable(given) else answer(given)


@pytest.fixture
async def script():
    script = Script()
    app = web.Application()
    app.router.add_post("/acs", script.post)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    script.url = f"http://127.0.0.1:{runner.addresses[0][1]}/acs"
    yield script
    await runner.cleanup()


def device_of(script: Script) -> Device:
    henb = make(on=False)
    henb.power_on(time())
    return Device(henb, Access(script.url), None, Statistics(), asyncio.Semaphore(1))


async def test_a_session_goes_on_until_the_acs_has_nothing_more(script):
    script.answers = [OK, m.GetRPCMethods(), m.GetParameterValues(("Device.Time.",)), None]
    device = device_of(script)
    assert not device.resting
    assert await device.session()
    assert device.resting
    assert (device.statistics.sessions, device.statistics.requests) == (1, 4)
    assert b"Inform" in script.bodies[0]
    assert script.bodies[1] == b""
    assert b"GetRPCMethodsResponse" in script.bodies[2]
    assert b"GetParameterValuesResponse" in script.bodies[3]


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([lambda: web.Response(status=500, text="oh")], "HTTP 500: oh"),
        ([lambda: web.Response(status=302, headers={"Location": "/elsewhere"})], "HTTP 404"),
        ([None], "the ACS did not answer Inform"),
        ([lambda: web.Response(text="<html>")], ""),
        ([lambda: web.Response(body=b"\xff\x00")], ""),
        ([m.Fault(8005, "later")], "the ACS answered the Inform with"),
        ([OK, lambda: web.Response(status=503)], "HTTP 503"),
        ([OK, lambda: web.Response(text="no xml")], ""),
        ([OK, m.GetRPCMethods()], "the ACS does not end the session"),
    ],
)
async def test_a_session_that_goes_wrong_is_counted_by_its_reason(script, answers, reason, monkeypatch):
    monkeypatch.setattr("acs.simulator.connection._MAX_STEPS", 20)
    script.answers = answers
    device = device_of(script)
    assert not await device.session()
    (told,) = device.statistics.errors
    assert reason in told
    assert told
    assert device.statistics.failed == 1
    assert device.henb.retry_count == 1
    assert device.henb.wants_to_talk
    assert not device.resting


async def test_a_transfer_complete_that_is_refused_is_told_again(script):
    script.answers = [OK, m.Fault(8002, "not now")]
    device = device_of(script)
    done = m.TransferComplete("load-1", m.FaultStruct(), m.UNKNOWN_TIME, m.UNKNOWN_TIME)
    device.henb.outgoing.append(done)
    assert not await device.session()
    assert "the ACS answered TransferComplete with" in next(iter(device.statistics.errors))
    script.answers = [OK, m.TransferCompleteResponse(), None]
    assert await device.session()
    assert device.henb.outgoing == []
    assert (device.statistics.sessions, device.statistics.failed) == (1, 1)


async def test_a_download_that_is_not_there_is_9016(script):
    from acs.simulator.transfer import Transfer

    device = device_of(script)
    transfer = Transfer("load-1", script.url, "1 Firmware Upgrade Image")
    device.henb.transfers.add(transfer)
    await device._download(transfer)
    fault = device.henb.outgoing[0].fault
    assert (fault.code, fault.string) == (9016, "HTTP 405")


async def test_a_device_that_runs_repeats_a_broken_session_until_it_is_served(script):
    script.answers = [lambda: web.Response(status=500), OK, None]
    device = device_of(script)
    device.henb.pace = LAB
    running = asyncio.create_task(device.run())
    await until(lambda: device.resting)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert (device.statistics.sessions, device.statistics.failed) == (1, 1)


# --- versions and header fields -----------------------------------------------------------


def held(message: m.Message, hold: bool | None, **fields) -> web.Response:
    header = m.Header(id="1", hold_requests=hold, **fields)
    return web.Response(body=encode(message, namespace=m.CWMP_1_2, header=header), content_type="text/xml")


async def test_the_devices_own_requests_wait_while_the_acs_holds_them_back(script):
    script.answers = [
        lambda: held(OK, True),
        lambda: held(m.GetRPCMethods(), True),
        lambda: held(m.GetParameterValues(("Device.Time.",)), False),
        None,
        m.TransferCompleteResponse(),
        None,
    ]
    device = device_of(script)
    device.henb.outgoing.append(m.TransferComplete("k", m.FaultStruct(), m.UNKNOWN_TIME, m.UNKNOWN_TIME))
    assert await device.session()
    names = [m.method_name(decode(body).message) if body else "" for body in script.bodies]
    assert names == [
        *("Inform", "", "GetRPCMethodsResponse", "GetParameterValuesResponse"),
        *("TransferComplete", ""),
    ]
    assert device.henb.outgoing == []


@pytest.mark.parametrize(
    ("version", "namespace", "told"),
    [(0, m.CWMP_1_0, ()), (1, m.CWMP_1_1, ()), (3, m.CWMP_1_2, ()), (4, m.CWMP_1_2, SUPPORTED)],
)
async def test_the_inform_tells_the_devices_version(script, version, namespace, told):
    script.answers = [OK, None]
    device = device_of(script)
    device.henb.cwmp_version = version
    assert await device.session()
    inform = decode(script.bodies[0])
    assert (inform.namespace, inform.header.supported_cwmp_versions) == (namespace, told)
    assert inform.header.session_timeout == (60 if version >= 3 else None)


async def test_a_version_that_the_device_has_not_offered_ends_the_session(script):
    script.answers = [lambda: held(OK, None, use_cwmp_version="2.0")]
    assert not await device_of(script).session()
