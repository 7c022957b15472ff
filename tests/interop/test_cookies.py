"""1.cookies: what devices make of a cookie."""

from __future__ import annotations

import pytest

from acs.cwmp import messages as m
from tests.interop.steps import enqueue, found, provisioned
from tests.interop.wire import connected
from tests.southbound.conftest import SERIAL, body_of, inform, make_bench


@pytest.mark.row("1.cookies", "1c.cookie-forms")
@pytest.mark.parametrize(
    "spelling",
    [
        "Path=/; {cookie}",
        "{cookie}; Path=/",
        '$Version="0"; {cookie};$Path=/',
        "{cookie}; other=1",
        "a=b, {cookie}",
        'session="{value}"',
        "session=stale; {cookie}",
        "{cookie}; session=stale",
        " {cookie} ;",
        "SESSION={value}; {cookie}",
    ],
)
async def test_a_cookie_is_found_however_it_is_spelt(bench, spelling):
    async with bench.client() as http:
        device = await provisioned(bench, http)
        await enqueue(bench, device, m.Reboot("k"), "k")
        answer = await bench.post(http, inform())
    text = spelling.format(cookie=answer.cookie, value=answer.cookie.partition("=")[2])
    async with connected(bench) as wire:  # a new connection: nothing but the cookie tells
        assert (await wire.post(b"", f"Cookie: {text}")).message == m.Reboot("k")


@pytest.mark.row("1.cookies")
async def test_two_cookie_headers_are_one(bench):
    async with bench.client() as http:
        device = await provisioned(bench, http)
        await enqueue(bench, device, m.Reboot("k"), "k")
        answer = await bench.post(http, inform())
    async with connected(bench) as wire:
        heard = await wire.post(b"", "Cookie: other=1", f"Cookie: {answer.cookie}")
        assert heard.message == m.Reboot("k")


@pytest.mark.row("1.cookies", "1c.no-cookie")
async def test_a_device_without_cookies_is_known_by_its_connection(bench):
    async with bench.client() as http:
        device = await provisioned(bench, http)
        command = await enqueue(bench, device, m.GetParameterValues(("Device.Time.",)))
    async with connected(bench) as wire:
        await wire.post(body_of(inform()))
        assert (await wire.post()).message == m.GetParameterValues(("Device.Time.",))
        assert (await wire.post(body_of(m.GetParameterValuesResponse(())))).status == 204
    assert (await found(bench, command)).succeeded


@pytest.mark.row("1.cookies")
async def test_a_cookie_dropped_on_one_request_and_sent_on_the_next(bench):
    async with bench.client() as http:
        device = await provisioned(bench, http)
        await enqueue(bench, device, m.GetParameterValues(("Device.Time.",)), "k1")
        await enqueue(bench, device, m.Reboot("k2"), "k2")
    async with connected(bench) as wire:
        cookie = (await wire.post(body_of(inform()))).cookie
        await wire.post()
        answer = body_of(m.GetParameterValuesResponse(()))
        assert (await wire.post(answer, f"Cookie: {cookie}")).message == m.Reboot("k2")


@pytest.mark.row("1.cookies")
async def test_a_stale_cookie_on_an_inform_is_no_hindrance(bench):
    async with bench.client() as http:
        await provisioned(bench, http)
        old = (await bench.post(http, inform())).cookie
        await bench.post(http, b"", cookie=old)
        answer = await bench.post(http, inform(), cookie=old)
        assert isinstance(answer.message, m.InformResponse)
        assert answer.cookie != old
        assert (await bench.post(http, b"", cookie=answer.cookie)).status == 204


@pytest.mark.row("1b.5")
async def test_over_plain_http_a_cookie_has_no_attributes(tmp_path):
    async for bench in make_bench(tmp_path, insecure_http_port=0):
        import aiohttp

        from tests.interop.steps import PASSWORD, USER, with_password

        await with_password(bench)
        url = f"http://127.0.0.1:{bench.node.southbound.http_port}/acs"
        digest = aiohttp.DigestAuthMiddleware(USER, PASSWORD)
        async with aiohttp.ClientSession(middlewares=(digest,)) as http:
            body = body_of(inform(SERIAL))
            async with http.post(url, data=body) as response:
                assert response.status == 200
                assert ";" not in response.headers["Set-Cookie"]
