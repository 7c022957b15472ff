"""What a message may cost, and what is refused outright."""

import pytest

from acs.cwmp import DEFAULT_LIMITS, DecodeError, Limits, decode, encode
from acs.cwmp import messages as m

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
EMPTY_BODY = f'<s:Envelope xmlns:s="{SOAP}"><s:Body/></s:Envelope>'


def soap(body, before=""):
    return (
        f'{before}<s:Envelope xmlns:s="{SOAP}" xmlns:c="urn:dslforum-org:cwmp-1-0">'
        f"<s:Body>{body}</s:Body></s:Envelope>"
    )


def refusal(body, **options):
    with pytest.raises(DecodeError) as caught:
        decode(body, **options)
    return caught.value


def test_a_message_may_have_as_many_bytes_as_allowed_and_no_more():
    body = encode(m.Reboot("k"))
    assert decode(body, limits=Limits(max_bytes=len(body))).message == m.Reboot("k")
    error = refusal(body, limits=Limits(max_bytes=len(body) - 1))
    assert error.fault_code == 8004
    assert str(len(body)) in error.reason


def test_a_message_of_too_many_elements_is_refused_before_it_is_parsed():
    body = encode(m.GetParameterValues(("A",) * 100))
    assert len(decode(body, limits=Limits(max_elements=105)).message.names) == 100
    assert refusal(body, limits=Limits(max_elements=50)).fault_code == 8004


def test_elements_may_nest_as_deep_as_allowed_and_no_deeper():
    body = soap("<c:Deep>" + "<a>" * 7 + "</a>" * 7 + "</c:Deep>").encode()
    message = decode(body, limits=Limits(max_depth=10)).message
    assert message == m.UnknownMethod(m.CWMP_1_0, "Deep", (("a/a/a/a/a/a/a", ""),))
    assert refusal(body, limits=Limits(max_depth=9)).fault_code == 8004


def test_attributes_without_end_are_refused_before_they_are_parsed():
    many = " ".join(f"a{number}=''" for number in range(20_000))
    assert refusal(soap(f"<c:Reboot {many}/>").encode()).fault_code == 8004
    assert "attributes" in refusal(soap(f"<c:Reboot {many}/>").encode("utf-16-le")).reason


def test_elements_without_end_are_refused():
    assert refusal(b"<a>" * 100_000).fault_code == 8004


def test_a_limit_of_depth_beyond_the_parsers_own_leaves_it_to_the_parser():
    body = soap("<a>" * 400 + "</a>" * 400).encode()
    assert decode(body, limits=Limits(max_depth=1000)).repairs


def test_the_default_limits_let_a_whole_data_model_through():
    values = tuple(m.ParameterValue(f"Device.Object.{i}.Parameter", str(i)) for i in range(20_000))
    message = m.GetParameterValuesResponse(values)
    body = encode(message)
    assert decode(body, limits=DEFAULT_LIMITS).message == message


LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
EXTERNAL = '<!DOCTYPE x [<!ENTITY b SYSTEM "file:///etc/hostname">]>'
PARAMETER = '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd" [<!ENTITY % p "x">]>'
REBOOT = '<c:Reboot a="1"><CommandKey>&b;</CommandKey></c:Reboot>'


@pytest.mark.parametrize("declaration", [LAUGHS, EXTERNAL, PARAMETER, "<!DOCTYPE x>", "<!doctype x>"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_document_type_declaration_is_refused_in_any_encoding(declaration, encoding):
    error = refusal(soap(REBOOT, declaration).encode(encoding))
    assert "document type" in error.reason
    assert error.fault_code == 8003


def test_a_document_type_declaration_hidden_by_an_encoding_is_refused():
    hidden = LAUGHS.replace("<!", "+ADwAIQ-")
    body = f'<?xml version="1.0" encoding="UTF-7"?>{soap(REBOOT, hidden)}'.encode()
    assert b"<!DOCTYPE" not in body
    assert "document type" in refusal(body).reason


def test_an_entity_that_xml_does_not_define_is_text():
    envelope = decode(soap("<c:Reboot><CommandKey>&b;&nbsp;&lt;&#65;&#x42;</CommandKey></c:Reboot>").encode())
    assert envelope.message == m.Reboot("&b;&nbsp;<AB")
    assert envelope.repairs == ("removed what XML cannot carry",)


def test_an_entity_is_no_method():
    assert "empty" in refusal(soap("&Inform;").encode()).reason
    assert decode(soap("&x;<c:GetRPCMethods/>").encode()).message == m.GetRPCMethods()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not XML"),
        (b"\0", "not XML"),
        (b"hello", "not XML"),
        (b"<?x?>", "not XML"),
        (b"\xff\xfe", "not XML"),
        (b"{}", "not XML"),
        (b"<html><body>404</body></html>", "the root element is 'html'"),
        (EMPTY_BODY.encode(), "the SOAP Body is empty"),
        (f'<s:Envelope xmlns:s="{SOAP}"><s:Header/></s:Envelope>'.encode(), "0 Body elements"),
        (EMPTY_BODY.replace("<s:Body/>", "<s:Body><a/></s:Body>" * 2).encode(), "2 Body elements"),
    ],
)
def test_what_is_no_message_is_refused_with_8003(body, reason):
    error = refusal(body)
    assert reason in error.reason
    assert error.fault_code == 8003
    assert str(error) == error.reason
