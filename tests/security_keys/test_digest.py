"""Digest and Basic authentication of devices."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs.security import digest

NOW = 1_800_000_000.0
REALM, PASSWORD = "acs", "secret"


def answer(
    algorithm: str = "SHA-256",
    *,
    qop: str = "auth",
    nc: str = "00000001",
    uri: str = "/",
    method: str = "POST",
) -> dict[str, str]:
    """Return the fields with which a client answers a challenge."""
    fields = {"username": "henb", "realm": REALM, "nonce": "n", "uri": uri, "algorithm": algorithm}
    fields |= {"qop": qop, "nc": nc, "cnonce": "c"} if qop else {}

    def h(text: str) -> str:
        name = {"SHA-256": "sha256", "MD5": "md5"}[algorithm.upper()]
        return hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest()

    middle = f":{fields['nc']}:{fields['cnonce']}:{qop}" if qop else ""
    fields["response"] = h(f"{h(f'henb:{REALM}:{PASSWORD}')}:n{middle}:{h(f'{method}:{uri}')}")
    return fields


def verify(fields: dict[str, str], path: str = "/", password: str = PASSWORD) -> bool:
    return digest.verify_digest(fields, method="POST", realm=REALM, password=password, path=path)


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5", "md5"])
@pytest.mark.parametrize("qop", ["auth", "AUTH", ""])
def test_the_right_password_is_accepted(algorithm: str, qop: str) -> None:
    assert verify(answer(algorithm, qop=qop))
    assert not verify(answer(algorithm, qop=qop), password="other")


@pytest.mark.parametrize(
    ("uri", "path", "fits"),
    [
        ("/", "/", True),
        ("", "/", True),
        ("/cwmp", "/cwmp", True),
        ("/cwmp", "/cwmp/", True),
        ("https://acs:7548/cwmp?x=1", "/cwmp", True),
        ("https://acs", "/", True),
        ("/other", "/cwmp", False),
        ("", "/cwmp", False),
    ],
)
def test_the_path_must_fit_however_it_is_written(uri: str, path: str, fits: bool) -> None:
    assert verify(answer(uri=uri), path) is fits


@pytest.mark.parametrize(
    "wrong",
    [
        {"response": ""},
        {"response": "0" * 64},
        {"response": "ß"},
        {"realm": "other"},
        {"algorithm": "SHA-512"},
        {"qop": "auth-int"},
        {"qop": "auth-conf"},
        {"nc": "00000002"},
        {"cnonce": "d"},
        {"username": "other"},
        {"nonce": "m"},
    ],
)
def test_an_answer_with_anything_wrong_is_refused(wrong: dict[str, str]) -> None:
    assert not verify(answer() | wrong)


@pytest.mark.parametrize("nc", ["1", "0000000a"])
def test_a_count_is_taken_as_it_was_written(nc: str) -> None:
    assert verify(answer(nc=nc))


def test_an_answer_without_an_algorithm_is_md5() -> None:
    fields = answer("MD5")
    del fields["algorithm"]
    assert verify(fields)


def test_an_answer_for_another_method_is_refused() -> None:
    assert not verify(answer(method="GET"))


def test_a_response_in_capitals_is_accepted() -> None:
    fields = answer()
    assert verify(fields | {"response": fields["response"].upper()})


def test_a_nonce_is_fresh_then_stale() -> None:
    nonces = digest.Nonces(b"k" * 32, lifetime=600)
    nonce = nonces.make(NOW)
    assert nonce != nonces.make(NOW)
    times = (NOW - 5, NOW, NOW + 600, NOW + 601, NOW - 6)
    assert [nonces.check(nonce, at) for at in times] == ["fresh", "fresh", "fresh", "stale", "stale"]


@given(st.text(max_size=60))
def test_a_nonce_that_is_not_ours_is_forged(text: str) -> None:
    assert digest.Nonces(b"k" * 32).check(text, NOW) == "forged"


def test_a_nonce_of_another_key_is_forged() -> None:
    assert digest.Nonces(b"k" * 32).check(digest.Nonces(b"l" * 32).make(NOW), NOW) == "forged"


def test_a_challenge_offers_the_better_algorithm_first() -> None:
    first, second = digest.challenge(REALM, "n")
    assert first == 'Digest realm="acs", qop="auth", algorithm=SHA-256, nonce="n"'
    assert "algorithm=MD5" in second
    assert all(each.endswith("stale=true") for each in digest.challenge(REALM, "n", stale=True))


def basic(text: bytes) -> str:
    return "Basic " + base64.b64encode(text).decode()


def test_basic_credentials_are_read() -> None:
    found = digest.parse(basic(b"henb:a:b"))
    assert found == digest.Authorization("basic", "henb", "a:b")


@pytest.mark.parametrize("header", ["", "Bearer x", basic(b"henb"), basic(b"\xff:x"), "Basic !", "Basic"])
def test_a_header_that_is_broken_or_unknown_is_none(header: str) -> None:
    assert digest.parse(header) is None


def test_digest_fields_are_read_however_they_are_quoted() -> None:
    found = digest.parse('DIGEST username="a\\"b", Realm = acs,nc=00000001, uri="/x?a=1,b", qop=auth')
    assert found is not None
    assert (found.scheme, found.username, found.password) == ("digest", 'a"b', None)
    assert found.fields == {
        "username": 'a"b',
        "realm": "acs",
        "nc": "00000001",
        "uri": "/x?a=1,b",
        "qop": "auth",
    }


@given(st.text(max_size=200))
def test_any_header_is_read_without_complaint(text: str) -> None:
    digest.parse(text)
    digest.parse(f"Digest {text}")
    digest.parse(f"Basic {text}")


def test_secrets_are_compared() -> None:
    assert digest.same_secret("ä", "ä")
    assert not digest.same_secret("a", "b")
