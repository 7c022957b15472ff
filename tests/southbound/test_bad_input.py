"""Bad input: a clear answer to the device, a metric, and nothing stored that should not be."""

from __future__ import annotations

import asyncio
import gzip

import aiohttp
import pytest

from acs import devices as dev
from acs.cwmp import messages as m
from acs.security import Secrets
from acs.simulator import Vendor
from acs.southbound import seal_device_password
from tests.southbound.conftest import SERIAL, body_of, inform, make_bench

PASSWORD = "correct horse battery"


async def register(bench, serial=SERIAL, password=PASSWORD):
    def act(conn):
        made = dev.register(conn, "0005B9", serial, now=bench.clock[0])
        sealed = seal_device_password(Secrets.load_or_create(bench.node.settings.data), password)
        dev.set_digest_secret(conn, made.id, made.device_key, sealed)

    await bench.node.store.write(act)


async def stored(bench) -> int:
    return await bench.node.store.read(dev.count)


def digest(user, password):
    return {"middlewares": (aiohttp.DigestAuthMiddleware(user, password),)}


async def test_the_right_password_opens_a_session(bench):
    await register(bench)
    async with bench.client(bench.anonymous(), **digest(f"0005B9-{SERIAL}", PASSWORD)) as http:
        answer = await bench.post(http, inform())
        assert isinstance(answer.message, m.InformResponse)


async def test_basic_is_accepted_over_tls(bench):
    await register(bench)
    headers = {"Authorization": aiohttp.encode_basic_auth(f"0005B9-{SERIAL}", PASSWORD)}
    async with bench.client(bench.anonymous()) as http:
        assert (await bench.post(http, inform(), headers=headers)).status == 200


async def test_without_credentials_the_challenge_offers_sha_256_and_md5(bench):
    async with (
        bench.client(bench.anonymous()) as http,
        http.post(f"{bench.node.url}/acs", data=body_of(inform())) as response,
    ):
        assert response.status == 401
        offered = response.headers.getall("WWW-Authenticate")
        assert ["SHA-256" in each for each in offered] == [True, False]
        assert "algorithm=MD5" in offered[1]
    assert await stored(bench) == 0


@pytest.mark.parametrize(
    ("user", "password"), [(f"0005B9-{SERIAL}", "wrong"), ("nobody", PASSWORD), ("", "")]
)
async def test_wrong_credentials_are_refused(bench, user, password):
    await register(bench)
    async with bench.client(bench.anonymous(), **digest(user, password)) as http:
        answer = await bench.post(http, inform())
        assert answer.status == 401
    assert bench.metric("acs_refused_total", reason="wrong-credentials") >= 1
    found = await bench.node.store.read(dev.find, f"0005B9-{SERIAL}")
    assert found.last_inform_at is None


async def test_too_many_wrong_passwords_lock_the_user_out_for_a_while(bench):
    await register(bench)
    headers = {"Authorization": aiohttp.encode_basic_auth(f"0005B9-{SERIAL}", "wrong")}
    right = {"Authorization": aiohttp.encode_basic_auth(f"0005B9-{SERIAL}", PASSWORD)}
    async with bench.client(bench.anonymous()) as http:
        for _ in range(10):
            assert (await bench.post(http, inform(), headers=headers)).status == 401
        assert (await bench.post(http, inform(), headers=right)).status == 429
        bench.clock[0] += 61
        assert (await bench.post(http, inform(), headers=right)).status == 200


async def test_the_password_of_another_device_is_refused(bench):
    await register(bench, "B2")
    async with bench.client(bench.anonymous(), **digest("0005B9-B2", PASSWORD)) as http:
        answer = await bench.post(http, inform("A1"))
        assert answer.status == 403
        assert "0005B9-A1" in answer.text
    assert bench.metric("acs_refused_total", reason="identity-of-another") == 1
    assert await stored(bench) == 1


