"""Lightweight notifications: as the schema has them, as a known client sends them, and as nobody should."""

from __future__ import annotations

import contextlib
import hmac
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from acs.cwmp import messages as m
from acs.cwmp.lightweight import (
    MAX_PARAMETERS,
    NAMESPACE,
    Notification,
    NotificationError,
    build_notification,
    parse_notification,
)

SCHEMA = Path(__file__).parents[3] / "shared/bbf/cwmp-UDPLightweightNotification-1-0.xsd"
NAME = "Device.DeviceInfo.UpTime"
TOLD = Notification(
    1_800_000_000, "u", "c", "0005B9", "HeNB", "A1", (m.ParameterValue(NAME, "5 < 6 & 7", ""),)
)
text = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff")
)
word = text.filter(lambda each: each.strip() == each and 0 < len(each) <= 40)


def test_a_notification_comes_back_signed():
    found = parse_notification(build_notification(TOLD, "secret", host="acs.example"))
    assert found.notification == TOLD
    assert found.signed_with("secret")
    assert not found.signed_with("Secret")
    assert not found.signed_with("")


def test_an_empty_password_signs_nothing():
    assert not parse_notification(build_notification(TOLD, "", host="x")).signed_with("")


@pytest.mark.skipif(not SCHEMA.exists(), reason="the official schema is not there: ../shared/bbf")
def test_what_the_simulator_sends_is_valid_by_the_official_schema():
    document = etree.parse(SCHEMA)
    for each in document.findall("{http://www.w3.org/2001/XMLSchema}import"):
        each.getparent().remove(each)  # of SOAP, which is not used
    schema = etree.XMLSchema(document)
    schema.assertValid(etree.fromstring(parse_notification(build_notification(TOLD, "s", host="x")).body))


@given(word, word, word, st.lists(st.tuples(word, text), min_size=1, max_size=5), st.text("abc", min_size=1))
def test_whatever_is_told_comes_back(username, cnonce, serial, values, password):
    values = tuple(m.ParameterValue(name, value, "") for name, value in values)
    told = Notification(7, username, cnonce, "0005B9", "", serial, values)
    found = parse_notification(build_notification(told, password, host="x"))
    assert found.notification == told
    assert found.signed_with(password)


def test_a_client_with_bare_lines_odd_case_and_a_plain_namespace():
    body = (
        f'<?xml version="1.0"?>\n<Notification xmlns="{NAMESPACE}"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema">'
        f"<TS>9</TS><UN>u</UN><CN>c</CN><OUI>0005B9</OUI><SerialNumber>A1</SerialNumber>"
        f'<Param><Name>{NAME}</Name><Value xsi:type="xsd:unsignedInt">12</Value></Param></Notification>'
    ).encode()
    signature = hmac.new(b"p", body, "sha1").hexdigest()
    head = f"POST /HTTPS/1.1 \n HOST: x \n Content-Lenght: {len(body)}\n Signature: {signature} \n\n".encode()
    found = parse_notification(head + body)
    assert found.signed_with("p")
    assert found.notification.parameters == (m.ParameterValue(NAME, "12", "xsd:unsignedInt"),)


def wrapped(body: bytes) -> bytes:
    return b"POST / HTTP/1.1\r\nSignature: " + b"0" * 40 + b"\r\n\r\n" + body


PLAIN = build_notification(TOLD, "s", host="x").partition(b"\r\n\r\n")[2]
MANY = b"<lwn:Param><lwn:Name>a</lwn:Name><lwn:Value/></lwn:Param>" * (MAX_PARAMETERS + 1)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no POST"),
        (PLAIN, "no POST"),
        (b"POST / HTTP/1.1\r\n\r\n" + PLAIN, "not signed"),
        (wrapped(b"<a/>"), "not a Notification"),
        (wrapped(b"no xml"), "not XML"),
        (wrapped(PLAIN.replace(b"TS>", b"XS>")), "no TS"),
        (wrapped(PLAIN.replace(b"<lwn:TS>1800000000", b"<lwn:TS>now")), "no number"),
        (wrapped(PLAIN.replace(b"lwn:Param>", b"lwn:Other>")), "no Param"),
        (wrapped(PLAIN.replace(b"<lwn:Param>", MANY + b"<lwn:Param>")), "parameters"),
        (wrapped(b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>' + PLAIN), "document type|DOCTYPE"),
        (wrapped(b"<a>" * 20 + b"</a>" * 20), "deeper"),
        (b"POST" + b"x" * 20_000, "bytes"),
    ],
)
def test_what_is_refused_says_why(data, why):
    with pytest.raises(NotificationError, match=why):
        parse_notification(data)


@given(st.binary(max_size=300))
def test_whatever_comes_is_a_notification_or_an_error(data):
    for each in (data, wrapped(data), wrapped(PLAIN[: len(data)] + data)):
        with contextlib.suppress(NotificationError):
            parse_notification(each).signed_with("p")
