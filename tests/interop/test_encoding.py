"""1.encoding, 1.namespaces, 1.header, 1.arrays, 1.values and 1c: odd XML over a real socket."""

from __future__ import annotations

import pytest

from acs import devices as dev
from acs.cwmp import decode
from acs.cwmp import messages as m
from tests.interop.steps import provisioned
from tests.interop.wire import connected
from tests.southbound.conftest import SERIAL, body_of, inform

LATIN = "Fr\u00e4nkische Ger\u00e4te"

PLAIN = """<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"
 xmlns:enc="http://schemas.xmlsoap.org/soap/encoding/" xmlns:xsd="http://www.w3.org/2001/XMLSchema"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:cwmp="urn:dslforum-org:cwmp-1-0">
<soap:Header><cwmp:ID soap:mustUnderstand="1">42</cwmp:ID></soap:Header>
<soap:Body><cwmp:Inform>
<DeviceId><Manufacturer>MAKER</Manufacturer><OUI>0005B9</OUI><ProductClass>HeNB-LTE</ProductClass>
<SerialNumber>A1</SerialNumber></DeviceId>
<Event enc:arrayType="cwmp:EventStruct[1]"><EventStruct><EventCode>2 PERIODIC</EventCode>
<CommandKey></CommandKey></EventStruct></Event>
<MaxEnvelopes>1</MaxEnvelopes><CurrentTime>2026-01-01T00:00:00Z</CurrentTime><RetryCount>0</RetryCount>
<ParameterList enc:arrayType="cwmp:ParameterValueStruct[1]"><ParameterValueStruct>
<Name>Device.DeviceInfo.Description</Name><Value xsi:type="xsd:string">VALUE</Value></ParameterValueStruct>
</ParameterList></cwmp:Inform></soap:Body></soap:Envelope>"""


def text(maker: str = "ACME", value: str = "plain", **replacements: str) -> str:
    made = PLAIN.replace("MAKER", maker).replace("VALUE", value)
    for old, new in replacements.items():
        made = made.replace(old, new)
    return made


async def said(bench, body: bytes, *headers: str) -> dev.Device | None:
    """Send ``body``, expect InformResponse, and return the device as it was understood."""
    async with connected(bench) as wire:
        heard = await wire.post(body, *headers)
        assert heard.status == 200, heard.body
        assert isinstance(heard.message, m.InformResponse)
    return await bench.node.store.read(dev.find, f"0005B9-{SERIAL}")


@pytest.mark.row("1.encoding")
@pytest.mark.parametrize(
    ("body", "maker"),
    [
        (b"\xef\xbb\xbf" + text(LATIN).encode(), LATIN),
        (b'<?xml version="1.0" encoding="UTF-8"?>' + text(LATIN).encode("latin-1"), LATIN),
        (('<?xml version="1.0" encoding="UTF-16"?>' + text(LATIN)).encode("utf-16"), LATIN),
        (('<?xml version="1.0" encoding="ISO-8859-1"?>' + text(LATIN)).encode("latin-1"), LATIN),
        (text("<![CDATA[A & B]]>").encode(), "A & B"),
        (text("AC<!-- a comment -->ME").encode(), "ACME"),
        (text("A & B").encode(), "A & B"),
        (text("AC\x01ME\x0b").encode(), "ACME"),
        (b"\r\n\r\n " + text("ACME").encode() + b"\x00\x00\r\n", "ACME"),
    ],
    ids=[
        "BOM",
        "latin-1 as UTF-8",
        "UTF-16",
        "latin-1",
        "CDATA",
        "comment",
        "ampersand",
        "control",
        "around",
    ],
)
async def test_other_encodings_and_small_mistakes_are_read(bench, body, maker):
    assert (await said(bench, body)).manufacturer == maker


@pytest.mark.row("1c.latin-1")
async def test_latin_1_without_a_declaration(bench):
    assert (await said(bench, text(LATIN).encode("latin-1"))).manufacturer == LATIN


@pytest.mark.row("1.encoding")
async def test_what_was_repaired_is_counted(bench):
    await said(bench, text("A & B").encode())
    assert bench.metric("acs_message_repairs_total") == 1


@pytest.mark.row("1.namespaces")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("cwmp:", "cpe:"),
        ("soap:", "SOAP-ENV:"),
        ("<cwmp:Inform>", '<Inform xmlns="urn:dslforum-org:cwmp-1-0">'),
        ("enc:arrayType", "SOAP-ENC:arrayType"),
    ],
)
async def test_prefixes_do_not_matter(bench, old, new):
    body = text().replace(old, new)
    body = body.replace("xmlns:cwmp=", "xmlns:cpe=").replace("xmlns:soap=", "xmlns:SOAP-ENV=")
    body = body.replace("xmlns:enc=", "xmlns:SOAP-ENC=")
    if new.startswith("<Inform"):
        body = body.replace("</cwmp:Inform>", "</Inform>")
    for prefix, declared in [("cwmp", "cpe"), ("soap", "SOAP-ENV"), ("enc", "SOAP-ENC")]:
        if f"<{prefix}:" in body or f" {prefix}:" in body:
            body = body.replace(f"xmlns:{declared}=", f"xmlns:{prefix}=")
    assert (await said(bench, body.encode())).serial_number == SERIAL


