"""Reading what real clients send: the corpus of quirks, and what each of them comes to."""

import tarfile
from pathlib import Path

import pytest

from acs.cwmp import DecodeError, decode
from acs.cwmp import messages as m

CORPUS = Path(__file__).parent / "corpus"
CAPTURES = Path(__file__).parents[3] / "shared" / "data" / "client-captures.tar.xz"

VALUE = m.ParameterValue("Device.DeviceInfo.SoftwareVersion", "4.2.1")


def read(name):
    return decode((CORPUS / f"{name}.xml").read_bytes())


def soap(body, header=""):
    return (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'
        f' xmlns:c="urn:dslforum-org:cwmp-1-0">{header}<s:Body>{body}</s:Body></s:Envelope>'
    ).encode()


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.xml")), ids=lambda path: path.stem)
def test_every_file_of_the_corpus_is_a_message(path):
    decode(path.read_bytes())


def test_a_well_formed_inform_needs_no_repair():
    envelope = read("inform-plain")
    assert envelope.repairs == ()
    assert envelope.namespace == m.CWMP_1_2
    assert envelope.header == m.Header(id="17")
    assert envelope.message == m.Inform(
        m.DeviceId("Lab Femto Works", "0005B9", "HeNB", "0005B9000017"),
        (m.Event("0 BOOTSTRAP"), m.Event("1 BOOT")),
        1,
        "2026-03-04T05:06:07+01:00",
        0,
        (VALUE,),
    )


@pytest.mark.parametrize(
    ("name", "namespace", "repairs"),
    [
        ("inform-other-prefix", m.CWMP_1_1, []),
        ("inform-default-namespace", m.CWMP_1_0, []),
        ("inform-undeclared-prefix", m.CWMP_1_0, ["repaired ill-formed XML"]),
        ("inform-undeclared-xsi", m.CWMP_1_0, ["repaired ill-formed XML"]),
        ("inform-bom", m.CWMP_1_0, []),
        ("inform-no-header", m.CWMP_1_0, []),
        ("inform-no-array-types", m.CWMP_1_0, []),
        ("inform-no-declaration", m.CWMP_1_0, []),
        ("inform-unknown-version", m.CWMP_1_2, []),
        ("inform-leading-blank-lines", m.CWMP_1_0, ["read without its XML declaration"]),
        ("inform-trailing-nul", m.CWMP_1_0, ["removed what XML cannot carry"]),
    ],
)
def test_the_form_of_an_inform_does_not_matter(name, namespace, repairs):
    envelope = read(name)
    assert envelope.message.device_id == m.DeviceId("Lab Femto Works", "0005B9", "HeNB", "0005B9000017")
    assert envelope.message.events == (m.Event("2 PERIODIC"),)
    assert envelope.message.parameters == (VALUE,)
    assert envelope.namespace == namespace
    assert [repair.partition(":")[0] for repair in envelope.repairs] == repairs


@pytest.mark.parametrize(
    ("name", "manufacturer", "repairs"),
    [
        ("inform-utf-16", "Fémto Wörks", ()),
        ("inform-utf-16-damaged", "Lab & Femto", ("read as UTF-16", "removed what XML cannot carry")),
        ("inform-latin-1", "Fémto Wörks", ("read as ISO-8859-1: the bytes are not UTF-8",)),
    ],
)
def test_other_encodings_are_read(name, manufacturer, repairs):
    envelope = read(name)
    assert envelope.message.device_id.manufacturer == manufacturer
    assert envelope.repairs == repairs


@pytest.mark.parametrize(
    ("charset", "expected", "repair"),
    [
        ("cp1250", "Łódź", "read as cp1250"),
        (None, "£ód\x9f", "read as ISO-8859-1: the bytes are not UTF-8"),
        ("utf-8", "£ód\x9f", "read as ISO-8859-1: the bytes are not UTF-8"),
        ("no-such-charset", "£ód\x9f", "read as ISO-8859-1: the bytes are not UTF-8"),
        ("ascii", "£ód\x9f", "read as ISO-8859-1: the bytes are not UTF-8"),
        ("a\0b", "£ód\x9f", "read as ISO-8859-1: the bytes are not UTF-8"),
        ("punycode", "£ód\x9f", "read as ISO-8859-1: the bytes are not UTF-8"),
        ("unicode_escape", "£ód\x9f", "read as ISO-8859-1: the bytes are not UTF-8"),
        ("utf-7", "£ód\x9f", "read as ISO-8859-1: the bytes are not UTF-8"),
        ("hex", "£ód\x9f", "read as ISO-8859-1: the bytes are not UTF-8"),
    ],
)
def test_the_charset_of_the_http_header_is_tried_where_the_bytes_are_not_utf_8(charset, expected, repair):
    body = soap("<c:Reboot><CommandKey>Łódź</CommandKey></c:Reboot>").decode().encode("cp1250")
    envelope = decode(body, charset=charset)
    assert envelope.message == m.Reboot(expected)
    assert envelope.repairs == (repair,)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("inform-bare-ampersand", m.ParameterValue("Device.X.URL", "http://h/?a=1&b=2&c=3&nbsp;")),
        ("inform-control-characters", m.ParameterValue("Device.A", "abc")),
        ("inform-cdata", m.ParameterValue("Device.A", "<b> & c")),
        ("inform-trailing-spaces", m.ParameterValue("Device.A", " v ")),
    ],
)
def test_values_are_kept_as_they_were_meant(name, value):
    assert read(name).message.parameters == (value,)


