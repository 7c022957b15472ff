"""UDP connection requests: what is signed, what a device believes."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs.cwmp.udp_request import (
    RequestMemory,
    UdpConnectionRequest,
    UdpRequestError,
    build_request,
    parse_request,
)

REQUEST = UdpConnectionRequest("1120673700", "1234", "CPE57689", "XTGRWIPC6D3IPXS3")
TO = ("10.1.1.1", 8080)


def test_a_request_as_a_device_gets_it():
    data = build_request(TO, REQUEST, "secret")
    assert data.startswith(
        b"GET http://10.1.1.1:8080?ts=1120673700&id=1234&un=CPE57689&cn=XTGRWIPC6D3IPXS3&sig="
    )
    assert data.endswith(b" HTTP/1.1\r\n\r\n")
    found = parse_request(data)
    assert found.signed_with("secret")
    assert len(found.sig) == 40
    assert not found.signed_with("Secret")


def test_the_case_of_the_signature_does_not_matter_all_else_does():
    data = build_request(TO, REQUEST, "secret")
    sig = data.partition(b"sig=")[2].split()[0]
    assert parse_request(data.replace(sig, sig.lower())).signed_with("secret")
    for old, new in (
        (b"1120673700", b"1120673701"),
        (b"1234", b"1235"),
        (b"CPE5", b"CPE6"),
        (b"XTG", b"XTH"),
    ):
        assert not parse_request(data.replace(old, new)).signed_with("secret")


@given(st.text(max_size=30), st.text(min_size=1, max_size=30), st.integers(0, 2**40), st.integers(0, 2**32))
def test_whatever_is_in_the_fields_comes_back(un, cn, ts, id_):
    un, cn = (each.encode("utf-8", "ignore").decode() for each in (un, cn + "x"))
    request = UdpConnectionRequest(str(ts), str(id_), un, cn)
    found = parse_request(build_request(("2001:db8::1", 1), request, "p"))
    assert (found.ts, found.id, found.un, found.cn) == (request.ts, request.id, un, cn)
    assert found.signed_with("p")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GET / HTTP/1.1",
        b"POST http://x?ts=1&id=2&un=u&cn=c&sig=s HTTP/1.1\r\n\r\n",
        b"GET http://x?ts=1&id=2&un=u&cn=c HTTP/1.1\r\n\r\n",
        b"GET http://x?ts=now&id=2&un=u&cn=c&sig=s HTTP/1.1\r\n\r\n",
        b"GET http://x?ts=-1&id=2&un=u&cn=c&sig=s HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_request_is_an_error(data):
    with pytest.raises(UdpRequestError):
        parse_request(data)


@given(st.binary(max_size=200))
def test_whatever_comes_is_a_request_or_an_error(data):
    for each in (data, b"GET http://x?ts=1&id=2&" + data + b"&cn=c&sig=s HTTP/1.1"):
        with contextlib.suppress(UdpRequestError):
            parse_request(each).signed_with("p")


def test_a_request_is_obeyed_once_and_time_does_not_go_backwards():
    memory = RequestMemory()

    def accept(ts: int, id_: str) -> bool:
        return memory.accept(UdpConnectionRequest(str(ts), id_, "u", "c"))

    assert accept(100, "1")
    assert not accept(100, "1")  # its copy
    assert accept(100, "2")
    assert not accept(99, "3")
    assert accept(101, "1")
    assert not accept(100, "2")
