"""Nothing secret is in what is kept of a message, however a device wraps it."""

from __future__ import annotations

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs.cwmp import encode
from acs.cwmp import messages as m
from acs.traces import MASK, redact_body, redact_echoes, redact_headers, redact_url

SECRET = "hunter2-Zaq1"
ENVELOPE = '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{}</s:Body></s:Envelope>'


def body(message: m.Message) -> str:
    return redact_body(encode(message, namespace=m.CWMP_1_2, header=m.Header(id="1")), hidden)[0]


def hidden(path: str) -> bool:
    return path == "Device.X_EXAMPLE_Pin"


def test_values_of_passwords_and_hidden_parameters_are_left_out() -> None:
    values = [
        m.ParameterValue("Device.ManagementServer.Password", SECRET),
        m.ParameterValue("Device.ManagementServer.ConnectionRequestPassword", SECRET),
        m.ParameterValue("Device.IPsec.Profile.1.PreSharedKey", SECRET),
        m.ParameterValue("Device.X_EXAMPLE_Pin", SECRET),
        m.ParameterValue("Device.Services.FAPService.1.AccessMgmt.UMTS.AccessControlList", SECRET),
        m.ParameterValue("Device.Time.NTPServer1", "ntp.example"),
    ]
    text = body(m.SetParameterValues(tuple(values), "k"))
    assert SECRET not in text
    assert text.count(MASK) == 5
    assert "ntp.example" in text


def test_what_was_left_out_in_one_place_is_found_in_others() -> None:
    left_out: set[str] = set()
    secret = "a<b>&c-Zaq1"
    given_ = m.SetParameterValues((m.ParameterValue("Device.X.Password", secret),), "k")
    redact_body(encode(given_, namespace=m.CWMP_1_2, header=m.Header(id="1")), hidden, left_out)
    assert left_out == {secret}
    fault = ENVELOPE.format(f"<F>Invalid value '{html.escape(secret, quote=False)}'</F>")
    text, _ = redact_body(fault.encode(), hidden)
    assert redact_echoes(text, left_out).count(MASK) == 1
    assert "Zaq1" not in redact_echoes(text, left_out)
    assert redact_echoes(f"fault 9007 {secret}", left_out) == f"fault 9007 {MASK}"
    assert redact_echoes("status 1", {"1"}) == "status 1"


def test_a_download_shows_neither_password_nor_the_token_of_its_url() -> None:
    url = "https://joe:hunter2-Zaq1@acs.example/files/AbCdEfGhIjKlMnOpQrSt/henb.img?sig=hunter2-Zaq1&v=2"
    text = body(m.Download("k", "1 Firmware Upgrade Image", url, username="joe", password=SECRET))
    assert SECRET not in text
    assert "AbCdEfGhIjKlMnOpQrSt" not in text
    assert "henb.img" in text
    assert "v=2" in text


@pytest.mark.parametrize(
    "content",
    [
        f"<V><Name>Device.A.Password</Name><Value><![CDATA[{SECRET}]]></Value></V>",
        f"<V><Value>{SECRET}</Value><Name>Device.A.Password</Name></V>",
        f"<V><Name>Device.A.<!-- -->Password</Name><Value>{SECRET[:4]}<!-- -->{SECRET[4:]}</Value></V>",
        f"<V><Name><b>Device.A.Password</b></Name><Value><b>{SECRET}</b></Value></V>",
        f"<x:V xmlns:x='urn:x'><x:NAME>Device.A.Password</x:NAME><x:VALUE a='1'>{SECRET}</x:VALUE></x:V>",
        f"<Password>{SECRET}</Password>",
        f"<V><Name>Device.A.Password</Name><Value>{SECRET}</Value>",  # not well-formed
        f"<V><Name>Device.A.Name</Name><Value>{SECRET} & more</Value></V>",  # a bare &
    ],
)
def test_no_wrapping_saves_a_secret(content: str) -> None:
    assert SECRET not in redact_body(ENVELOPE.format(content).encode(), hidden)[0]


@pytest.mark.parametrize(
    "content",
    [
        f"<V><Name>Device.A.Password</Name><Value><![CDATA[{SECRET}]]></Value>",
        f"<V><Name>Device.A.Password</Name><Value><!-- -->{SECRET}</Value>",
        f"<V><Name>Device.A.Password</Name><Value><b>{SECRET}</b></Value>",
        f"<V><Name>Device.A.Password</Name><Value>{SECRET}",
        f"<V><Name>Device.A.Password</Name><Value a='>'>{SECRET}</Value>",
        f"<V><Value>{SECRET[:4]}</Valu>{SECRET[4:]}</Value>",
    ],
)
@pytest.mark.parametrize("charset", ["utf-8", "utf-16-le", "utf-16", "utf-32-be"])
def test_no_wrapping_saves_a_secret_in_what_is_not_well_formed(content: str, charset: str) -> None:
    text = redact_body(ENVELOPE.format(content).encode(charset), hidden)[0]
    assert not [half for half in (SECRET[:4], SECRET[4:]) if half in text.replace("\ufffd", "")]


def test_what_is_not_well_formed_keeps_what_is_no_value() -> None:
    told = "<V><Name>Device.A</Name><Value>x</Value><b>kept</b><Value>y</Value><c>this & that</c></V>"
    text = redact_body(told.encode(), hidden)[0]
    assert text == (
        f"<V><Name>Device.A</Name><Value>{MASK}</Value><b>kept</b><Value>{MASK}</Value><c>this & that</c></V>"
    )


def test_a_document_type_is_not_shown() -> None:
    bad = b'<!DOCTYPE a [<!ENTITY x "hunter2">]><a>&x;</a>'
    assert redact_body(bad, hidden) == ("[a document type: not shown]", len(bad))


def test_a_huge_body_is_cut() -> None:
    text, cut = redact_body(b"<a>" + b"x" * 600_000 + b"</a>", hidden)
    assert (len(text), cut) == (256 * 1024, 600_007 - 256 * 1024)


def test_headers_that_prove_something_keep_their_kind_alone() -> None:
    given_ = [
        ("Authorization", 'Digest username="a", response="hunter2"'),
        ("Cookie", "acs=hunter2; other=hunter2"),
        ("set-cookie", "acs=hunter2; Path=/"),
        ("WWW-Authenticate", 'Digest nonce="hunter2"'),
        ("Proxy-Authorization", "hunter2"),
        ("Cookie", "hunter2"),
        ("X-Auth-Token", "hunter2"),
        ("X-API-Key", "Bearer hunter2"),
        ("Content-Type", "text/xml"),
    ]
    found = redact_headers(given_)
    assert "hunter2" not in str(found)
    assert ("X-Auth-Token", MASK) in found
    assert ("Cookie", f"acs {MASK}") in found
    assert found[0] == ("Authorization", f"Digest {MASK}")
    assert found[-1] == ("Content-Type", "text/xml")


def test_other_urls_stay_as_they_are() -> None:
    for url in ("https://acs.example/files/x", "urn:dslforum-org:cwmp-1-2", "http://192.0.2.1:7547/cr"):
        assert redact_url(url) == url


@given(st.binary(max_size=400))
def test_any_body_can_be_kept(raw: bytes) -> None:
    text, cut = redact_body(raw, hidden)
    text.encode("utf-8", "surrogatepass")
    assert cut >= 0
