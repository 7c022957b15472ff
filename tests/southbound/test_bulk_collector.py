"""The collector of bulk data on a real listener: who may report what, and what is acknowledged."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib

import aiohttp
import pytest
from sqlalchemy import func, select

from acs import alarms as al
from acs import bulkdata as bd
from acs import devices as dev
from acs.errors import AcsError
from acs.security import Secrets
from acs.store.tables import audit
from tests.southbound.conftest import OUI, SERIAL, inform, make_bench

AT = 1_799_999_000
KEY = f"{OUI}-{SERIAL}"
JSON = {"Content-Type": "application/json; charset=UTF-8", "BBF-Report-Format": '"NameValuePair"'}


def body(value: int = 1, at: int = AT) -> bytes:
    return json.dumps({"Report": [{"CollectionTime": at, "Device.X": value}]}).encode()


@pytest.fixture
async def known(bench):
    """The bench, and a client of a device that has informed."""
    async with bench.client() as http:
        await bench.post(http, inform())
        yield bench, http


async def send(bench, http, data, *, path="/bulk/test", method="POST", headers=JSON):
    async with http.request(method, f"{bench.node.url}{path}", data=data, headers=headers) as answer:
        return answer.status, await answer.text(), answer.headers


async def stored(bench, name: str = "Device.X") -> list[tuple[float, object]]:
    def look(conn):
        device = dev.find(conn, KEY)
        return [(each.at, each.value) for each in bd.points(conn, device.id, name, last=100)]

    return await bench.node.store.read(look)


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_report_is_stored_before_it_is_acknowledged(known, method):
    bench, http = known
    status, text, _ = await send(
        bench, http, body(), path=f"/bulk/test?oui={OUI}&pc=Z&sn={SERIAL}", method=method
    )
    assert (status, text) == (200, "1 stored, 0 there already\n")
    assert await stored(bench) == [(AT, 1)]
    status, text, _ = await send(bench, http, body())
    assert (status, text) == (200, "0 stored, 1 there already\n")
    assert bench.metric("acs_bulk_reports_total", what="repeated") == 1


async def test_gzip_deflate_and_chunks(known):
    bench, http = known

    async def chunks(data):
        for start in range(0, len(data), 7):
            yield data[start : start + 7]

    for number, (data, encoding) in enumerate(
        [
            (gzip.compress(body(0, AT)), "gzip"),
            (zlib.compress(body(1, AT + 1)), "deflate"),
            (body(2, AT + 2), ""),
        ]
    ):
        headers = {**JSON, **({"Content-Encoding": encoding} if encoding else {})}
        status, text, _ = await send(bench, http, chunks(data), headers=headers)
        assert status == 200, (number, text)
    assert await stored(bench) == [(AT + 2, 2), (AT + 1, 1), (AT, 0)]


async def test_what_the_profile_adds_to_the_uri_is_kept(known):
    bench, http = known
    await send(bench, http, body(), path="/bulk?ct=2026-11-01&sn=" + SERIAL)
    assert await stored(bench, "uri.ct") == [(AT, "2026-11-01")]


async def test_a_device_reports_for_itself_alone(known):
    bench, http = known
    for query in (f"oui={OUI}&sn=B2", f"oui=00AABB&sn={SERIAL}", "sn="):
        status, text, _ = await send(bench, http, body(), path=f"/bulk/test?{query}")
        assert (status, "may not report in the name of" in text) == (403, True)
    assert await stored(bench) == []
    assert bench.metric("acs_bulk_messages_total", result="identity-of-another") == 3
    raised = await bench.node.store.read(al.list_alarms)
    assert {each.specific_problem for each in raised} == {"AUTH_FAILURE"}


async def test_claiming_to_be_ever_other_devices_fills_no_audit(known):
    bench, http = known

    def entries(conn):
        return conn.execute(select(func.count()).select_from(audit)).scalar_one()

    await send(bench, http, body(), path="/bulk/test?sn=first")
    before = await bench.node.store.read(entries)
    for serial in [*(f"S{number}" for number in range(20)), "%00", "%00%01", "\N{SNOWMAN}"]:
        assert (await send(bench, http, body(), path=f"/bulk/test?sn={serial}"))[0] == 403
    assert await bench.node.store.read(entries) == before
    (alarm,) = await bench.node.store.read(al.list_alarms)
    assert alarm.specific_problem == "AUTH_FAILURE"


async def test_nobody_reports_without_a_certificate_or_password(bench):
    async with bench.client(bench.anonymous()) as http:
        status, _, headers = await send(bench, http, body())
        assert status == 401
        assert headers.getall("WWW-Authenticate")[0].startswith('Digest realm="femto.example"')
        status, _, _ = await send(bench, http, body(), headers={"Authorization": "Basic YTpi"})
        assert status == 401
    async with bench.client() as http:  # a certificate of the vendor, and a device that never informed
        assert (await send(bench, http, body()))[0] == 403


@pytest.mark.parametrize("scheme", ["digest", "basic"])
async def test_the_password_of_a_device_is_its_own(known, scheme):
    bench, _ = known
    secrets = Secrets.load_or_create(bench.node.settings.data)
    await bench.node.store.write(dev.register, OUI, "B2", now=1.0)

    def client(username: str, password: str):
        options = {"middlewares": (aiohttp.DigestAuthMiddleware(username, password),)}
        if scheme == "basic":
            options = {"headers": {"Authorization": aiohttp.encode_basic_auth(username, password)}}
        return bench.client(bench.anonymous(), **options)

    async with client(KEY, secrets.bulk_data_password(KEY)) as http:
        assert (await send(bench, http, body(), path=f"/bulk/t?oui={OUI}&sn={SERIAL}"))[0] == 200
        assert (await send(bench, http, body(), path=f"/bulk/t?oui={OUI}&sn=B2"))[0] == 403
    async with client(KEY, secrets.bulk_data_password(f"{OUI}-B2")) as http:
        assert (await send(bench, http, body()))[0] == 401
    async with client(KEY, secrets.connection_request_password(KEY)) as http:
        assert (await send(bench, http, body()))[0] == 401


async def test_guessing_is_slowed_down(known):
    bench, _ = known
    headers = {"Authorization": aiohttp.encode_basic_auth(KEY, "guess")}
    async with bench.client(bench.anonymous()) as http:
        statuses = [(await send(bench, http, body(), headers=headers))[0] for _ in range(12)]
    assert statuses == [401] * 10 + [429] * 2


async def test_a_blocked_device_is_not_heard(known):
    bench, http = known
    device = await bench.node.store.read(dev.find, KEY)
    await bench.node.store.write(dev.block, device.id, "stolen", who="op", now=bench.clock[0])
    status, text, _ = await send(bench, http, body())
    assert (status, "blocked: stolen" in text) == (403, True)


async def test_a_rule_keeps_reports_out_too(known):
    bench, http = known
    rule = {"network": "127.0.0.0/8", "reason": "recalled", "who": "op", "now": bench.clock[0]}
    await bench.node.store.write(dev.add_admission_rule, "block", **rule)
    await bench.node.southbound.endpoint.admission.refresh()
    status, text, _ = await send(bench, http, body())
    assert (status, "recalled" in text) == (403, True)
    assert await stored(bench) == []


async def test_who_was_refused_and_why_is_told_as_of_sessions(known):
    bench, http = known
    wrong = {"Authorization": aiohttp.encode_basic_auth("0005B9-Z9", "guess")}
    async with bench.client(bench.anonymous()) as stranger:
        assert (await send(bench, stranger, body()))[0] == 401  # it is asked for its password
        assert (await send(bench, stranger, body(), headers=wrong))[0] == 401
    assert (await send(bench, http, b"{"))[0] == 400
    assert (await send(bench, http, body(), path=f"/bulk?oui={OUI}&sn=B2"))[0] == 403
    await bench.node.southbound.endpoint.admission.refresh()
    found = {(each.claimed, each.reason): each for each in await bench.node.store.read(dev.list_refusals)}
    assert set(found) == {
        ("0005B9-Z9", "bulk data: wrong-credentials"),
        (KEY, "bulk data: malformed"),
        (KEY, "bulk data: identity-of-another"),
    }
    assert "the body is no JSON" in found[KEY, "bulk data: malformed"].detail


async def test_what_can_not_be_read_is_told_and_not_stored(known):
    bench, http = known
    for data, headers, status, why in (
        (b"{", JSON, 400, "no JSON"),
        (b"", JSON, 400, "no JSON"),
        (body(), {**JSON, "Content-Encoding": "gzip"}, 400, "its encoding"),
        (body(), {**JSON, "Content-Encoding": "compress"}, 415, "use gzip"),
        (body(), {**JSON, "BBF-Report-Format": "Free"}, 415, "is unknown; known are"),
    ):
        found, text, _ = await send(bench, http, data, headers=headers)
        assert (found, why in text) == (status, True), text
    assert (await send(bench, http, body(), path="/bulk/a%2Fb"))[0] == 404
    assert await stored(bench) == []


async def test_bombs_and_large_bodies_are_refused(tmp_path):
    async for bench in make_bench(tmp_path, bulk_max_body=100_000):
        async with bench.client() as http:
            await bench.post(http, inform())
            bomb = gzip.compress(gzip.compress(bytes(50_000_000)))
            for data, headers in (
                (bytes(100_001), JSON),
                (gzip.compress(bytes(50_000_000)), {**JSON, "Content-Encoding": "gzip"}),
            ):
                status, text, _ = await send(bench, http, data, headers=headers)
                assert (status, "more than 100000 bytes" in text) == (413, True), text
            status, _, _ = await send(bench, http, bomb, headers={**JSON, "Content-Encoding": "gzip, gzip"})
            assert status in (400, 413)


async def test_one_report_of_a_device_at_a_time_the_next_comes_again_later(known):
    bench, http = known
    begun, more = asyncio.Event(), asyncio.Event()

    async def slowly():
        yield body()[:5]
        begun.set()
        await more.wait()
        yield body()[5:]

    first = asyncio.create_task(send(bench, http, slowly()))
    await begun.wait()
    async with bench.client() as other:
        while (answer := await send(bench, other, body(2, AT + 1)))[0] == 200:
            pass  # the first one has not reached the server yet
        status, _, headers = answer
    assert status == 503
    assert int(headers["Retry-After"]) >= 20
    more.set()
    assert (await first)[0] == 200
    assert (await send(bench, http, body(3, AT + 2)))[0] == 200


async def test_an_overloaded_store_acknowledges_nothing(known, monkeypatch):
    bench, http = known

    async def full(*_, **__):
        raise AcsError("the store is overloaded")

    monkeypatch.setattr(bench.node.store, "write", full)
    status, text, headers = await send(bench, http, body())
    assert (status, "not stored" in text) == (503, True)
    assert "Retry-After" in headers
    monkeypatch.undo()
    assert await stored(bench) == []
    assert (await send(bench, http, body()))[0] == 200
