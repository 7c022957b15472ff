"""Attacks on a live ``acs serve`` over real sockets: refused or ended, bounded, and the service goes on.

``acs bench attack`` measures the same attacks; here is asserted what happens, not how fast.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
import subprocess
import sys
import zlib
from pathlib import Path

import msgspec
import pytest

from acs.cwmp import decode
from acs.cwmp import messages as m
from acs.simulator import Vendor
from acs.simulator.attacker import Attacker, inform
from acs.simulator.attacks import bomb
from acs.simulator.hostile_xml import HOSTILE_XML
from tests.waiting import until, until_in_thread

SETTINGS = """
unlimited_networks = []
stranger_rate = 10000.0
address_connections = 40
max_strangers = 60
max_connections = 200
header_timeout = 1.0
handshake_timeout = 1.0
stall_timeout = 1.0
body_timeout = 3.0
idle_timeout = 3.0
max_body = 2000000
inform_burst = 200
"""
RSS_BOUND = 700  # MB; see docs/hardening.md


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Return the directory of a node that runs as a process of its own, and its pid."""
    base = tmp_path_factory.mktemp("attacks")
    Vendor(base / "vendor").trusted_in(base / "acs/pki/device-ca.d")
    (base / "acs.toml").write_text(SETTINGS, encoding="utf-8")
    command = [sys.executable, "-m", "acs", "serve", "--data", str(base / "acs"), "--host", "127.0.0.1"]
    command += ["--port", "0", "--management-port", "0", "--config", str(base / "acs.toml")]
    command += ["--insecure-http", "0", "--log-level", "error"]
    with (base / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:

        def serves() -> bool:
            assert process.poll() is None, (base / "log").read_text(errors="replace")
            return (base / "acs/node.json").exists()

        until_in_thread(serves)
        yield base, msgspec.json.decode((base / "acs/node.json").read_bytes())
    finally:
        process.terminate()
        assert process.wait(30) == 0


class Ground(Attacker):
    """Where a test strikes from; ``device`` is the first address of well-behaved devices."""

    http_port = 0
    pid = 0

    async def good_session(self, serial: str = "GOOD") -> None:
        """Hold the session of a device that does nothing wrong, and fail the test if that can't be done."""
        connection = await self.connect(serial)
        reply = await connection.post(inform(serial))
        assert (reply.status, type(decode(reply.body).message)) == (200, m.InformResponse)
        cookie = reply.fields["set-cookie"].partition(";")[0]
        reply = await connection.post(b"", f"Cookie: {cookie}")
        assert reply.status in (200, 204)
        connection.close()

    @property
    def rss(self) -> float:
        """Megabytes that the process has in memory."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * 4096 / 1e6


_NETS = iter(range(20, 250))


@pytest.fixture
async def ground(served):
    base, facts = served
    net = next(_NETS)
    addresses = [f"127.0.{net}.{host}" for host in range(1, 200)]
    made = Ground(facts["port"], base / "acs/pki/server/ca.pem", base / "vendor", addresses)
    made.http_port, made.pid = facts["http_port"], facts["pid"]
    yield made
    await made.good_session()
    assert made.rss < RSS_BOUND


async def raw(ground, data: bytes, *, serial: str = "RAW") -> bytes:
    """Send bytes, and return all that comes until the ACS closes."""
    connection = await ground.connect(serial)
    connection.send(data)
    answer = await connection.closed()
    connection.close()
    return answer


def request(*lines: str, body: bytes = b"") -> bytes:
    return "\r\n".join([*lines, "Host: localhost", "", ""]).encode() + body


# --- messages ------------------------------------------------------------------------------------------


@pytest.mark.row("2.1", "2.2")
@pytest.mark.parametrize("name", HOSTILE_XML)
async def test_2_1_and_2_2_hostile_xml_is_refused_with_a_fault(ground, name):
    body = HOSTILE_XML[name]()
    connection = await ground.connect(f"XML{name.upper().replace('-', '')}")
    reply = await connection.post(body)
    if len(body) > 2_000_000:
        assert reply.status == 413
    else:
        assert reply.status == 400
        assert isinstance(decode(reply.body).message, m.Fault)
        assert b"root:" not in reply.body
    connection.close()


@pytest.mark.row("2.1")
async def test_2_1_an_external_entity_is_not_fetched(ground):
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/x"
    for declaration in (f'<!ENTITY e SYSTEM "{url}">', f'<!ENTITY % e SYSTEM "{url}"> %e;'):
        connection = await ground.connect("XXE")
        reply = await connection.post(f"<!DOCTYPE x [{declaration}]><x>&e;</x>".encode())
        assert reply.status == 400
        connection.close()
    with pytest.raises(BlockingIOError):
        listening.accept()
    listening.close()


@pytest.mark.row("2.2")
@pytest.mark.parametrize(("coding", "wbits"), [("gzip", 31), ("deflate", 15), ("deflate", -15)])
async def test_2_2_a_compression_bomb_is_refused(ground, coding, wbits):
    connection = await ground.connect(f"BOMB{coding.upper()}{abs(wbits)}{wbits < 0}")
    reply = await connection.post(bomb(100_000_000, wbits), f"Content-Encoding: {coding}")
    assert reply.status in (400, 413)
    await connection.closed()
    connection.close()


@pytest.mark.row("2.2")
async def test_2_2_a_bomb_in_a_bomb_is_no_message(ground):
    connection = await ground.connect("BOMB")
    reply = await connection.post(zlib.compress(bomb(100_000_000)), "Content-Encoding: deflate")
    assert reply.status == 400
    connection.close()


@pytest.mark.row("2.2")
async def test_2_2_a_body_of_100_mb_is_refused_before_it_is_there(ground):
    connection = await ground.connect("LARGE")
    connection.send(request("POST /acs HTTP/1.1", "Content-Length: 100000000"))
    sent, chunk = 0, b"x" * 1_000_000
    try:
        async with asyncio.timeout(60):
            while sent < 100 and not connection.reader._buffer:
                connection.send(chunk)
                await connection.writer.drain()
                sent += 1
        answer = await connection.closed()
    except OSError:
        answer = bytes(connection.reader._buffer)
    assert answer.startswith(b"HTTP/1.1 413")
    connection.close()


@pytest.mark.row("2.2")
async def test_2_2_little_of_a_refused_body_is_read_on(ground):
    connection = await ground.connect("GOESON")
    connection.send(request("POST /acs HTTP/1.1", "Content-Length: 1000000000"))
    sent, chunk = 0, b"x" * 100_000
    with contextlib.suppress(OSError):  # cut off
        async with asyncio.timeout(60):
            while not connection.writer.transport.is_closing():
                connection.send(chunk)
                await connection.writer.drain()
                await asyncio.sleep(0)
                sent += len(chunk)
    # max_body, what a peer may send on until it reads its answer, and what the kernel and TLS hold
    assert sent < 2_000_000 + 4 * 1024 * 1024 + 16_000_000
    connection.close()


@pytest.mark.row("2.2")
async def test_2_2_chunks_without_end_are_refused(ground):
    connection = await ground.connect("CHUNKS")
    connection.send(request("POST /acs HTTP/1.1", "Transfer-Encoding: chunked"))
    chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    async with asyncio.timeout(60):
        while not connection.reader._buffer:
            connection.send(chunk)
            await connection.writer.drain()
            await asyncio.sleep(0)
        assert (await connection.reply()).status == 413
    connection.close()


# --- time ----------------------------------------------------------------------------------------------


@pytest.mark.row("2.2")
async def test_2_2_a_header_that_never_ends_is_given_up(ground):
    connection = await ground.connect("SLOW")
    connection.send(b"POST /acs HTTP/1.1\r\nHost: x\r\n")
    async with asyncio.timeout(30):
        while not connection.reader._buffer and not connection.reader.at_eof():
            connection.send(b"X-A: b\r\n")
            await asyncio.sleep(0.1)  # a byte now and then: that is the attack
    assert (await connection.reply()).status in (0, 408)
    connection.close()


@pytest.mark.row("2.2")
async def test_2_2_a_handshake_that_never_ends_is_given_up(ground):
    connection = await ground.connect(plain=True)
    connection.send(b"\x16\x03\x01\x02\x00")
    await connection.closed(30)
    connection.close()


@pytest.mark.row("2.2")
async def test_2_2_a_body_that_never_ends_is_given_up(ground):
    connection = await ground.connect("SLOW")
    connection.send(request("POST /acs HTTP/1.1", "Content-Length: 1000", body=b"<"))
    async with asyncio.timeout(30):
        while not connection.reader._buffer and not connection.reader.at_eof():
            connection.send(b"x")
            await asyncio.sleep(0.1)  # a byte now and then: that is the attack
    connection.close()


@pytest.mark.row("2.2")
async def test_2_2_a_body_that_does_not_move_is_given_up(ground):
    connection = await ground.connect("SLOW")
    connection.send(request("POST /acs HTTP/1.1", "Content-Length: 1000", body=b"<"))
    await connection.closed(30)
    connection.close()


@pytest.mark.row("2.2")
@pytest.mark.parametrize("serial", ["", "IDLE"])
async def test_2_2_a_connection_without_a_request_is_closed(ground, serial):
    connection = await ground.connect(serial)
    assert await connection.closed(30) == b""
    connection.close()


@pytest.mark.row("2.2")
async def test_2_2_a_peer_that_reads_no_answers_is_cut_off(ground):
    loop = asyncio.get_running_loop()
    endless = socket.socket()
    endless.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    endless.setblocking(False)
    await loop.sock_connect(endless, ("127.0.0.1", ground.http_port))
    flood = request("POST /nowhere HTTP/1.1", "Content-Length: 0") * 500

    async def send() -> None:
        while True:
            await loop.sock_sendall(endless, flood)

    with pytest.raises(OSError, match=r"reset|[Bb]roken"):
        await asyncio.wait_for(send(), 60)
    endless.close()


# --- many connections ----------------------------------------------------------------------------------


@pytest.mark.row("2.2")
async def test_2_2_connections_opened_and_left_lock_nobody_out(ground):
    opened = [await ground.connect(plain=True) for _ in range(150)]
    await ground.good_session()
    await until(lambda: sum(each.open for each in opened) <= 60)
    for each in opened:
        each.close()


@pytest.mark.row("2.2")
async def test_2_2_one_address_has_few_connections_that_proved_nothing(ground):
    ground._next = iter(["127.0.19.1"] * 60)
    opened = []
    for _ in range(60):
        try:
            opened.append(await ground.connect(plain=True))
        except OSError:
            continue
    await until(lambda: sum(each.open for each in opened) <= 40)
    ground._next = iter(["127.0.19.2"] * 5)
    await ground.good_session()
    for each in opened:
        each.close()


@pytest.mark.row("2.2")
async def test_2_2_one_device_has_few_connections_and_the_newest_serve_it(ground):
    opened = [await ground.connect("MANY") for _ in range(20)]
    for each in opened:
        assert (await each.post(inform("MANY"))).status == 200
    await until(lambda: sum(each.open for each in opened) <= 8)
    assert (await opened[-1].post(inform("MANY"))).status == 200
    for each in opened:
        each.close()


# --- HTTP ----------------------------------------------------------------------------------------------


@pytest.mark.row("2.2")
@pytest.mark.parametrize(
    "head",
    [
        ("Content-Length: 4", "Transfer-Encoding: chunked"),
        ("Content-Length: 4", "Content-Length: 5"),
        ("Content-Length: +4",),
        ("Content-Length: 4, 4",),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding: xchunked",),
        ("Content-Length : 4",),
        ("X: a\x00b", "Content-Length: 4"),
    ],
)
async def test_2_2_no_request_can_be_smuggled(ground, head):
    inner = request("POST /acs HTTP/1.1", "X-Smuggled: yes", "Content-Length: 0")
    answer = await raw(ground, request("POST /acs HTTP/1.1", *head, body=b"0\r\n\r\n" + inner))
    assert re.findall(rb"HTTP/1\.\d (\d+)", answer) == [b"400"]


@pytest.mark.row("2.2")
@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("CONNECT 127.0.0.1:22 HTTP/1.1", (400, 404, 405)),
        ("TRACE /acs HTTP/1.1", (405,)),
        ("GET http://127.0.0.1:9/ HTTP/1.1", (404, 405)),
        ("GET /../../etc/passwd HTTP/1.1", (404, 405)),
        ("POST /acs HTTP/3.9", (400, 204, 505)),
        ("\x16\x03\x01", (400,)),
        ("GET " + "/" * 20_000 + " HTTP/1.1", (400, 414)),
    ],
)
async def test_2_2_odd_requests_are_refused_and_nothing_is_fetched(ground, line, status):
    answer = await raw(ground, request(line, "Connection: close"))
    assert int(answer[9:12]) in status
    assert b"root:" not in answer


@pytest.mark.row("2.2")
async def test_2_2_header_fields_are_bounded(ground):
    for fields in (["X: y"] * 2000, ["X: " + "y" * 9000], [f"X{n}: {'y' * 5000}" for n in range(20)]):
        answer = await raw(ground, request("POST /acs HTTP/1.1", *fields, "Content-Length: 0"))
        assert int(answer[9:12]) in (400, 431)


async def test_requests_in_one_piece_are_answered_in_their_order(ground):
    connection = await ground.connect("PIPE")
    body = inform("PIPE")
    posts = request("POST /acs HTTP/1.1", f"Content-Length: {len(body)}", body=body)
    connection.send(posts + request("GET /acs HTTP/1.1") + posts)
    assert [(await connection.reply()).status for _ in range(3)] == [200, 405, 200]
    connection.close()


async def test_plain_http_on_the_tls_port_is_told_so(ground):
    connection = await ground.connect(plain=True)
    connection.send(request("POST /acs HTTP/1.1", "Content-Length: 0"))
    assert b"this port speaks TLS" in await connection.closed()
    connection.close()


async def test_http_1_0_and_expect_are_served(ground):
    body = inform("OLD")
    answer = await raw(
        ground, request("POST /acs HTTP/1.0", f"Content-Length: {len(body)}", body=body), serial="OLD"
    )
    assert b"InformResponse" in answer
    connection = await ground.connect("OLD")
    connection.send(request("POST /acs HTTP/1.1", f"Content-Length: {len(body)}", "Expect: 100-continue"))
    assert (await connection.reply()).status == 100
    connection.send(body)
    assert (await connection.reply()).status == 200
    connection.close()


# --- identities ----------------------------------------------------------------------------------------


@pytest.mark.row("2.4")
async def test_2_4_a_storm_of_informs_is_refused_and_others_are_served(ground):
    connection = await ground.connect("STORM")
    statuses = []
    while 503 not in statuses:
        reply = await connection.post(inform("STORM"))
        statuses.append(reply.status)
        assert len(statuses) < 400
    assert int(reply.fields["retry-after"]) >= 1
    await ground.good_session()
    connection.close()


@pytest.mark.row("2.7")
async def test_2_7_the_certificate_of_one_device_opens_no_session_of_another(ground):
    connection = await ground.connect("THIEF")
    assert (await connection.post(inform("VICTIM"))).status == 403
    connection.close()


@pytest.mark.row("2.8")
async def test_2_8_a_stolen_cookie_serves_no_other_device(ground):
    victim = await ground.connect("VICTIM")
    cookie = (await victim.post(inform("VICTIM"))).fields["set-cookie"].partition(";")[0]
    thief = await ground.connect("THIEF")
    assert (await thief.post(b"", f"Cookie: {cookie}")).status == 403
    stranger = await ground.connect()
    assert (await stranger.post(b"", f"Cookie: {cookie}")).status == 403
    reply = await victim.post(b"", f"Cookie: {cookie}")
    assert reply.status in (200, 204)
    for each in (victim, thief, stranger):
        each.close()


@pytest.mark.row("2.6")
async def test_2_6_guessed_passwords_are_answered_401_and_then_429(ground):
    connection = await ground.connect()
    statuses = set()
    for _ in range(60):
        reply = await connection.post(inform("GUESS"), "Authorization: Basic bm9ib2R5Ong=")
        statuses.add(reply.status)
        if not reply.status:
            break
    assert {401, 429} <= statuses <= {401, 429, 0}
    connection.close()


@pytest.mark.row("2.10")
async def test_2_10_strangers_are_answered_without_their_message_being_read(ground):
    connection = await ground.connect()
    for body in (HOSTILE_XML["billion-laughs"](), b"<", inform("NOBODY")):
        reply = await connection.post(body)
        assert reply.status == 401
        assert "Digest" in reply.fields["www-authenticate"]
    connection.close()


async def test_a_client_of_old_tls_is_refused(ground):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cafile=ground.ca)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    ground._contexts["OLDTLS"] = context
    with pytest.raises(OSError, match=r"(?i)protocol|reset|alert|version|EOF|\A\Z"):  # or it is just cut off
        await ground.connect("OLDTLS")