async def test_the_certificate_of_another_device_is_refused(bench):
    async with bench.client(bench.tls("B2")) as http:
        answer = await bench.post(http, inform("A1"))
        assert answer.status == 403
        assert "b2.0005b9" in answer.text
    assert bench.metric("acs_refused_total", reason="identity-of-another") == 1
    assert await stored(bench) == 0


async def test_a_certificate_of_an_unknown_vendor_ends_in_the_handshake(bench, tmp_path):
    stranger = Vendor(tmp_path / "stranger")
    async with bench.client(bench.tls(vendor=stranger)) as http:
        with pytest.raises(aiohttp.ClientError):
            await bench.post(http, inform())
    assert await stored(bench) == 0


async def test_an_unknown_device_is_refused_where_only_known_ones_are_admitted(tmp_path):
    async for bench in make_bench(tmp_path, admission="known"):
        async with bench.client() as http:
            answer = await bench.post(http, inform())
            assert answer.status == 403
            assert "not registered" in answer.text
        assert bench.metric("acs_refused_total", reason="unknown-device") == 1
        assert await stored(bench) == 0


async def test_a_blocked_device_is_refused_and_its_inform_changes_nothing(bench):
    async with bench.client() as http:
        await bench.post(http, inform())
        device = await bench.node.store.read(dev.find, f"0005B9-{SERIAL}")
        await bench.node.store.write(dev.block, device.id, "stolen", who="op", now=bench.clock[0])
        answer = await bench.post(http, inform())
        assert answer.status == 403
        assert "stolen" in answer.text
    after = await bench.node.store.read(dev.find, f"0005B9-{SERIAL}")
    assert after.session_epoch == device.session_epoch


@pytest.mark.parametrize("serial", ["../../etc", "a\u0430", "x" * 65, ""])
async def test_an_odd_identity_is_refused_or_kept_as_it_is(bench, serial):
    name = f"{serial}.0005b9.henb.femto.example"
    async with bench.client(bench.tls("A1")) as http:
        answer = await bench.post(http, inform(serial))
        assert answer.status == 403, name
    assert await stored(bench) == 0


@pytest.mark.parametrize(
    "body",
    [
        b"<",
        b"no xml at all",
        b"<a><b></a>",
        b"\xff\xfe\x00\x00",
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
        b"<x/>",
        b"\x00" * 100,
    ],
)
async def test_malformed_xml_gets_a_schema_valid_fault(bench, body):
    async with bench.client() as http:
        outside = await bench.post(http, body)
        assert outside.status == 400
        assert isinstance(outside.message, m.Fault)
        answer = await bench.post(http, inform())
        inside = await bench.post(http, body, cookie=answer.cookie)
        assert inside.status == 200
        assert isinstance(inside.message, m.Fault)
        assert inside.message.code in range(8000, 8006)
    assert bench.metric("acs_refused_total", reason="malformed") == 2


async def test_an_oversized_body_is_refused(tmp_path):
    async for bench in make_bench(tmp_path, max_body=100_000):
        async with bench.client() as http:
            answer = await bench.post(http, b"<" + b"x" * 200_000)
            assert answer.status == 413
            assert "100000" in answer.text
        assert bench.metric("acs_refused_total", reason="too-large") == 1
        assert await stored(bench) == 0


async def test_a_gzip_bomb_is_refused_before_it_unfolds(tmp_path):
    async for bench in make_bench(tmp_path, max_body=100_000):
        async with bench.client() as http:
            bomb = gzip.compress(b"\0" * 50_000_000)
            answer = await bench.post(http, bomb, headers={"Content-Encoding": "gzip"})
            assert answer.status in (400, 413)
        assert await stored(bench) == 0


async def test_a_body_that_does_not_come_is_given_up(tmp_path):
    async for bench in make_bench(tmp_path, body_timeout=0.2):
        reader, writer = await asyncio.open_connection(
            "localhost", bench.node.southbound.port, ssl=bench.tls()
        )
        writer.write(b"POST /acs HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n<partial")
        answer = await reader.readuntil(b"\r\n")
        assert b"503" in answer or b"408" in answer
        writer.close()


