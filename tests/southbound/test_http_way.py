"""Calling listeners over real sockets, as odd as real ones are."""

from __future__ import annotations

import asyncio
import ssl
from time import time

import pytest

from acs.settings import load_settings
from acs.simulator import Vendor
from acs.southbound.connection_requests import DeviceTls, Guard, HttpWay, Reason, Target
from acs.southbound.vendors import Vendors

CHALLENGE = b'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm="henb", nonce="n", qop="auth"\r\n'
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Listener:
    """Answers each request with the next of its answers; hangs up where one is empty."""

    def __init__(self, *answers: bytes) -> None:
        self.answers, self.requests, self.connections = list(answers), [], 0

    async def serve(self, reader, writer) -> None:
        self.connections += 1
        try:
            while True:
                request = await reader.readuntil(b"\r\n\r\n")
                self.requests.append(request)
                answer = self.answers.pop(0)
                writer.write(answer)
                await writer.drain()
                if not answer or b"Content-Length" not in answer:
                    break
        except (EOFError, OSError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def listen():
    servers = []

    async def start(listener: Listener, tls: ssl.SSLContext | None = None) -> int:
        server = await asyncio.start_server(listener.serve, "127.0.0.1", 0, ssl=tls)
        servers.append(server)
        return server.sockets[0].getsockname()[1]

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()


@pytest.fixture
def guard():
    made = Guard(["127.0.0.0/8"])
    yield made
    made.close()


def target(url: str, **facts) -> Target:
    return Target("0005B9-A1", "acs", "secret", url=url, **facts)


async def call(guard: Guard, port: int, *, scheme: str = "http", basic: bool = False, tls=None, **facts):
    way = HttpWay(guard, tls or DeviceTls(None), basic=basic)
    return await way.call(target(f"{scheme}://127.0.0.1:{port}/cr?x=1", **facts))


async def test_digest_on_the_same_connection_where_the_listener_keeps_it(listen, guard):
    listener = Listener(CHALLENGE + b"Content-Length: 3\r\n\r\nno\n", OK)
    outcome = await call(guard, await listen(listener))
    assert outcome.reason is Reason.ACCEPTED
    assert listener.connections == 1
    assert listener.requests[0].startswith(b"GET /cr?x=1 HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b'uri="/cr?x=1"' in listener.requests[1]
    assert b"secret" not in b"".join(listener.requests)


@pytest.mark.parametrize(
    "challenge",
    [
        CHALLENGE + b"\r\n",  # no length: it hangs up
        CHALLENGE.replace(b"\r\n", b"\n") + b"\n",
        b'HTTP/1.0 401 x\nWWW-Authenticate: Digest\n realm="henb",\n\tnonce="n"\n\n',
        CHALLENGE + b"Content-Length: 0\r\nConnection: close\r\n\r\n",
    ],
)
async def test_digest_on_a_new_connection_and_odd_answers(listen, guard, challenge):
    listener = Listener(challenge, b"HTTP/1.1 204\n\n")
    outcome = await call(guard, await listen(listener))
    assert outcome.reason is Reason.ACCEPTED
    assert listener.connections == 2


async def test_a_listener_that_hangs_up_on_a_connection_it_promised_to_keep_is_asked_again(listen, guard):
    listener = Listener(CHALLENGE + b"Content-Length: 0\r\n\r\n", b"", OK)
    outcome = await call(guard, await listen(listener))
    assert outcome.reason is Reason.ACCEPTED
    assert listener.connections == 2


async def test_a_stale_nonce_is_answered_once_more_and_wrong_credentials_are_not(listen, guard):
    stale = CHALLENGE[:-2] + b", stale=true\r\nContent-Length: 0\r\n\r\n"
    plain = CHALLENGE + b"Content-Length: 0\r\n\r\n"
    patient = Listener(plain, stale, OK)
    assert (await call(guard, await listen(patient))).reason is Reason.ACCEPTED
    strict = Listener(plain, plain, OK)
    assert (await call(guard, await listen(strict))).reason is Reason.UNAUTHORIZED
    assert len(strict.requests) == 2


@pytest.mark.parametrize(
    ("answer", "reason", "text"),
    [
        (b"HTTP/1.1 503 x\r\nRetry-After: 40\r\nContent-Length: 0\r\n\r\n", Reason.BUSY, "no room"),
        (b"HTTP/1.1 302 x\r\nLocation: http://10.0.0.1/\r\n\r\n", Reason.BAD_ANSWER, "not followed"),
        (b"HTTP/1.1 404 x\r\n\r\n", Reason.BAD_ANSWER, "answered 404"),
        (b"SSH-2.0-x\r\n", Reason.BAD_ANSWER, "SSH"),
        (b"", Reason.NO_ANSWER, "hung up"),
        (b"HTTP/1.1 401 x\r\nContent-Length: 0\r\n\r\n", Reason.BAD_ANSWER, "no challenge"),
        (b"HTTP/1.1 401 x\r\nWWW-Authenticate: Basic realm=x\r\n\r\n", Reason.INSECURE, "in clear"),
        (b"HTTP/1.1 403 x\r\n\r\n", Reason.UNAUTHORIZED, "credentials"),
        (b"HTTP/1.1 200 OK\r\nA: " + b"x" * 40_000, Reason.BAD_ANSWER, "16384"),
    ],
)
async def test_each_failure_has_its_reason(listen, guard, answer, reason, text):
    listener = Listener(answer)
    outcome = await call(guard, await listen(listener))
    assert outcome.reason is reason
    assert text in outcome.text
    assert len(listener.requests) == 1
    assert outcome.retry_after == (40 if reason is Reason.BUSY else 0)


async def test_where_nobody_listens_the_connection_is_what_failed(guard, listen):
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    outcome = await call(guard, port)
    assert outcome.reason is Reason.CONNECT
    assert f"127.0.0.1 port {port}" in outcome.text


async def test_a_listener_that_never_answers_is_given_up(guard, listen, monkeypatch):
    monkeypatch.setattr("acs.southbound.connection_requests.http._ANSWER_TIMEOUT", 0.05)

    async def silent(reader, writer):
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    outcome = await call(guard, server.sockets[0].getsockname()[1])
    assert outcome.reason is Reason.NO_ANSWER
    server.close()
    await server.wait_closed()


async def test_basic_over_http_only_where_a_lab_allows_it(listen, guard):
    challenge = b"HTTP/1.1 401 x\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n"
    listener = Listener(challenge, OK)
    outcome = await call(guard, await listen(listener), basic=True)
    assert outcome.reason is Reason.ACCEPTED
    assert b"Authorization: Basic YWNzOnNlY3JldA==\r\n" in listener.requests[1]


# --- https ------------------------------------------------------------------------------

NAME = "a1.0005b9.henb.femto.example"


def server_tls(vendor: Vendor, tmp_path, name: str) -> ssl.SSLContext:
    """A device's listener, with the very certificate that it shows as a client."""
    issued = vendor.authority.issue_client(name)
    file = tmp_path / f"{name}.pem"
    file.write_bytes(issued.key + issued.certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@pytest.fixture
def vendor(tmp_path):
    return Vendor(tmp_path / "vendor")


@pytest.fixture
def tls(vendor, tmp_path):
    settings = load_settings(None, {"data": tmp_path / "acs", "device_ca": [vendor.ca_path]}, {})
    vendors = Vendors(settings, time)
    vendors.refresh()
    return DeviceTls(vendors)


async def test_a_device_shows_its_own_certificate(listen, guard, vendor, tls, tmp_path):
    listener = Listener(OK)
    port = await listen(listener, server_tls(vendor, tmp_path, NAME))
    outcome = await call(guard, port, scheme="https", tls=tls, certificate_name=NAME)
    assert (outcome.reason, outcome.text) == (Reason.ACCEPTED, "")


async def test_over_verified_https_basic_is_fine(listen, guard, vendor, tls, tmp_path):
    challenge = b"HTTP/1.1 401 x\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n"
    port = await listen(Listener(challenge, OK), server_tls(vendor, tmp_path, NAME))
    outcome = await call(guard, port, scheme="https", tls=tls, certificate_name=NAME)
    assert outcome.reason is Reason.ACCEPTED
    port = await listen(Listener(challenge, OK), server_tls(vendor, tmp_path, NAME))
    outcome = await call(guard, port, scheme="https", certificate_name=NAME)  # not verified
    assert outcome.reason is Reason.INSECURE


async def test_another_devices_certificate_is_refused_before_anything_is_sent(
    listen, guard, vendor, tls, tmp_path
):
    listener = Listener(OK)
    port = await listen(listener, server_tls(vendor, tmp_path, "b2.0005b9.henb.femto.example"))
    outcome = await call(guard, port, scheme="https", tls=tls, certificate_name=NAME)
    assert outcome.reason is Reason.TLS
    assert "b2.0005b9.henb.femto.example, not for" in outcome.text
    assert listener.requests == []


async def test_a_certificate_of_nobody_we_trust_is_refused(listen, guard, tls, tmp_path):
    listener = Listener(OK)
    port = await listen(listener, server_tls(Vendor(tmp_path / "other"), tmp_path, NAME))
    outcome = await call(guard, port, scheme="https", tls=tls, certificate_name=NAME)
    assert outcome.reason is Reason.TLS
    assert "acs trust add" in outcome.text
    assert listener.requests == []


async def test_a_listener_without_tls_behind_an_https_url(listen, guard, tls):
    listener = Listener()

    async def plain(reader, writer):
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    outcome = await call(guard, port, scheme="https", tls=tls, certificate_name=NAME)
    assert outcome.reason is Reason.TLS
    assert listener.requests == []
    server.close()
    await server.wait_closed()


async def test_a_name_is_resolved_once_so_that_rebinding_it_gains_nothing(listen, monkeypatch):
    listener = Listener(CHALLENGE + b"\r\n", OK)
    port = await listen(listener)
    answers = [["127.0.0.1"], ["169.254.169.254"], ["169.254.169.254"]]

    def getaddrinfo(host, *_, **__):
        assert host == "rebound.example"
        return [(2, 1, 6, "", (each, 0)) for each in answers.pop(0)]

    guard = Guard(["127.0.0.0/8"])
    monkeypatch.setattr(guard, "_query", getaddrinfo)
    outcome = await HttpWay(guard, DeviceTls(None)).call(target(f"http://rebound.example:{port}/"))
    guard.close()
    assert outcome.reason is Reason.ACCEPTED
    assert (listener.connections, len(answers)) == (2, 2)


async def test_an_address_that_many_devices_name_is_not_called_by_all_at_once(guard, monkeypatch):
    at_once = [0, 0]
    done = asyncio.Event()

    async def serve(reader, writer):
        at_once[0] += 1
        at_once[1] = max(at_once)
        if at_once[0] == 16:
            done.set()
        await done.wait()
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        at_once[0] -= 1
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    way = HttpWay(guard, DeviceTls(None))
    where = target(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    outcomes = await asyncio.gather(*(way.call(where) for _ in range(40)))
    assert {each.reason for each in outcomes} == {Reason.ACCEPTED}
    assert at_once[1] == 16
    server.close()
    await server.wait_closed()


async def test_nothing_answers_at_all_and_the_operator_is_told_of_a_nat(guard, monkeypatch):
    async def never(*_, **__):
        await asyncio.Event().wait()

    monkeypatch.setattr("acs.southbound.connection_requests.http._CONNECT_TIMEOUT", 0.02)
    monkeypatch.setattr(asyncio, "open_connection", never)
    outcome = await call(guard, 7547)
    assert outcome.reason is Reason.TIMEOUT
    assert "NAT" in outcome.text
