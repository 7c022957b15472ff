"""interop-and-hardening 2.8: the session cookie is guessed, fixed, kept, stolen; another DeviceId inside."""

from __future__ import annotations

import base64
import secrets

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs import devices as dev
from acs.cwmp import messages as m
from acs.security import Secrets
from acs.southbound import seal_device_password
from acs.southbound.ticket import Ticket, Tickets
from tests.southbound.conftest import OUI, SERIAL, inform, make_bench

PASSWORD = "correct horse battery"
TICKET = Ticket(1, "0005B9-A1", 7, "s", m.CWMP_1_2, 1000.0, "a1.0005b9.henb.femto.example")


@pytest.fixture
async def bench(tmp_path):
    async for made in make_bench(tmp_path):
        yield made


def fresh(bench, serial: str = SERIAL, *, tls=None) -> aiohttp.ClientSession:
    """A client whose every message comes on a connection of its own, so that only the cookie counts."""
    connector = aiohttp.TCPConnector(ssl=tls or bench.tls(serial), force_close=True)
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())


@pytest.mark.parametrize(
    "cookie", ["session=", "session=x", f"session={'A' * 200}", "session=" + secrets.token_urlsafe(200)]
)
async def test_2_8_a_guessed_cookie_opens_no_session(bench, cookie):
    async with fresh(bench) as http:
        await bench.post(http, inform())
        answer = await bench.post(http, b"", cookie=cookie)
        assert (answer.status, answer.body, answer.cookie) == (204, b"", "")


async def test_2_8_a_cookie_that_was_altered_is_none(bench):
    async with fresh(bench) as http:
        name, _, value = (await bench.post(http, inform())).cookie.partition("=")
        raw = bytearray(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)))
        for place in (0, 12, len(raw) // 2, len(raw) - 1):
            changed = bytes(raw[:place]) + bytes([raw[place] ^ 1]) + bytes(raw[place + 1 :])
            text = base64.urlsafe_b64encode(changed).decode().rstrip("=")
            fault = await bench.post(http, m.GetRPCMethods(), cookie=f"{name}={text}")
            assert isinstance(fault.message, m.Fault)  # nothing before an Inform


async def test_2_8_a_cookie_that_was_planted_is_not_taken_up(bench):
    async with fresh(bench) as one, fresh(bench, "B2") as other:
        planted = (await bench.post(other, inform("B2"))).cookie
        opened = await bench.post(one, inform(), cookie=planted)
        assert (opened.status, opened.cookie == planted) == (403, False)  # it is B2's
        again = await bench.post(one, inform(), cookie="session=planted")
        assert (again.status, "planted" in again.cookie) == (200, False)


async def test_2_8_each_session_has_a_cookie_of_its_own(bench):
    async with fresh(bench) as http:
        cookies = {(await bench.post(http, inform())).cookie for _ in range(4)}
        assert len(cookies) == 4


async def test_2_8_a_cookie_of_an_older_session_is_good_for_nothing(bench):
    async with fresh(bench) as http:
        old = (await bench.post(http, inform())).cookie
        new = (await bench.post(http, inform())).cookie
        assert (await bench.post(http, b"", cookie=old)).status == 403
        assert (await bench.post(http, b"", cookie=new)).status != 403
    assert bench.metric("acs_refused_total", reason="session-superseded") == 1


async def test_2_8_a_cookie_ends_with_the_lifetime_of_sessions(bench):
    async with fresh(bench) as http:
        cookie = (await bench.post(http, inform())).cookie
        bench.clock[0] += bench.node.settings.session_lifetime + 1
        assert isinstance((await bench.post(http, m.GetRPCMethods(), cookie=cookie)).message, m.Fault)


@pytest.mark.parametrize("thief", ["another device", "nobody"])
async def test_2_8_a_stolen_cookie_is_refused_to_others(bench, thief):
    async with fresh(bench) as http:
        cookie = (await bench.post(http, inform())).cookie
        tls = bench.anonymous() if thief == "nobody" else bench.tls("B2")
        async with fresh(bench, tls=tls) as other:
            assert (await bench.post(other, b"", cookie=cookie)).status == 403
        assert (await bench.post(http, b"", cookie=cookie)).status == 200  # its owner goes on
    assert bench.metric("acs_refused_total", reason="stolen-session") == 1


async def test_2_8_a_cookie_of_a_device_with_a_password_is_refused_to_one_with_a_certificate(bench):
    def act(conn):
        device = dev.register(conn, OUI, SERIAL, now=bench.clock[0])
        sealed = seal_device_password(Secrets.load_or_create(bench.node.settings.data), PASSWORD)
        dev.set_digest_secret(conn, device.id, f"{OUI}-{SERIAL}", sealed)

    await bench.node.store.write(act)
    proof = {"Authorization": aiohttp.encode_basic_auth(f"{OUI}-{SERIAL}", PASSWORD)}
    async with fresh(bench, tls=bench.anonymous()) as http, fresh(bench, "B2") as other:
        cookie = (await bench.post(http, inform(), headers=proof)).cookie
        assert (await bench.post(other, b"", cookie=cookie)).status == 403
        assert (await bench.post(http, b"", cookie=cookie, headers=proof)).status == 200


async def test_2_8_an_inform_of_another_device_id_in_a_session_is_refused_and_the_session_goes_on(bench):
    async with fresh(bench, "B2") as other:
        await bench.post(other, inform("B2"))
    async with bench.client() as http:
        cookie = (await bench.post(http, inform())).cookie
        answer = await bench.post(http, inform("B2"), cookie=cookie)
        assert (answer.status, "is not that of 0005B9-B2" in answer.text) == (403, True)
        assert (await bench.post(http, b"", cookie=cookie)).status == 200
    device = await bench.node.store.read(dev.find, f"{OUI}-B2")
    assert device.session_epoch == 1


@given(st.text(max_size=300))
def test_2_8_no_cookie_header_is_an_exception_or_a_session(text):
    tickets = Tickets(b"k" * 32)
    assert tickets.open(text) is None
    assert tickets.open(f"session={text}") is None


def test_2_8_a_cookie_of_another_key_is_none():
    value = Tickets(b"k" * 32).seal(TICKET)
    assert Tickets(b"k" * 32).open(f"session={value}") == TICKET
    assert Tickets(b"x" * 32).open(f"session={value}") is None