@pytest.mark.row("1.namespaces", "1b.4")
@pytest.mark.parametrize("version", ["1-0", "1-1", "1-2"])
async def test_the_answer_is_in_the_namespace_of_the_device(bench, version):
    async with connected(bench) as wire:
        heard = await wire.post(text().replace("cwmp-1-0", f"cwmp-{version}").encode())
        assert decode(heard.body).namespace == f"urn:dslforum-org:cwmp-{version}"
        assert b"<cwmp:InformResponse>" in heard.body


@pytest.mark.row("1.namespaces")
@pytest.mark.parametrize(
    ("namespace", "nearest"),
    [
        ("urn:dslforum-org:cwmp-1-9", "urn:dslforum-org:cwmp-1-2"),
        ("urn:dslforum-org:cwmp-2-0", "urn:dslforum-org:cwmp-1-2"),
        ("urn:broadband-forum-org:cwmp-1-1", "urn:dslforum-org:cwmp-1-1"),
        ("http://example.test/nothing", "urn:dslforum-org:cwmp-1-0"),
    ],
)
async def test_an_unknown_version_is_answered_with_the_nearest(bench, namespace, nearest):
    async with connected(bench) as wire:
        heard = await wire.post(text().replace("urn:dslforum-org:cwmp-1-0", namespace).encode())
        assert decode(heard.body).namespace == nearest


@pytest.mark.row("1.namespaces")
async def test_qualified_children_are_read(bench):
    body = text()
    for name in ("DeviceId", "Manufacturer", "OUI", "SerialNumber", "Event", "EventStruct", "EventCode"):
        body = body.replace(f"<{name}", f"<cwmp:{name}").replace(f"</{name}", f"</cwmp:{name}")
    assert (await said(bench, body.encode())).serial_number == SERIAL


@pytest.mark.row("1.header")
@pytest.mark.parametrize(
    "header",
    ["", "<soap:Header/>", "<soap:Header><cwmp:NoMoreRequests>1</cwmp:NoMoreRequests></soap:Header>"],
)
async def test_an_inform_without_an_id_is_answered(bench, header):
    before, _, rest = text().partition("<soap:Header>")
    body = before + header + rest.partition("</soap:Header>")[2]
    assert (await said(bench, body.encode())).serial_number == SERIAL


@pytest.mark.row("1.header")
@pytest.mark.parametrize("id_", ["", "7", "acs-0", "x" * 300])
async def test_an_answer_whose_id_is_not_echoed_belongs_to_what_was_asked(bench, id_):
    from tests.interop.steps import enqueue, found

    async with bench.client() as http:
        device = await provisioned(bench, http)
        command = await enqueue(bench, device, m.GetParameterValues(("Device.Time.",)))
    async with connected(bench) as wire:
        await wire.post(body_of(inform()))
        await wire.post()
        answer = body_of(m.GetParameterValuesResponse(()), id_ or "1")
        if not id_:
            start, _, rest = answer.partition(b"<soap-env:Header>")
            answer = start + rest.partition(b"</soap-env:Header>")[2]
        assert (await wire.post(answer)).status == 204
    assert (await found(bench, command)).succeeded


@pytest.mark.row("1.header")
@pytest.mark.parametrize(
    "element",
    [
        "<cwmp:HoldRequests soap:mustUnderstand='1'>1</cwmp:HoldRequests>",
        "<cwmp:HoldRequests>false</cwmp:HoldRequests>",
        "<cwmp:SessionTimeout>60</cwmp:SessionTimeout>",
        "<cwmp:SupportedCWMPVersions>1.0,1.1,1.2,1.3,1.4</cwmp:SupportedCWMPVersions>",
        "<cwmp:SupportedCWMPVersions>, ,x,9.9,1.0</cwmp:SupportedCWMPVersions>",
        "<x:Unknown xmlns:x='urn:x'>1</x:Unknown>",
    ],
)
async def test_other_header_elements_are_read_or_passed_over(bench, element):
    body = text().replace("</cwmp:ID>", f"</cwmp:ID>{element}")
    assert (await said(bench, body.encode())).serial_number == SERIAL