async def test_a_stolen_cookie_is_of_no_use_to_another_device(bench):
    async with bench.client() as http, bench.client(bench.tls("B2")) as thief:
        answer = await bench.post(http, inform())
        stolen = await bench.post(thief, m.GetRPCMethods(), cookie=answer.cookie)
        assert stolen.status == 403
    assert bench.metric("acs_refused_total", reason="stolen-session") == 1


@pytest.mark.parametrize("cookie", ["session=" + "A" * 100, "session=x", "session=" + "\u00e9" * 50])
async def test_a_forged_cookie_is_no_session(bench, cookie):
    async with bench.client() as http:
        answer = await bench.post(http, m.GetRPCMethods(), cookie=cookie)
        assert answer.message.code == 8003


async def test_an_empty_post_before_any_inform_is_204_or_a_challenge(bench):
    async with bench.client() as http:
        assert (await bench.post(http, b"")).status == 204
    async with bench.client(bench.anonymous()) as http:
        assert (await bench.post(http, b"")).status == 401


async def test_a_stale_nonce_is_renewed_and_a_forged_one_refused(bench):
    await register(bench)
    middleware = aiohttp.DigestAuthMiddleware(f"0005B9-{SERIAL}", PASSWORD)
    async with bench.client(bench.anonymous(), middlewares=(middleware,)) as http:
        assert (await bench.post(http, inform())).status == 200
        bench.clock[0] += 3600
        assert (await bench.post(http, inform())).status == 200
    forged = 'Digest username="x", realm="femto.example", nonce="AAAA", uri="/acs", response="00"'
    async with bench.client(bench.anonymous()) as http:
        answer = await bench.post(http, inform(), headers={"Authorization": forged})
        assert answer.status == 401
    assert bench.metric("acs_refused_total", reason="forged-nonce") == 1


async def test_basic_over_plain_http_and_unknown_schemes_are_refused(tmp_path):
    async for bench in make_bench(tmp_path, insecure_http_port=0):
        await register(bench)
        url = f"http://localhost:{bench.node.southbound.http_port}/acs"
        for header in (aiohttp.encode_basic_auth(f"0005B9-{SERIAL}", PASSWORD), "Negotiate abc", "Basic !"):
            async with (
                aiohttp.ClientSession() as http,
                http.post(url, data=body_of(inform()), headers={"Authorization": header}) as response,
            ):
                assert response.status == 401
        middleware = aiohttp.DigestAuthMiddleware(f"0005B9-{SERIAL}", PASSWORD)
        async with (
            aiohttp.ClientSession(middlewares=(middleware,)) as http,
            http.post(url, data=body_of(inform())) as response,
        ):
            assert response.status == 200
            assert ";" not in response.headers["Set-Cookie"]


async def test_other_methods_and_paths_are_refused(bench):
    async with bench.client() as http:
        async with http.get(f"{bench.node.url}/acs") as response:
            assert response.status == 405
        assert (await bench.post(http, inform(), path="/other")).status == 404


@pytest.mark.parametrize("path", ["/acs", "/nothing", "/files/x", "/bulk"])
async def test_no_answer_tells_what_the_acs_is_made_of(bench, path):
    async with bench.client() as http:
        answers = [await bench.post(http, inform(), path=path)]
        async with http.get(f"{bench.node.url}{path}") as response:
            answers.append(response)
    assert {each.headers["Server"] for each in answers} == {"femto-acs"}


@pytest.mark.parametrize("target", ["http://[:]@/acs", "http://[::1]@/"])
async def test_a_request_for_what_is_no_url_is_refused_in_a_line(tmp_path, target, caplog):
    async for bench in make_bench(tmp_path, insecure_http_port=0):
        reader, writer = await asyncio.open_connection("127.0.0.1", bench.node.southbound.http_port)
        writer.write(f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
        writer.close()
    assert "Fatal error" not in caplog.text
