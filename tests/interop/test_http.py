"""1.http and 1b.1-3: the shapes of HTTP that clients speak, and the one that all of them understand."""

from __future__ import annotations

import gzip
import zlib

import pytest

from acs.cwmp import messages as m
from tests.interop.steps import enqueue, provisioned
from tests.interop.wire import connected
from tests.southbound.conftest import body_of, inform

INFORM = body_of(inform())


@pytest.fixture
async def device(bench):
    async with bench.client() as http:
        return await provisioned(bench, http)


@pytest.mark.row("1.http")
@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("header", ["Connection: close", "X-None: 1"])
async def test_each_message_on_a_connection_of_its_own(bench, device, version, header):
    await enqueue(bench, device, m.Reboot("k"), "k")
    cookie = ""
    for body, expected in [
        (INFORM, m.InformResponse()),
        (b"", m.Reboot("k")),
        (body_of(m.RebootResponse()), None),
    ]:
        async with connected(bench) as wire:
            heard = await wire.post(body, header, *([f"Cookie: {cookie}"] if cookie else []), version=version)
            assert (heard.message if heard.body else None) == expected
            cookie = heard.cookie or cookie
    assert heard.status == 204


@pytest.mark.row("1.http", "1c.chunked")
async def test_a_chunked_body_without_a_length(bench, device):
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (INFORM[:100], INFORM[100:]))
    async with connected(bench) as wire:
        heard = await wire.send(
            b"POST /acs HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
        )
        assert isinstance(heard.message, m.InformResponse)
        end = await wire.send(b"POST /acs HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        assert end.status == 204  # an empty chunked body is an empty message too


@pytest.mark.row("1.http")
async def test_expect_100_continue_is_answered_before_the_body_comes(bench, device):
    async with connected(bench) as wire:
        head = (
            f"POST /acs HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {len(INFORM)}\r\n\r\n"
        )
        wire.writer.write(head.encode())
        assert (await wire.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
        assert isinstance((await wire.send(INFORM)).message, m.InformResponse)


@pytest.mark.row("1.http")
@pytest.mark.parametrize(
    "headers",
    [
        [],
        ["SOAPAction:"],
        ['SOAPAction: "urn:wrong"', "Content-Type: text/xml"],
        ["SOAPAction: cwmp:Inform", "Content-Type: application/soap+xml; action=x"],
        ["Content-Type: text/html; charset=nonsense"],
        ["Content-Type: ;;;"],
    ],
    ids=str,
)
async def test_soapaction_and_content_type_do_not_matter(bench, device, headers):
    async with connected(bench) as wire:
        assert isinstance((await wire.post(INFORM, *headers)).message, m.InformResponse)


@pytest.mark.row("1.http", "1.encoding")
@pytest.mark.parametrize(
    ("coding", "compressed"),
    [("gzip", gzip.compress(INFORM)), ("deflate", zlib.compress(INFORM)), ("x-gzip", gzip.compress(INFORM))],
    ids=["gzip", "deflate", "x-gzip"],
)
async def test_compressed_bodies_are_read(bench, device, coding, compressed):
    async with connected(bench) as wire:
        heard = await wire.post(compressed, f"Content-Encoding: {coding}")
        assert isinstance(heard.message, m.InformResponse)


@pytest.mark.row("1.encoding")
async def test_deflate_without_the_zlib_header_is_read_too(bench, device):
    packer = zlib.compressobj(wbits=-15)
    raw = packer.compress(INFORM) + packer.flush()
    async with connected(bench) as wire:
        assert isinstance((await wire.post(raw, "Content-Encoding: deflate")).message, m.InformResponse)


@pytest.mark.row("1b.1", "1b.2", "1b.3")
async def test_answers_have_a_length_no_declaration_and_an_end_with_204(bench, device):
    await enqueue(bench, device, m.GetParameterValues(("Device.Time.",)))
    async with connected(bench) as wire:
        for body, status in [
            (INFORM, 200),
            (b"", 200),
            (body_of(m.GetParameterValuesResponse(())), 204),
            (body_of(m.GetRPCMethods()), 200),
        ]:
            heard = await wire.post(body)  # the connection stays open for all of them
            assert heard.status == status
            assert "close" not in heard.header("Connection").lower()
            assert not heard.body.startswith(b"<?xml")
            if status == 200:
                assert int(heard.header("Content-Length")) == len(heard.body) > 0
            else:
                assert heard.body == b""


@pytest.mark.row("1b.2")
async def test_a_client_of_http_1_0_that_asks_for_it_keeps_its_connection(bench, device):
    async with connected(bench) as wire:
        heard = await wire.post(INFORM, "Connection: keep-alive", version="1.0")
        assert heard.header("Connection").lower() == "keep-alive"
        assert (await wire.post(b"", "Connection: keep-alive", version="1.0")).status == 204
