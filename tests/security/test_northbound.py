"""The northbound interface of a real node: who gets in, and what is kept out."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from sqlalchemy import select
from yarl import URL

from acs import northbound as nb
from acs.errors import AcsError
from acs.store.tables import api_tokens, users
from tests.security.managers import alarm, manager
from tests.southbound.conftest import make_bench

__all__ = ["manager"]  # a fixture
pytestmark = pytest.mark.row("2.15")


@pytest.mark.parametrize(
    ("path", "field"),
    [("/v1/devices/%00", "path"), ("/v1/devices?site=%00", "query"), ("/v1/devices/a%00/parameters", "path")],
)
async def test_a_nul_is_refused_before_any_database_sees_it(manager, path, field):
    status, problem, _ = await manager.ask("GET", URL(path, encoded=True))
    assert (status, problem["field"]) == (400, field)


@pytest.mark.parametrize("path", ["/v1/devices/%ff", "/v1/devices/%ed%a0%80", "/v1/devices?cursor=%ff"])
async def test_what_is_no_utf_8_is_no_failure(manager, path):
    assert (await manager.ask("GET", URL(path, encoded=True)))[0] in (400, 404)


async def test_a_nul_in_a_body_is_refused(manager):
    body, headers = b'{"user": "a\\u0000", "password": "x"}', {"Content-Type": "application/json"}
    status, problem, _ = await manager.ask("POST", "/v1/session", data=body, headers=headers)
    assert (status, problem["detail"]) == (400, "the body holds a NUL character")


async def test_one_address_has_few_connections_that_prove_nothing(tmp_path):
    async for bench in make_bench(tmp_path, northbound_port=0, unlimited_networks=[]):
        port = bench.node.northbound_port
        kept = [await asyncio.open_connection("127.0.0.1", port) for _ in range(100)]
        with suppress(ConnectionResetError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            kept.append((reader, writer))
            assert await reader.read() == b""
        assert bench.metric("acs_connections_ended_total", reason="too-many-of-one-address") == 1
        for _, each in kept:
            each.close()


async def test_a_handshake_that_does_not_come_is_given_up(tmp_path):
    async for bench in make_bench(tmp_path, northbound_port=0, handshake_timeout=0.2):
        reader, writer = await asyncio.open_connection("127.0.0.1", bench.node.northbound_port)
        writer.write(b"\x16\x03\x01\x02\x00")
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()


# --- who gets in --------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", ["/v1/devices", "/v1/alarms", "/v1/cases", "/v1/commands", "/openapi.json"])
async def test_nothing_is_told_without_a_token(manager, route):
    for token in ("no", "acs_" + "A" * 43, "Ä"):
        status, problem, headers = await manager.ask("GET", route, token=token)
        assert status == 401
        assert headers["WWW-Authenticate"].startswith("Bearer")
        assert problem["remedy"]
    status, problem, _ = await manager.ask("GET", route, headers={"Authorization": "Basic YTpi"})
    assert (status, problem["detail"]) == (401, "a bearer token is needed")
    status, _, _ = await manager.ask(
        "GET", route, headers={"Authorization": "", "Cookie": f"token={manager.token}"}
    )
    assert status == 401


async def test_a_token_is_good_until_it_expires_or_is_revoked(manager):
    number, secret = await manager.new_token(seconds=100)
    assert (await manager.ask("GET", "/v1/devices", token=secret))[0] == 200
    manager.bench.clock[0] += 101
    assert (await manager.ask("GET", "/v1/devices", token=secret))[0] == 401
    number, secret = await manager.new_token()
    await manager.write(nb.revoke_token, number, who="test", now=manager.bench.clock[0])
    assert (await manager.ask("GET", "/v1/devices", token=secret))[0] == 401


@pytest.mark.row("2.17")
async def test_the_store_holds_no_token(manager):
    def everything(conn):
        return repr([tuple(row) for row in conn.execute(select(api_tokens))])

    assert manager.token not in await manager.read(everything)
    assert manager.token[4:] not in await manager.read(everything)


async def test_the_last_use_is_noted_but_not_with_every_request(manager):
    async def used():
        return [each.last_used_at for each in await manager.read(nb.list_tokens)]

    start = manager.bench.clock[0]
    await manager.ask("GET", "/v1/devices")
    manager.bench.clock[0] += 30
    await manager.ask("GET", "/v1/devices")
    assert await used() == [start]
    manager.bench.clock[0] += 31
    await manager.ask("GET", "/v1/devices")
    assert await used() == [start + 61]


async def test_a_scope_lets_one_do_its_own_and_no_more(manager):
    number = await manager.write(alarm)
    asked = {
        "devices:read": ("GET", "/v1/devices"),
        "alarms:read": ("GET", "/v1/alarms"),
        "alarms:ack": ("POST", f"/v1/alarms/{number}/ack"),
        "cases:read": ("GET", "/v1/cases"),
        "commands:read": ("GET", "/v1/commands"),
    }
    for scope in asked:
        _, secret = await manager.new_token(scope)
        for other, (method, path) in asked.items():
            status, problem, _ = await manager.ask(method, path, token=secret)
            assert (status == 200) == (other == scope), (scope, other, problem)
            if other != scope:
                assert status == 403
                assert other in problem["detail"]


async def test_guessing_is_slowed_down_and_told_so(manager):
    statuses = [(await manager.ask("GET", "/v1/devices", token="acs_" + "A" * 43))[0] for _ in range(15)]
    assert statuses[:10] == [401] * 10
    assert statuses[-1] == 429
    status, _, headers = await manager.ask("GET", "/v1/devices")
    assert status == 429
    assert int(headers["Retry-After"]) >= 1
    manager.bench.clock[0] += 1000
    assert (await manager.ask("GET", "/v1/devices", token=(await manager.new_token())[1]))[0] == 200


# --- users --------------------------------------------------------------------------------------------

PASSWORD = "correct horse battery"


@pytest.fixture
async def user(manager):
    hashed = nb.hash_password("ann", PASSWORD)
    await manager.write(nb.create_user, "ann", ["alarms:read"], hashed, who="test", now=1.0)
    return hashed


async def login(manager, name="ann", password=PASSWORD):
    return await manager.ask("POST", "/v1/session", token="", json={"user": name, "password": password})


@pytest.mark.row("2.17")
async def test_passwords_are_hashed_by_argon2id(manager, user):
    stored = await manager.read(lambda conn: conn.execute(select(users.c.password_hash)).scalar_one())
    assert stored == user
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert nb.hash_password("ann", PASSWORD) != stored
    assert nb.check_password(stored, PASSWORD)
    assert not nb.check_password(stored, PASSWORD + " ")
    assert not nb.check_password("damaged", PASSWORD)
    assert not nb.check_password(None, "nobody has this password")


async def test_a_password_is_exchanged_for_a_token_of_an_hour(manager, user):
    status, credentials, headers = await login(manager)
    assert (status, credentials["scopes"]) == (200, ["alarms:read"])
    assert headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in headers
    token = credentials["token"]
    assert (await manager.ask("GET", "/v1/alarms", token=token))[0] == 200
    assert (await manager.ask("GET", "/v1/devices", token=token))[0] == 403
    manager.bench.clock[0] += 3601
    assert (await manager.ask("GET", "/v1/alarms", token=token))[0] == 401


async def test_a_wrong_password_an_unknown_and_a_disabled_user_are_answered_alike(manager, user):
    hashed = nb.hash_password("bob", PASSWORD)
    await manager.write(nb.create_user, "bob", ["alarms:read"], hashed, who="test", now=1.0)
    await manager.write(nb.disable_user, "bob", who="test", now=1.0)
    answers = [
        await login(manager, *each) for each in (("ann", "wrong" * 4), ("eve", PASSWORD), ("bob", PASSWORD))
    ]
    assert {status for status, _, _ in answers} == {401}
    assert len({repr(problem) for _, problem, _ in answers}) == 1


async def test_a_user_that_is_disabled_or_has_a_new_password_is_out_at_once(manager, user):
    token = (await login(manager))[1]["token"]
    hashed = nb.hash_password("ann", "another long password")
    await manager.write(nb.set_password, "ann", hashed, who="test", now=manager.bench.clock[0])
    assert (await manager.ask("GET", "/v1/alarms", token=token))[0] == 401
    assert (await login(manager))[0] == 401


@pytest.mark.parametrize("password", ["", "short", "a" * 300, "aaaaaaaaaaaaaa", "my name is Ann!!"])
def test_passwords_that_are_easy_to_guess_are_refused(password):
    with pytest.raises(AcsError, match="password"):
        nb.hash_password("ann", password)


# --- browsers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}],
)
async def test_pages_of_other_origins_are_refused(manager, headers):
    for method, path in (("GET", "/v1/devices"), ("POST", "/v1/session"), ("OPTIONS", "/v1/devices")):
        status, problem, answered = await manager.ask(method, path, headers=headers)
        assert (status, problem["field"]) == (403, "Origin")
        assert not [name for name in answered if name.lower().startswith("access-control")]
    own = {"Origin": manager.base, "Sec-Fetch-Site": "same-origin"}
    assert (await manager.ask("GET", "/v1/devices", headers=own))[0] == 200


async def test_every_answer_bears_the_security_headers_and_no_cookie(manager):
    for method, path in (
        ("GET", "/v1/devices"),
        ("GET", "/nothing"),
        ("DELETE", "/v1/devices"),
        ("GET", "/openapi.json"),
    ):
        _, _, headers = await manager.ask(method, path)
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["Cache-Control"] == "no-store"
        assert "Strict-Transport-Security" in headers
        assert headers["Server"] == "femto-acs"  # no versions
        assert "Set-Cookie" not in headers


async def test_it_speaks_tls_on_loopback_and_only_where_it_is_wanted(manager, tmp_path):
    assert manager.bench.node.settings.northbound_host == "127.0.0.1"
    async with manager.http.get(manager.base.replace("https", "http") + "/v1/devices") as answer:
        assert (answer.status, await answer.text()) == (400, "this port speaks TLS")
    async for bench in make_bench(tmp_path / "other"):
        assert bench.node.northbound_port is None
