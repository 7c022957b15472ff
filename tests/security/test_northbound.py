"""The northbound interface of a real node: who gets in, what they may do, what is written down."""

from __future__ import annotations

import asyncio
import io
import ssl
from contextlib import suppress
from dataclasses import dataclass

import aiohttp
import pytest
from sqlalchemy import select
from yarl import URL

from acs import alarms as al
from acs import devices as dev
from acs import northbound as nb
from acs.errors import AcsError
from acs.store.tables import api_tokens, audit, commands, users
from tests.southbound.conftest import make_bench

pytestmark = pytest.mark.row("2.15")

KEY = "0005B9-A1"
ALL = tuple(nb.SCOPES)


@dataclass
class Manager:
    """A client of the northbound interface, and the node behind it."""

    bench: object
    http: aiohttp.ClientSession
    token: str = ""

    @property
    def base(self) -> str:
        return f"https://127.0.0.1:{self.bench.node.northbound_port}"

    def url(self, path: str | URL) -> URL:
        return URL(f"{self.base}{path}", encoded=True) if isinstance(path, URL) else URL(self.base + path)

    async def ask(self, method, path, *, token=None, headers=None, **options):
        sent = dict(headers or {})
        used = self.token if token is None else token
        if used:
            sent.setdefault("Authorization", f"Bearer {used}")
        async with self.http.request(method, self.url(path), headers=sent, **options) as answer:
            body = await answer.json(content_type=None) if answer.content_length else None
            return answer.status, body, answer.headers

    async def new_token(self, *scopes: str, owner: str = "noc", seconds: float = 1000.0) -> tuple[int, str]:
        now = self.bench.clock[0]
        made, secret = await self.bench.node.store.write(
            nb.create_token, owner, scopes or ALL, expires_at=now + seconds, who="test", now=now
        )
        return made.id, secret

    async def read(self, function, *args):
        return await self.bench.node.store.read(function, *args)

    async def write(self, function, *args, **kwargs):
        return await self.bench.node.store.write(function, *args, **kwargs)

    async def audited(self) -> list[tuple[str, str, str]]:
        query = select(audit.c.who, audit.c.action, audit.c.target).order_by(audit.c.id)
        return [tuple(row) for row in await self.read(lambda conn: conn.execute(query).all())]


@pytest.fixture
async def manager(tmp_path):
    async for bench in make_bench(tmp_path, northbound_port=0):
        context = ssl.create_default_context(cafile=bench.node.settings.data / "pki/server/ca.pem")
        connector = aiohttp.TCPConnector(ssl=context)
        async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as http:
            made = Manager(bench, http)
            _, made.token = await made.new_token()
            yield made


def alarm(conn, number: int = 1, now: float = 1.0):
    device = dev.register(conn, "0005B9", "A1", now=now)
    return al.raise_alarm(
        conn,
        device,
        identifier=f"t{number}",
        event_type="OPERATIONAL_VIOLATION",
        probable_cause="OUT_OF_SERVICE",
        perceived_severity="WARNING",
        specific_problem="TEST",
        additional_text="",
        detector="HeMS:test",
        now=now,
    ).alarm.id


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


# --- what is asked and done ---------------------------------------------------------------------------


async def test_lists_come_in_pages_by_key(manager):
    def fill(conn):
        for number in range(5):
            dev.register(conn, "0005B9", f"A{number}", now=1.0)
        return [alarm(conn, number) for number in range(5)]

    numbers = await manager.write(fill)
    for path, key, step in (("/v1/devices", "device", "after"), ("/v1/alarms", "id", "before")):
        seen, more = [], ""
        for _ in range(4):
            _, page, _ = await manager.ask("GET", f"{path}?limit=2{more}")
            seen += [each[key] for each in page["items"]]
            more = f"&{step}={page['next']}"
            if page["next"] is None:
                break
        assert seen == ([f"0005B9-A{n}" for n in range(5)] if key == "device" else numbers[::-1])


async def test_a_device_and_its_parameters(manager):
    from acs.cwmp import messages as m

    def fill(conn):
        device = dev.register(conn, "0005B9", "A-1", now=1.0)
        values = [m.ParameterValue(f"Device.X.{n}", str(n)) for n in range(3)]
        dev.save_parameters(conn, device.id, values, now=1.0)

    await manager.write(fill)
    status, found, _ = await manager.ask("GET", "/v1/devices/0005B9-A%252D1")
    assert (status, found["serial_number"]) == (200, "A-1")
    assert not [name for name in found if "secret" in name or "password" in name]
    _, page, _ = await manager.ask("GET", "/v1/devices/0005B9-A%252D1/parameters?below=Device.X.&limit=2")
    assert [each["value"] for each in page["items"]] == ["0", "1"]
    _, page, _ = await manager.ask("GET", f"/v1/devices/0005B9-A%252D1/parameters?after={page['next']}")
    assert [each["value"] for each in page["items"]] == ["2"]
    status, problem, _ = await manager.ask("GET", "/v1/devices/0005B9-none")
    assert (status, problem["field"]) == (404, "device")


