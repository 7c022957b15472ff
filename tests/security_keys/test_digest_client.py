"""Answering the challenges of devices, checked against the RFC's example and against our own verifier."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs.security import digest
from acs.security.digest_client import answer_challenge, best_challenge, parse_challenges

# RFC 7616 3.9.1
_RFC = 'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, nonce="{}", opaque="{}"'
_NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
_OPAQUE = "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_example_of_the_rfc(algorithm, response):
    [challenge] = parse_challenges([_RFC.format(algorithm, _NONCE, _OPAQUE)])
    header = answer_challenge(
        challenge,
        "Mufasa",
        "Circle of Life",
        method="GET",
        uri="/dir/index.html",
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )
    assert f'response="{response}"' in header
    assert f'opaque="{_OPAQUE}"' in header
    assert "qop=auth, nc=00000001" in header


@pytest.mark.parametrize(
    ("headers", "scheme", "algorithm"),
    [
        (["Digest realm=x, nonce=a", "Digest realm=x, nonce=b, algorithm=SHA-256"], "digest", "SHA-256"),
        (["Basic realm=x, Digest realm=y, nonce=a"], "digest", "MD5"),
        (['Digest realm="a, Basic realm=b", nonce="n"'], "digest", "MD5"),
        (["Basic realm=x"], "basic", "MD5"),
        (['DIGEST Realm = "x" , NONCE="n",algorithm="md5-sess",qop="auth"'], "digest", "MD5-SESS"),
        (["Digest realm=x, nonce=a, algorithm=SHA-512-256, Basic realm=x"], "basic", "MD5"),
        (['Digest realm=x, nonce=a, qop="token", Basic realm=x'], "basic", "MD5"),
        (["Negotiate", "Basic realm=x"], "basic", "MD5"),
    ],
)
def test_the_strongest_challenge_is_chosen(headers, scheme, algorithm):
    found = best_challenge(parse_challenges(headers))
    assert (found.scheme, found.algorithm) == (scheme, algorithm)


@pytest.mark.parametrize("headers", [[], [""], ["Negotiate"], ["Digest realm=x"], ["Digest nonce="], ["="]])
def test_no_challenge_that_can_be_answered(headers):
    assert best_challenge(parse_challenges(headers)) is None


@pytest.mark.parametrize("qop", ["", 'qop="auth"', "qop=auth", 'qop="auth-int,auth"'])
@pytest.mark.parametrize("algorithm", ["", "algorithm=MD5", 'algorithm="SHA-256"'])
@given(
    username=st.text("abcXYZ0.\\\"' ", max_size=8),
    password=st.text('abcé\\":', min_size=1, max_size=8),
    realm=st.text('a b\\"', max_size=8),
)
def test_what_is_answered_is_what_a_verifier_expects(qop, algorithm, username, password, realm):
    quoted = realm.replace("\\", "\\\\").replace('"', '\\"')
    header = ", ".join(part for part in (f'Digest realm="{quoted}"', 'nonce="n"', qop, algorithm) if part)
    challenge = best_challenge(parse_challenges([header]))
    answer = answer_challenge(challenge, username, password, method="GET", uri="/cr?x=1", cnonce="c")
    given_ = digest.parse(answer)
    assert given_.username == username
    assert digest.verify_digest(given_.fields, method="GET", realm=realm, password=password, path="/cr")
    assert not digest.verify_digest(
        given_.fields, method="GET", realm=realm, password=password + "x", path="/cr"
    )


def test_auth_int_is_answered_where_nothing_else_is_offered():
    [challenge] = parse_challenges(['Digest realm="r", nonce="n", qop="auth-int"'])
    answer = answer_challenge(challenge, "u", "p", method="GET", uri="/", cnonce="c", body=b"")
    fields = digest.parse(answer).fields
    import hashlib

    def h(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    request = h("GET:/:" + h(""))
    assert fields["response"] == h(f"{h('u:r:p')}:n:00000001:c:auth-int:{request}")


def test_a_challenge_puts_nothing_else_into_the_request():
    [challenge] = parse_challenges(['Digest realm="a\\\r\nX-Evil: 1", nonce="n\x00"'])
    answer = answer_challenge(challenge, "u", "p", method="GET", uri="/", cnonce="c")
    assert not any(ord(each) < 32 for each in answer)


@given(st.lists(st.text(max_size=200), max_size=4))
def test_no_header_whatever_is_in_it_is_an_error(headers):
    challenge = best_challenge(parse_challenges(headers))
    if challenge is not None:
        answer_challenge(challenge, "u", "p", method="GET", uri="/", cnonce="c")
