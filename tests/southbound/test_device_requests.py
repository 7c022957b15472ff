"""What devices call on the ACS, in every version, over real sockets."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lxml import etree

from acs import commands as cm
from acs import devices as dev
from acs import files as fl
from acs.cwmp import decode, encode
from acs.cwmp import messages as m
from acs.cwmp.versions import SUPPORTED, introduced, minor_of
from cwmp_schemas import schema
from tests.southbound.conftest import SERIAL, inform
from tests.southbound.test_sessions import enqueue, provisioned

KEY = f"0005B9-{SERIAL}"
DONE = m.TransferComplete("k1", m.FaultStruct(), m.UNKNOWN_TIME, m.UNKNOWN_TIME)
RESULT = m.AutonomousOperationResult(
    "u", "", "1", "Installed", True, "", m.UNKNOWN_TIME, m.UNKNOWN_TIME, m.FaultStruct(), "Install"
)
TRANSFER = m.AutonomousTransferComplete(
    "http://a", "http://b", True, "1 Firmware", 5, "", m.FaultStruct(), m.UNKNOWN_TIME, m.UNKNOWN_TIME
)
IMAGE = "1 Firmware Upgrade Image"


async def actions(bench) -> list[str]:
    query = "SELECT action FROM audit WHERE who = 'device'"
    return await bench.node.store.read(lambda conn: list(conn.exec_driver_sql(query).scalars()))


async def told(bench, action: str) -> list[str]:
    """Return what the audit has of a device's requests of this kind."""
    query = f"SELECT detail FROM audit WHERE who = 'device' AND action = '{action}' ORDER BY id"
    return await bench.node.store.read(lambda conn: list(conn.exec_driver_sql(query).scalars()))


async def opened(bench, http, **options):
    await provisioned(bench, http)
    return (await bench.post(http, inform(), **options)).cookie


@pytest.mark.parametrize("namespace", [m.CWMP_1_0, m.CWMP_1_1, m.CWMP_1_2])
@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (m.GetRPCMethods(), m.GetRPCMethodsResponse(tuple(sorted(m.ACS_METHODS)))),
        (DONE, m.TransferCompleteResponse()),
        (TRANSFER, m.AutonomousTransferCompleteResponse()),
        (m.RequestDownload(IMAGE, (("Version", "5"),)), m.RequestDownloadResponse()),
        (m.Kicked("c", "r", "a", "http://next"), m.KickedResponse("http://next")),
        (m.DUStateChangeComplete((), "k"), m.DUStateChangeCompleteResponse()),
        (m.AutonomousDUStateChangeComplete((RESULT,)), m.AutonomousDUStateChangeCompleteResponse()),
        (m.UnknownMethod("urn:x", "X_Sing"), m.Fault(8000, "the ACS has no method 'X_Sing'")),
    ],
    ids=m.method_name,
)
async def test_each_request_is_answered_in_the_devices_own_version(bench, namespace, request_, answer):
    async with bench.client() as http:
        await provisioned(bench, http)
        first = encode(inform(), namespace=namespace, header=m.Header(id="1"))
        cookie = (await bench.post(http, first)).cookie
        body = encode(request_, namespace=namespace, header=m.Header(id="77"))
        got = await bench.post(http, body, cookie=cookie)
    envelope = decode(got.body)
    assert (envelope.message, envelope.header.id, envelope.namespace) == (answer, "77", namespace)
    if introduced(m.method_name(answer)) <= minor_of(namespace):
        assert schema(namespace).validate(etree.fromstring(got.body))


async def test_what_happened_without_the_acs_asking_is_kept_in_the_audit(bench):
    async with bench.client() as http:
        cookie = await opened(bench, http)
        for message in (TRANSFER, m.AutonomousDUStateChangeComplete((RESULT,))):
            await bench.post(http, message, cookie=cookie)
    assert {"AutonomousTransferComplete", "AutonomousDUStateChangeComplete"} <= set(await actions(bench))


