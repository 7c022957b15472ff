"""STUN messages: the RFC's vectors, round trips, and whatever else comes in a datagram."""

from __future__ import annotations

import contextlib
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs.cwmp import stun
from acs.cwmp.stun import Attribute, StunError, StunMessage

# RFC 5769 2.1 and 2.2
REQUEST = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff"
    "80290008932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249"
    "c1b571a280280004e57a3bcf"
)
RESPONSE = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643"
    "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96"
)
PASSWORD = "VOkJxbRl1RmTxUk/WvJxBt"


def test_the_vectors_of_the_rfc():
    request, response = stun.decode(REQUEST), stun.decode(RESPONSE)
    assert (request.kind, request.username, request.modern) == (stun.BINDING_REQUEST, "evtj:h6vY", True)
    assert request.unknown == (0x0024,)
    assert stun.mapped_address(response) == ("192.0.2.1", 32853)
    for data in (REQUEST, RESPONSE):
        assert stun.integrity_holds(data, PASSWORD)
        assert not stun.integrity_holds(data, PASSWORD + "x")


addresses = st.tuples(st.ip_addresses().map(str), st.integers(1, 65535))
transactions = st.binary(min_size=16, max_size=16) | st.binary(min_size=12, max_size=12).map(
    lambda rest: b"\x21\x12\xa4\x42" + rest
)
messages = st.builds(
    StunMessage,
    st.sampled_from([stun.BINDING_REQUEST, stun.BINDING_RESPONSE, stun.BINDING_ERROR]),
    transactions,
    st.lists(
        st.tuples(st.integers(0, 0xFFFF).filter(lambda kind: kind != 8), st.binary(max_size=40)), max_size=8
    ).map(tuple),
)


@given(messages, st.none() | st.text(max_size=20), st.none() | st.booleans())
def test_a_message_comes_back_as_it_was(message, password, classic):
    if password is not None:
        password = password.encode("utf-8", "ignore").decode()
    data = stun.encode(message, password=password, classic=classic)
    back = stun.decode(data)
    assert (back.kind, back.transaction) == (message.kind, message.transaction)
    kept = [each for each in back.attributes if password is None or each[0] != Attribute.MESSAGE_INTEGRITY]
    assert tuple(kept) == message.attributes
    if password is not None:
        assert stun.integrity_holds(data, password)
        assert not stun.integrity_holds(data, password + "x")


@given(messages, st.integers(0, 10_000))
def test_what_was_altered_on_the_way_is_noticed(message, place):
    data = bytearray(stun.encode(message, password="secret"))
    place %= len(data)
    data[place] ^= 0x01
    try:
        stun.decode(bytes(data))
        assert not stun.integrity_holds(bytes(data), "secret")
    except StunError:
        pass


@given(addresses, transactions)
def test_an_address_comes_back_plain_or_hidden(endpoint, transaction):
    assert stun.unpack_endpoint(stun.pack_endpoint(endpoint)) == endpoint
    assert stun.unpack_endpoint(stun.pack_endpoint(endpoint, transaction), transaction) == endpoint


@given(addresses)
def test_an_endpoint_comes_back_from_its_text(endpoint):
    host, port = stun.parse_endpoint(stun.endpoint_text(endpoint))
    assert ipaddress.ip_address(host) == ipaddress.ip_address(endpoint[0])
    assert port == endpoint[1]


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("192.0.2.1", ("192.0.2.1", 80)),
        ("192.0.2.1:7547", ("192.0.2.1", 7547)),
        ("henb.example:7547", ("henb.example", 7547)),
        ("2001:db8::1", ("2001:db8::1", 80)),
        ("[2001:db8::1]:7547", ("2001:db8::1", 7547)),
    ],
)
def test_addresses_as_devices_report_them(text, endpoint):
    assert stun.parse_endpoint(text) == endpoint


@pytest.mark.parametrize("text", ["", ":7547", "a:b", "a:0", "a:65536", "a:99999999", "a\nb:1", "x" * 300])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(StunError):
        stun.parse_endpoint(text)


@given(st.binary(max_size=120))
def test_whatever_comes_is_a_message_or_an_error(data):
    for each in (data, b"\x00\x01" + len(data).to_bytes(2, "big") + bytes(16) + data):
        try:
            message = stun.decode(each)
        except StunError:
            continue
        stun.integrity_holds(each, "x")
        assert message.error_code < 1100
        assert isinstance(message.username, str)
        for kind in (Attribute.MAPPED_ADDRESS, Attribute.XOR_MAPPED_ADDRESS):
            with contextlib.suppress(StunError):
                stun.unpack_endpoint(message.get(kind) or b"")


@pytest.mark.parametrize("code", stun.REASONS)
def test_an_error_says_its_code(code):
    message = StunMessage(stun.BINDING_ERROR, bytes(16), stun.error_value(code, (1, 2, 3)))
    assert stun.decode(stun.encode(message)).error_code == code


def test_a_username_may_lack_its_padding_at_the_end():
    data = b"\x00\x01\x00\x07" + bytes(16) + b"\x00\x06\x00\x03abc"
    assert stun.decode(data).username == "abc"