async def test_every_write_is_audited_in_the_name_of_the_owner(manager):
    number = await manager.write(alarm)
    status, shown, _ = await manager.ask("POST", f"/v1/alarms/{number}/ack")
    assert (status, shown["ack_state"]) == (200, "ACKNOWLEDGED")
    assert shown["ack_user_id"].startswith("noc@token-")
    command = {
        "method": "GetParameterValues",
        "arguments": {"names": ["Device.DeviceInfo."]},
        "command_key": "k1",
    }
    status, made, _ = await manager.ask("POST", f"/v1/devices/{KEY}/commands", json=command)
    assert (status, made["state"], made["command_key"]) == (202, "queued", "k1")
    again = (await manager.ask("POST", f"/v1/devices/{KEY}/commands", json=command))[1]
    assert again["id"] == made["id"]
    who = shown["ack_user_id"]
    done = await manager.audited()
    assert (who, "alarm acknowledged", f"alarm {number}") in done
    assert (who, "command GetParameterValues", KEY) in done
    assert ("test", "token created", "token 1") in done


async def test_a_case_that_waits_is_instructed(manager):
    from acs import remediation as rm

    def fatal(conn):
        device = dev.register(conn, "0005B9", "A1", now=1.0)
        change = al.raise_alarm(
            conn,
            device,
            identifier="t",
            event_type="PHYSICAL_VIOLATION",
            probable_cause="INTRUSION_DETECTION",
            perceived_severity="CRITICAL",
            specific_problem="CIRCUIT_MODIFIED",
            additional_text="",
            detector="HeMS:test",
            now=1.0,
        )
        rm.alarms_changed(conn, device, [change], env=manager.bench.node.env, now=manager.bench.clock[0])

    await manager.write(fatal)
    _, page, _ = await manager.ask("GET", "/v1/cases?state=waiting")
    (case,) = page["items"]
    status, told, _ = await manager.ask("GET", f"/v1/cases/{case['id']}")
    assert (status, told["schema"]) == (200, "femto-acs/case/1")
    kinds = {each["kind"] for each in told["content"]["timeline"]}
    assert {"alarm", "opened", "step", "notification"} <= kinds
    assert all(each["because"] for each in told["content"]["timeline"])
    assert (await manager.ask("GET", "/v1/cases/99"))[0] == 404
    path = f"/v1/cases/{case['id']}/instruct"
    status, problem, _ = await manager.ask("POST", path, json={"action": "EXPLODE", "why": "x"})
    assert (status, problem["field"]) == (400, "action")
    status, told, _ = await manager.ask("POST", path, json={"action": "RELEASE", "why": "looked at it"})
    assert (status, told["state"]) == (200, "closed")
    assert any(
        action == "case RELEASE" and who.startswith("noc@") for who, action, _ in await manager.audited()
    )
    status, problem, _ = await manager.ask("POST", path, json={"action": "CLOSE", "why": "again"})
    assert status == 409
    assert (await manager.ask("POST", "/v1/cases/99/instruct", json={"action": "CLOSE", "why": "x"}))[
        0
    ] == 404


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"{", 400, "body"),
        (b"[" * 100_000, 400, "body"),
        (b'"\xff"', 400, "body"),
        (b"[]", 400, "body"),
        (b'{"method": 3}', 400, "method"),
        (b'{"method": "Reboot", "more": 1}', 400, "body"),
        (b'{"method": "Explode"}', 422, "method"),
        (b'{"method": "Reboot", "arguments": {"x": 1}}', 422, "arguments"),
        (b'{"method": "SetParameterValues", "arguments": {"parameters": []}}', 422, "arguments"),
        (b'{"method": "Reboot", "expires_in": -1}', 400, "expires_in"),
        (b'{"method": "Reboot", "command_key": "' + b"k" * 33 + b'"}', 400, "command_key"),
        (bytes(1024 * 1024 + 1), 413, None),
    ],
)
async def test_a_wrong_body_is_told_where_it_is_wrong(manager, body, status, field):
    await manager.write(alarm)
    headers = {"Content-Type": "application/json"}
    path = f"/v1/devices/{KEY}/commands"
    found, problem, answered = await manager.ask("POST", path, data=io.BytesIO(body), headers=headers)
    assert (found, problem.get("field")) == (status, field), problem
    assert answered["Content-Type"] == "application/problem+json"
    assert problem["status"] == status
    assert (await manager.ask("GET", "/v1/commands"))[1]["items"] == []


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("/v1/devices?limit=0", 400, "limit"),
        ("/v1/devices?limit=x", 400, "limit"),
        ("/v1/devices?query=SELECT", 400, "query"),
        ("/v1/devices?limit=1&limit=2", 400, "query"),
        ("/v1/alarms?before=x", 400, "before"),
        ("/v1/alarms?device=' OR 1=1--", 404, "device"),
        ("/v1/cases?state=odd", 400, "state"),
    ],
)
async def test_a_wrong_query_is_told_where_it_is_wrong(manager, path, status, field):
    found, problem, _ = await manager.ask("GET", path)
    assert (found, problem["field"]) == (status, field), problem