async def test_each_transfer_of_which_a_device_tells_is_kept_once_and_not_without_end(bench):
    async with bench.client() as http:
        cookie = await opened(bench, http)
        for number in (1, 2, 1, 1, 2, *range(3, 30)):
            transfer = replace(TRANSFER, transfer_url=f"https://h/{number}.")
            answer = await bench.post(http, transfer, cookie=cookie)
            assert answer.message == m.AutonomousTransferCompleteResponse()
    kept = await told(bench, "AutonomousTransferComplete")
    assert [sum(f"/{n}." in each for each in kept) for n in (1, 2, 3, 20, 21)] == [1, 1, 1, 1, 0]


async def test_the_end_of_a_transfer_that_nobody_waits_for_is_kept(bench):
    async with bench.client() as http:
        device = await provisioned(bench, http)
        command = await enqueue(bench, device, m.Download("k1", IMAGE, "https://h/f"))
        cookie = (await bench.post(http, inform())).cookie
        await bench.post(http, b"", cookie=cookie)
        await bench.post(http, m.DownloadResponse(1), cookie=cookie)
        await bench.node.store.write(cm.expire, command.id, now=bench.clock[0])
        for message in (DONE, DONE, m.DUStateChangeComplete((), "k7")):
            await bench.post(http, message, cookie=cookie)
    [late] = await told(bench, "TransferComplete")
    assert "'k1'" in late
    assert late.endswith(": no command waits for it")
    assert len(await told(bench, "DUStateChangeComplete")) == 1


@pytest.mark.parametrize(
    "when", ["before its answer", "after it", "twice", "in a later session", "without its key"]
)
async def test_a_transfer_ends_once_whenever_the_device_says_so(bench, when):
    complete = m.TransferComplete("", DONE.fault, m.UNKNOWN_TIME, m.UNKNOWN_TIME) if "key" in when else DONE
    async with bench.client() as http:
        device = await provisioned(bench, http)
        command = await enqueue(bench, device, m.Download("k1", IMAGE, "https://h/f"))
        cookie = (await bench.post(http, inform())).cookie
        asked = await bench.post(http, b"", cookie=cookie)
        assert isinstance(asked.message, m.Download)
        response = encode(
            m.DownloadResponse(1), namespace=m.CWMP_1_2, header=m.Header(id=decode(asked.body).header.id)
        )
        if when == "before its answer":
            await bench.post(http, complete, cookie=cookie)
            assert (await bench.post(http, response, cookie=cookie)).status == 204
        else:
            await bench.post(http, response, cookie=cookie)
            if when == "in a later session":
                cookie = (await bench.post(http, inform(SERIAL, "7 TRANSFER COMPLETE", "M Download"))).cookie
            for _ in range(2 if when == "twice" else 1):
                again = await bench.post(http, complete, cookie=cookie)
                assert again.message == m.TransferCompleteResponse()
    found = await bench.node.store.read(cm.find_command, command.id)
    assert (found.state, found.attempts) == ("succeeded", 1)
    assert len(await told(bench, "TransferComplete")) == 0


# --- RequestDownload --------------------------------------------------------------------


async def asked(bench, file_type: str) -> list[m.Message]:
    """Have the device ask for a file, twice; return the downloads that are queued for it."""
    async with bench.client() as http:
        cookie = await opened(bench, http)
        for _ in range(2):
            await bench.post(http, m.RequestDownload(file_type), cookie=cookie)
    found = await bench.node.store.read(cm.list_commands, state="queued")
    return [each.message for each in found if each.method == "Download"]


async def approve(bench, version: str) -> None:
    def act(conn):
        kind = {
            "file_type": IMAGE,
            "product_class": "*",
            "sha256": "0" * 64,
            "size": 7,
            "signer": "the vendor",
        }
        fl.add_file(conn, "henb.img", version=version, who="one", now=bench.clock[0], **kind)
        fl.approve_file(conn, "henb.img", who="another", now=bench.clock[0])

    await bench.node.store.write(act)


@pytest.mark.parametrize(("version", "count"), [("2.0.0", 1), ("1.0.0", 0)])
async def test_a_device_that_asks_for_software_is_given_once_what_is_approved_and_new(bench, version, count):
    await approve(bench, version)
    found = await asked(bench, IMAGE)
    assert [(each.file_type, each.file_size) for each in found] == [(IMAGE, 7)] * count
    assert all(each.url.startswith(f"{bench.node.url}/files/") for each in found)