@pytest.mark.row("1.arrays", "1c.old-schema")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ParameterValueStruct[1]", "ParameterValueStruct[7]"),
        ("ParameterValueStruct[1]", "ParameterValueStruct[02]"),
        ("ParameterValueStruct[1]", "ParameterValueStruct[]"),
        ("ParameterValueStruct[1]", "nonsense"),
        (' enc:arrayType="cwmp:ParameterValueStruct[1]"', ""),
        (' enc:arrayType="cwmp:EventStruct[1]"', ""),
        ("EventStruct[1]", "EventStruct[0]"),
    ],
)
async def test_what_is_in_an_array_is_counted_not_what_it_says(bench, old, new):
    device = await said(bench, text().replace(old, new).encode())
    stored = await bench.node.store.read(dev.parameters_of, device.id, "Device.")
    assert stored["Device.DeviceInfo.Description"].value == "plain"


@pytest.mark.row("1.arrays")
async def test_an_empty_list_is_a_list(bench):
    head, _, rest = text().partition("<ParameterValueStruct>")
    body = head + rest.partition("</ParameterValueStruct>")[2]
    assert (await said(bench, body.encode())).serial_number == SERIAL


VALUES = [
    ("xsd:boolean", "TRUE"),
    ("xsd:boolean", "yes"),
    ("xsd:boolean", " 1 "),
    ("xsd:int", " -7"),
    ("xsd:int", "+7"),
    ("xsd:unsignedLong", "18446744073709551615"),
    ("xsd:dateTime", "2026-01-01T00:00:00"),
    ("xsd:dateTime", "2026-01-01T00:00:00,123"),
    ("xsd:dateTime", "0000-00-00"),
    ("xsd:dateTime", "0001-01-01T00:00:00Z"),
    ("lab:Colour", "red"),
    ("object", "x"),
]


@pytest.mark.row("1.values")
@pytest.mark.parametrize(("kind", "value"), VALUES)
async def test_a_value_is_kept_as_it_was_sent_with_its_declared_type(bench, kind, value):
    device = await said(bench, text(value=value).replace("xsd:string", kind).encode())
    stored = await bench.node.store.read(dev.parameters_of, device.id, "Device.")
    kept = stored["Device.DeviceInfo.Description"]
    assert (kept.value, kept.type) == (value, kind)


@pytest.mark.row("1.values")
async def test_a_value_without_a_type_is_kept(bench):
    device = await said(bench, text(value="7").replace(' xsi:type="xsd:string"', "").encode())
    stored = await bench.node.store.read(dev.parameters_of, device.id, "Device.")
    assert stored["Device.DeviceInfo.Description"].value == "7"


@pytest.mark.row("1c.old-schema")
async def test_the_schema_namespaces_of_1999_and_odd_numbers(bench):
    body = text().replace("/2001/XMLSchema", "/1999/XMLSchema")
    body = body.replace("<MaxEnvelopes>1<", "<MaxEnvelopes>2<").replace("<RetryCount>0<", "<RetryCount>00<")
    device = await said(bench, body.replace("xsd:string", "object").encode())
    stored = await bench.node.store.read(dev.parameters_of, device.id, "Device.")
    assert stored["Device.DeviceInfo.Description"].value == "plain"


@pytest.mark.row("1c.times")
@pytest.mark.parametrize(
    "time", ["Z", "+00:00", "+0000", "", "+13:45", "-24:99"], ids=lambda zone: zone or "none"
)
async def test_any_zone_of_the_current_time(bench, time):
    body = text().replace("2026-01-01T00:00:00Z", f"2026-01-01T00:00:00{time}")
    assert (await said(bench, body.encode())).serial_number == SERIAL


@pytest.mark.row("1c.times")
@pytest.mark.parametrize("time", ["1970-01-01T00:00:12Z", "0001-01-01T00:00:00Z", "", "never"])
async def test_a_device_that_does_not_know_the_time(bench, time):
    body = text().replace("2026-01-01T00:00:00Z", time)
    assert (await said(bench, body.encode())).serial_number == SERIAL


@pytest.mark.row("1c.odd-names")
async def test_a_parameter_without_an_object(bench):
    device = await said(bench, text().replace("Device.DeviceInfo.Description", ".ExternalIPAddress").encode())
    stored = await bench.node.store.read(dev.parameters_of, device.id, "")
    assert ".ExternalIPAddress" in stored


@pytest.mark.row("1c.ill-formed")
@pytest.mark.parametrize(
    "body",
    [
        text().replace("<soap:Header>", "<undeclared:X/><soap:Header>").encode(),
        text(value="2026-01-01T\xff\xfe00").encode("latin-1"),
        text().encode()[:-3],
        text().encode()[: -len("</soap:Body></soap:Envelope>")],
    ],
    ids=["undeclared prefix", "invalid UTF-8", "three bytes short", "ends missing"],
)
async def test_a_second_tolerant_parse_reads_what_the_first_can_not(bench, body):
    assert (await said(bench, body)).serial_number == SERIAL