async def test_a_body_that_is_no_json_by_its_type_is_refused(manager):
    """A form of a foreign page could send such a body without being asked for permission."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        headers = {"Content-Type": kind}
        status, problem, _ = await manager.ask("POST", "/v1/session", token="", data=b"{}", headers=headers)
        assert (status, problem["field"]) == (415, "Content-Type")


async def test_the_document_describes_what_is_there(manager):
    _, document, _ = await manager.ask("GET", "/openapi.json")
    assert document["openapi"] == "3.1.0"
    used = {
        operation["x-scope"]
        for each in document["paths"].values()
        for operation in each.values()
        if "x-scope" in operation
    }
    assert used == set(nb.SCOPES)
    schemas = document["components"]["schemas"]

    def references(value):
        if isinstance(value, dict):
            if "$ref" in value:
                yield value["$ref"]
            for inner in value.values():
                yield from references(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from references(inner)

    found = set(references(document))
    assert found
    assert all(each.removeprefix("#/components/schemas/") in schemas for each in found), found
    post = document["paths"]["/v1/devices/{device}/commands"]["post"]
    assert post["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/CommandRequest")


@pytest.mark.parametrize("value", ["\N{BULLET}secret:site-psk", "\N{BULLET}connection-request-password"])
async def test_a_value_can_not_name_a_secret_that_the_acs_would_fill_in(manager, value):
    await manager.write(alarm)
    parameter = {"name": "Device.ManagementServer.Username", "value": value, "type": "xsd:string"}
    command = {"method": "SetParameterValues", "arguments": {"parameters": [parameter], "parameter_key": ""}}
    status, problem, _ = await manager.ask("POST", f"/v1/devices/{KEY}/commands", json=command)
    assert (status, problem["field"]) == (422, "arguments")
    assert "a value can't have the character" in problem["detail"]
    assert (await manager.ask("GET", "/v1/commands"))[1]["items"] == []


@pytest.mark.row("2.17")
async def test_a_password_in_a_command_is_stored_sealed(manager):
    await manager.write(alarm)
    told = {
        "file_type": "4 Vendor Log File 1",
        "url": "https://files.example/x",
        "password": "their-pass-word",
    }
    command = {"method": "Upload", "arguments": told}
    assert (await manager.ask("POST", f"/v1/devices/{KEY}/commands", json=command))[0] == 202
    [payload] = await manager.read(lambda conn: conn.execute(select(commands.c.payload)).scalars().all())
    assert ("their-pass-word" in payload, '"password":"\N{BULLET}sealed:' in payload) == (False, True)


async def test_a_storm_is_paused_and_resumed(manager):
    body = {"group": "model:HeNB-LTE", "why": "an error in 2.0.0"}
    _, weak = await manager.new_token("safety:read")
    assert (await manager.ask("POST", "/v1/safety/pause", token=weak, json=body))[0] == 403
    status, shown, _ = await manager.ask("POST", "/v1/safety/pause", json=body)
    assert status == 200
    paused = {each["name"]: each["paused"] for each in shown["groups"] if each["paused"]}
    assert paused == {"model:HeNB-LTE": f"{(await manager.audited())[-1][0]}: an error in 2.0.0"}
    assert (await manager.ask("POST", "/v1/safety/pause", json=body))[0] == 409
    assert (await manager.ask("POST", "/v1/safety/pause", json={"group": "x", "why": "y"}))[0] == 409
    assert (await manager.ask("POST", "/v1/safety/resume", json=body))[0] == 200
    assert ("disruptive steps resumed", "model:HeNB-LTE") in [each[1:] for each in await manager.audited()]
    status, shown, _ = await manager.ask("GET", "/v1/safety", token=weak)
    assert (status, shown["running"], shown["held"]) == (200, 0, [])


async def test_a_block_with_measures_takes_the_scope_of_measures_too(manager):
    await manager.write(alarm)
    path, body = f"/v1/devices/{KEY}/block", {"why": "stolen"}
    _, weak = await manager.new_token("cases:instruct")
    status, problem, _ = await manager.ask("POST", path, token=weak, json=body | {"measures": ["SEGW_BLOCK"]})
    assert (status, problem["field"]) == (403, "measures")
    status, told, _ = await manager.ask("POST", path, token=weak, json=body)
    assert (status, told["admission"], told["measures"]) == (200, "blocked", [])
    _, other = await manager.new_token("measures:write")
    assert (await manager.ask("POST", path, token=other, json=body))[0] == 403