async def test_a_device_that_asks_for_what_no_url_would_carry_is_answered_all_the_same(bench, monkeypatch):
    await approve(bench, "2.0.0")
    monkeypatch.setattr("acs.files.urls.LONGEST_URL", 40)
    async with bench.client() as http:
        cookie = await opened(bench, http)
        answer = await bench.post(http, m.RequestDownload(IMAGE), cookie=cookie)
    assert answer.message == m.RequestDownloadResponse()
    [noted] = await told(bench, "RequestDownload")
    assert ": nothing, the download URL has" in noted


@pytest.mark.parametrize("file_type", [IMAGE, "3 Vendor Configuration File", "9 Nonsense", "../etc/passwd"])
async def test_a_device_that_asks_for_what_there_is_not_is_given_nothing(bench, file_type):
    assert await asked(bench, file_type) == []
    assert "RequestDownload" in await actions(bench)


# --- versions ---------------------------------------------------------------------------


@pytest.mark.parametrize(("told", "used"), [((), None), (("1.0", "1.2"), "1.2"), (SUPPORTED, "1.4")])
async def test_the_version_is_agreed_upon(bench, told, used):
    header = m.Header(id="1", supported_cwmp_versions=told, session_timeout=300)
    async with bench.client() as http:
        answer = await bench.post(http, encode(inform(), namespace=m.CWMP_1_2, header=header))
    envelope = decode(answer.body)
    assert (envelope.message, envelope.header.use_cwmp_version) == (m.InformResponse(), used)
    assert schema(m.CWMP_1_2).validate(etree.fromstring(answer.body))
    device = await bench.node.store.read(dev.find, KEY)
    assert device.last_inform_at == bench.clock[0]


async def test_a_device_of_no_version_in_common_is_told_so(bench):
    header = m.Header(id="1", supported_cwmp_versions=("2.0", "2.1"))
    async with bench.client() as http:
        answer = await bench.post(http, encode(inform(), namespace=m.CWMP_1_2, header=header))
    assert answer.message == m.Fault(8006, "the ACS speaks CWMP 1.0, 1.1, 1.2, 1.3, 1.4, not 2.0, 2.1")
    assert await bench.node.store.read(dev.find, KEY) is None


async def test_a_device_that_waits_long_is_not_called_before(bench):
    header = m.Header(id="1", session_timeout=300)
    async with bench.client() as http:
        device = await provisioned(bench, http)
        await enqueue(bench, device, m.GetRPCMethods())
        await bench.post(http, encode(inform(), namespace=m.CWMP_1_2, header=header))
        device = await bench.node.store.read(dev.get, device.id)
    assert device.connection_request_at == bench.clock[0] + 300


# --- a vendor's own method --------------------------------------------------------------


@pytest.mark.parametrize("name", ["X_0005B9_DoResponse", "X_0005B9_OtherResponse"])
async def test_a_vendors_method_is_answered_by_its_response_alone(bench, name):
    call = m.UnknownMethod("urn:v", "X_0005B9_Do", (("A", "<1>"),))
    response = m.UnknownMethod("urn:v", name, (("B", "2"),))
    async with bench.client() as http:
        device = await provisioned(bench, http)
        command = await enqueue(bench, device, call)
        cookie = (await bench.post(http, inform())).cookie
        got = await bench.post(http, b"", cookie=cookie)
        assert got.message == call
        answer = await bench.post(http, response, cookie=cookie)
    found = await bench.node.store.read(cm.find_command, command.id)
    if name == "X_0005B9_DoResponse":
        assert (found.state, found.answer) == ("succeeded", response)
    else:
        assert answer.message.code == 8000
        assert found.state == "sent"


async def test_a_vendors_method_without_a_namespace_is_written_as_all_others_are(bench):
    async with bench.client() as http:
        device = await provisioned(bench, http)
        await enqueue(bench, device, m.UnknownMethod("", "X_0005B9_Do", (("A", "1"),)))
        cookie = (await bench.post(http, inform())).cookie
        got = await bench.post(http, b"", cookie=cookie)
    assert got.message == m.UnknownMethod(m.CWMP_1_2, "X_0005B9_Do", (("A", "1"),))
    assert b"<cwmp:X_0005B9_Do><A>1</A></cwmp:X_0005B9_Do>" in got.body
