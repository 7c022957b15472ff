"""HTTP Digest as real clients speak it."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs.security import digest

REALM = "femto.example"


def response(
    algorithm: str, *, qop: str = "auth", nc: str = "00000001", uri: str = "/acs", password: str = "p"
) -> dict:
    name = {"MD5": "md5", "SHA-256": "sha256"}[algorithm]

    def h(text: str) -> str:
        return hashlib.new(name, text.encode()).hexdigest()

    ha1, ha2 = h(f"u:{REALM}:{password}"), h(f"POST:{uri}")
    middle = f"n:{nc}:c:{qop}:" if qop else "n:"
    fields = {
        "username": "u",
        "realm": REALM,
        "nonce": "n",
        "uri": uri,
        "response": h(f"{ha1}:{middle}{ha2}"),
    }
    if qop:
        fields |= {"qop": qop, "nc": nc, "cnonce": "c"}
    if algorithm != "MD5":
        fields["algorithm"] = algorithm
    return fields


def verify(fields: dict, path: str = "/acs") -> bool:
    return digest.verify_digest(fields, method="POST", realm=REALM, password="p", path=path)


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize("qop", ["auth", "", "AUTH"])
@pytest.mark.parametrize("nc", ["00000001", "1", "0000000a"])
@pytest.mark.parametrize("uri", ["/acs", "http://acs.example:7548/acs", "/acs?x=1"])
def test_what_clients_send_is_understood(algorithm, qop, nc, uri):
    assert verify(response(algorithm, qop=qop, nc=nc, uri=uri))


@pytest.mark.parametrize(
    "change",
    [
        {"response": "00"},
        {"realm": "other"},
        {"uri": "/other"},
        {"qop": "auth-int"},
        {"algorithm": "SHA-1"},
        {"cnonce": "other"},
        {"response": ""},
    ],
)
def test_what_is_not_right_is_refused(change):
    assert not verify({**response("MD5"), **change})


def test_the_root_path_may_be_left_out():
    assert verify(response("MD5", uri="http://acs.example"), path="/")
    assert verify(response("MD5", uri="/"), path="/")


def test_headers_are_parsed_with_quotes_commas_and_escapes():
    found = digest.parse('digest username="a\\"b", realm="x, y", nc=1 , qop="auth", uri=/acs')
    assert found.scheme == "digest"
    assert dict(found.fields) == {"username": 'a"b', "realm": "x, y", "nc": "1", "qop": "auth", "uri": "/acs"}


@pytest.mark.parametrize("header", ["", "Bearer x", "Basic ???", "Basic " + "eA==", "Digest"])
def test_other_headers_give_nothing_usable(header):
    found = digest.parse(header)
    assert found is None or not found.username


@given(st.text(max_size=300))
def test_no_header_is_an_exception(text):
    digest.parse(text)
    digest.parse("Digest " + text)
    digest.parse("Basic " + text)


def test_a_nonce_is_fresh_then_stale_and_never_forged():
    nonces = digest.Nonces(b"k" * 32, lifetime=600)
    nonce = nonces.make(1000)
    assert nonces.check(nonce, 1000) == "fresh"
    assert nonces.check(nonce, 1601) == "stale"
    assert digest.Nonces(b"x" * 32).check(nonce, 1000) == "forged"
    assert nonces.check("%%%", 1000) == "forged"
    assert nonces.check("AAAA", 1000) == "forged"