def test_event_codes_keep_their_raw_text():
    codes = [event.code for event in read("inform-trailing-spaces").message.events]
    assert codes == ["4 VALUE CHANGE ", " M Reboot", "6  connection request"]


def test_numbers_that_are_none_become_zero_and_are_told():
    envelope = read("inform-odd-numbers")
    assert (envelope.message.max_envelopes, envelope.message.retry_count) == (0, 0)
    assert [repair.partition(":")[0] for repair in envelope.repairs] == ["MaxEnvelopes", "RetryCount"]


@pytest.mark.parametrize(
    ("text", "number"),
    [("7", 7), (" +7\n", 7), ("-1", -1), ("4294967295", 4294967295), ("007", 7)]
    + [(text, 0) for text in ("4294967296", "-2147483649", "1_0", "٣", "0x10", "1.0", "9" * 5000)],
)
def test_a_number_has_ascii_digits_and_32_bits(text, number):
    body = soap(f"<c:AddObjectResponse><InstanceNumber>{text}</InstanceNumber></c:AddObjectResponse>")
    assert decode(body).message.instance_number == number


@pytest.mark.parametrize(
    ("text", "code"), [("0", 0), ("9010", 9010), ("", 0), ("success", 9002), ("99999", 9002)]
)
def test_an_unreadable_fault_code_is_no_success(text, code):
    body = soap(
        f"<c:TransferComplete><FaultStruct><FaultCode>{text}</FaultCode></FaultStruct></c:TransferComplete>"
    )
    assert decode(body).message.fault.code == code
    assert read("transfer-complete-odd-fault").message.fault.code == 9002


def test_parts_that_are_missing_are_empty():
    assert read("inform-missing-parts").message == m.Inform(m.DeviceId("", "0005B9", "", ""), (), 0)
    transfer = read("autonomous-transfer").message
    assert transfer.fault == m.FaultStruct()
    assert (transfer.is_download, transfer.file_size) == (True, 12)
    assert decode(soap("<c:GetParameterNames/>")).message == m.GetParameterNames("", False)
    unnamed = decode(soap("<c:SetParameterValues><ParameterList><x/></ParameterList></c:SetParameterValues>"))
    assert unnamed.message.parameters == (m.ParameterValue("", ""),)


def test_the_header_of_cwmp_1_4_is_read():
    assert read("inform-headers-1-4").header == m.Header(
        id="4711",
        hold_requests=False,
        no_more_requests=True,
        session_timeout=60,
        supported_cwmp_versions=("1.0", "1.1", "1.2", "1.4"),
        use_cwmp_version="1.4",
    )


def test_declared_types_have_the_conventional_prefix_where_they_are_known():
    assert read("values-response").message.parameters == (
        m.ParameterValue("Device.A", "3", "xsd:unsignedInt"),
        m.ParameterValue("Device.B", "plain", "xsd:string"),
        m.ParameterValue("Device.C", "red", "lab:Colour"),
        m.ParameterValue("Device.D", "", "xsd:string"),
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fault-of-values", m.Fault(9003, "Invalid arguments", (m.SetParameterValuesFault(
            "Device.A", 9007, "Invalid parameter value"),))),
        ("fault-without-detail", m.Fault(9002, "Server out of memory")),
        ("fault-empty", m.Fault(9002, "SOAP fault without detail")),
        ("fault-sentence-for-code", m.Fault(9002, "Method not supported")),
        ("fault-detail-misplaced", m.Fault(9000, "no")),
        ("vendor-method", m.UnknownMethod("urn:example:lab", "X_0005B9_Sing", (("Song", "1"),))),
        ("get-rpc-methods", m.GetRPCMethods()),
        ("request-download", m.RequestDownload("1 Firmware Upgrade Image", (("Version", "5"),))),
        ("names-response", m.GetParameterNamesResponse(
            (m.ParameterInfo("Device.", False), m.ParameterInfo("Device.A", True)))),
        ("attributes-response", m.GetParameterAttributesResponse(
            (m.ParameterAttribute("Device.A", 2, ("Subscriber",)),))),
        ("change-du-state", m.ChangeDUState("du", (m.UninstallOperation("u1"), m.UpdateOperation(
            "u2", url="http://h/u"), m.InstallOperation("http://h/i")))),
        ("set-attributes", m.SetParameterAttributes((
            m.SetParameterAttribute("Device.A", 2, None),
            m.SetParameterAttribute("Device.B", None, ("Subscriber",)),
            m.SetParameterAttribute("Device.C", None, ())))),
    ],
)  # fmt: skip
def test_answers_and_calls_are_read(name, message):
    assert read(name).message == message


def test_every_request_that_was_captured_of_real_clients_is_a_message():
    if not CAPTURES.is_file():
        pytest.skip(f"the captures are not at {CAPTURES}")
    with tarfile.open(CAPTURES) as archive:  # read, not extracted: early 3.11 has no extraction filters
        wanted = [each for each in archive if each.isfile() and each.name.endswith("-req.xml")]
        bodies = {each.name: archive.extractfile(each).read() for each in wanted}
    assert bodies
    refused = {}
    for name, body in bodies.items():
        try:
            decode(body)
        except DecodeError as error:
            refused[name] = error.reason
    assert refused == {}
