"""1.faults, 1.discovery, 1c.large, 1b.4-6: what devices answer, and what they are sent."""

from __future__ import annotations

import re

import msgspec
import pytest

from acs import devices as dev
from acs.cwmp import messages as m
from tests.interop.steps import enqueue, found, provisioned
from tests.interop.wire import connected
from tests.southbound.conftest import body_of, inform

SET = m.SetParameterValues((m.ParameterValue("Device.A", "1"), m.ParameterValue("Device.B", "2")), "k")


@pytest.fixture
async def device(bench):
    async with bench.client() as http:
        return await provisioned(bench, http)


async def answered(bench, device, request: m.Message, answer: bytes):
    """Have the device asked, let it answer, and return the command afterwards."""
    command = await enqueue(bench, device, request)
    async with connected(bench) as wire:
        await wire.post(body_of(inform()))
        assert m.method_name((await wire.post()).message) == m.method_name(request)
        assert (await wire.post(answer)).status == 204
    return await found(bench, command)


def envelope(body: str) -> bytes:
    return (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns:cwmp="urn:dslforum-org:cwmp-1-0">'
        f"<s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


@pytest.mark.row("1.faults")
@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (
            "<s:Fault><faultcode>Client</faultcode><faultstring>CWMP fault</faultstring></s:Fault>",
            9002,
            "CWMP",
        ),
        (
            "<s:Fault><faultcode>Client</faultcode><faultstring>9005</faultstring></s:Fault>",
            9005,
            "",
        ),
        (
            (
                "<s:Fault><detail><cwmp:Fault><FaultCode>Invalid arguments</FaultCode>"
                "<FaultString>no</FaultString></cwmp:Fault></detail></s:Fault>"
            ),
            9002,
            "no",
        ),
        (
            (
                "<s:Fault><faultcode>Client</faultcode><faultstring>CWMP fault<detail><cwmp:Fault>"
                "<FaultCode>9003</FaultCode><FaultString>bad</FaultString></cwmp:Fault></detail></faultstring></s:Fault>"
            ),
            9003,
            "bad",
        ),
    ],
    ids=["no detail", "code as text", "text as code", "detail within the string"],
)
async def test_a_fault_in_odd_shape_is_a_fault(bench, device, body, code, words):
    command = await answered(bench, device, SET, envelope(body))
    assert (command.state, command.fault_code) == ("failed", code)
    assert words in command.fault_string


@pytest.mark.row("1.faults")
async def test_the_fault_of_every_parameter_is_kept(bench, device):
    faults = (
        m.SetParameterValuesFault("Device.A", 9007, "out of range"),
        m.SetParameterValuesFault("Device.B", 9008, "read-only"),
    )
    command = await answered(bench, device, SET, body_of(m.Fault(9003, "Invalid arguments", faults)))
    assert (command.state, command.fault_code) == ("failed", 9003)
    kept = str(command)
    assert all(f"{each.code}" in kept and each.parameter_name in kept for each in faults)


@pytest.mark.row("1.faults")
async def test_fault_9005_to_the_names_of_the_root(bench, device):
    fault = body_of(m.Fault(9005, "Invalid parameter name"))
    command = await answered(bench, device, m.GetParameterNames("Device.", True), fault)
    assert (command.state, command.fault_code) == ("failed", 9005)


@pytest.mark.row("1.faults")
async def test_fault_9017_while_a_download_runs(bench, device):
    request = m.Download("d", "1 Firmware Upgrade Image", "https://files.example/image")
    command = await answered(bench, device, request, body_of(m.Fault(9017, "a download is under way")))
    assert (command.state, command.fault_code) == ("failed", 9017)


NAMES = ["Device.Time.", "Device.", "Device.Time.NTPServer1", "Device.X.1.Y.Z", "Device.Time."]


@pytest.mark.row("1.discovery")
async def test_names_that_list_themselves_unsorted_twice_and_without_parents(bench, device):
    infos = tuple(m.ParameterInfo(name, False) for name in NAMES)
    answer = body_of(m.GetParameterNamesResponse(infos))
    command = await answered(bench, device, m.GetParameterNames("Device.", False), answer)
    assert command.succeeded
    told = msgspec.json.decode(command.result)["fields"]["parameters"]
    assert [each["name"] for each in told] == NAMES


@pytest.mark.row("1.discovery", "1c.large")
async def test_ten_thousand_names_in_six_hundred_kilobytes_and_more(bench, device):
    infos = tuple(m.ParameterInfo(f"Device.Lab.{number}.Parameter", True) for number in range(12_000))
    answer = body_of(m.GetParameterNamesResponse(infos))
    assert len(answer) > 1_000_000
    command = await answered(bench, device, m.GetParameterNames("Device.", False), answer)
    assert command.succeeded


@pytest.mark.row("1.discovery")
async def test_a_partial_answer_keeps_what_came(bench, device):
    request = m.GetParameterValues(("Device.Time.NTPServer1", "Device.Time.NTPServer2"))
    value = m.ParameterValue("Device.Time.NTPServer1", "ntp.example")
    command = await answered(bench, device, request, body_of(m.GetParameterValuesResponse((value,))))
    assert command.succeeded
    stored = await bench.node.store.read(dev.parameters_of, device.id, "Device.Time.")
    assert list(stored) == ["Device.Time.NTPServer1"]


@pytest.mark.row("1b.4", "1b.5")
async def test_every_request_has_the_form_that_all_clients_understand(bench, device):
    values = (
        m.ParameterValue("Device.A", "1", "xsd:boolean"),
        m.ParameterValue("Device.B", "<&>", "xsd:string"),
    )
    await enqueue(bench, device, m.SetParameterValues(values, "k"))
    async with connected(bench) as wire:
        first = await wire.post(body_of(inform(), "abc", m.CWMP_1_1))
        assert b">abc</cwmp:ID>" in first.body
        text = (await wire.post()).body.decode()
    assert 'xmlns:cwmp="urn:dslforum-org:cwmp-1-1"' in text
    assert re.search(r"<soap-env:Header><cwmp:ID [^>]*mustUnderstand=\"1\">[^<]+</cwmp:ID>", text)
    assert "<cwmp:SetParameterValues>" in text
    assert "<ParameterKey>k</ParameterKey>" in text
    assert '<Value xsi:type="xsd:boolean">1</Value>' in text
    assert '<Value xsi:type="xsd:string">&lt;&amp;&gt;</Value>' in text
