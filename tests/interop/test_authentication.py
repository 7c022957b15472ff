"""1.authentication and 1c.digest: how clients spell HTTP Digest."""

from __future__ import annotations

import hashlib
import re

import aiohttp
import pytest

from acs.cwmp import messages as m
from tests.interop.steps import PASSWORD, USER, enqueue, found, provisioned, with_password
from tests.interop.wire import connected
from tests.southbound.conftest import body_of, inform

INFORM = body_of(inform())


def hashed(algorithm: str, *parts: str) -> str:
    return hashlib.new(algorithm, ":".join(parts).encode()).hexdigest()


def proof(challenge: str, *, qop: str = "auth", nc: str = "00000001", cnonce: str = "c", **odd: str) -> str:
    """Return the Authorization header for a challenge, spelt as ``odd`` asks for."""
    realm, nonce = (re.search(rf'{name}="([^"]+)"', challenge)[1] for name in ("realm", "nonce"))
    name = "SHA-256" if "SHA-256" in challenge else "MD5"
    algorithm = {"SHA-256": "sha256", "MD5": "md5"}[name]
    uri = odd.get("uri", "/acs")
    body = odd.get("body", "")
    secret = hashed(algorithm, USER, realm, PASSWORD)
    what = hashed(algorithm, "POST", uri)
    if qop == "auth-int":
        what = hashed(algorithm, "POST", uri, hashlib.new(algorithm, body.encode("latin-1")).hexdigest())
    middle = [nonce, nc, cnonce, qop] if qop else [nonce]
    response = hashed(algorithm, secret, *middle, what)
    fields = f'username="{USER}", realm="{realm}", nonce="{nonce}", uri="{uri}", response="{response}"'
    fields += f", algorithm={name}"
    if qop:
        quoted = f'"{qop}"' if odd.get("quoted") else qop
        fields += f', qop={quoted}, nc={nc}, cnonce="{cnonce}"'
    return f"Authorization: Digest {fields}"


@pytest.fixture
async def device(bench):
    async with bench.client() as http:
        device = await provisioned(bench, http)
    await with_password(bench)
    return device


async def challenges(bench, wire) -> dict[str, str]:
    heard = await wire.post(INFORM)
    assert heard.status == 401
    offered = [value for key, value in heard.headers if key.lower() == "www-authenticate"]
    return {"SHA-256" if "SHA-256" in each else "MD5": each for each in offered}


@pytest.mark.row("1.authentication")
@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
@pytest.mark.parametrize(
    "spelling",
    [
        {},
        {"quoted": "yes"},
        {"nc": "1"},
        {"nc": "0000000A"},
        {"nc": "0000000a"},
        {"uri": "https://acs.example:7548/acs"},
        {"qop": ""},
    ],
    ids=str,
)
async def test_digest_however_it_is_spelt(bench, device, algorithm, spelling):
    async with connected(bench, bench.anonymous()) as wire:
        challenge = (await challenges(bench, wire))[algorithm]
        heard = await wire.post(INFORM, proof(challenge, **spelling))
        assert isinstance(heard.message, m.InformResponse)


@pytest.mark.row("1.authentication")
async def test_a_body_under_auth_int(bench, device):
    async with connected(bench, bench.anonymous()) as wire:
        challenge = (await challenges(bench, wire))["SHA-256"]
        header = proof(challenge, qop="auth-int", body=INFORM.decode("latin-1"))
        assert isinstance((await wire.post(INFORM, header)).message, m.InformResponse)
        changed = INFORM.replace(b"2 PERIODIC", b"0 BOOTSTRAP")
        assert (await wire.post(changed, header)).status == 401


@pytest.mark.row("1.authentication")
async def test_the_answer_to_a_challenge_comes_on_another_connection(bench, device):
    async with connected(bench, bench.anonymous()) as wire:
        challenge = (await challenges(bench, wire))["SHA-256"]
    async with connected(bench, bench.anonymous()) as wire:
        assert isinstance((await wire.post(INFORM, proof(challenge))).message, m.InformResponse)


@pytest.mark.row("1c.digest")
async def test_one_nonce_and_one_nc_over_many_sessions_with_a_cnonce_each(bench, device):
    async with connected(bench, bench.anonymous()) as wire:
        challenge = (await challenges(bench, wire))["SHA-256"]
    for number in range(4):
        async with connected(bench, bench.anonymous()) as wire:
            heard = await wire.post(INFORM, proof(challenge, cnonce=f"c{number}"))
            assert isinstance(heard.message, m.InformResponse)
            end = await wire.post(b"", proof(challenge, cnonce=f"e{number}"), f"Cookie: {heard.cookie}")
            assert end.status == 204


@pytest.mark.row("1c.empty-before-inform")
async def test_an_empty_message_before_any_inform_is_challenged_or_ended(bench, device):
    async with connected(bench, bench.anonymous()) as wire:
        assert (await wire.post()).status == 401
    async with connected(bench) as wire:
        assert (await wire.post()).status == 204


@pytest.mark.row("1c.empty-before-message")
async def test_an_empty_message_without_the_password_before_each_message_settles_nothing(bench, device):
    proof = {"Authorization": aiohttp.encode_basic_auth(USER, PASSWORD)}
    async with bench.client(bench.anonymous()) as http:
        command = await enqueue(bench, device, m.GetParameterValues(("Device.Time.",)))
        answer = await bench.post(http, inform(), headers=proof)
        request = await bench.post(http, b"", headers=proof, cookie=answer.cookie)
        assert request.message == command.message
        assert (await bench.post(http, b"", cookie=answer.cookie)).status == 401
        end = await bench.post(http, m.GetParameterValuesResponse(()), headers=proof, cookie=answer.cookie)
        assert end.status == 204
    assert (await found(bench, command)).succeeded
