"""Connection requests over HTTP and HTTPS (TR-069 3.2.2): a GET, answered with Digest, and 200 or 204."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from dataclasses import dataclass
from secrets import token_hex
from typing import Any
from weakref import WeakValueDictionary

from yarl import URL

from acs.security.digest_client import answer_challenge, best_challenge, parse_challenges
from acs.southbound.connection_requests.device_tls import DeviceTls
from acs.southbound.connection_requests.guard import CallError, Guard
from acs.southbound.connection_requests.http_answer import MAX_HEAD, Answer, AnswerError, parse_answer
from acs.southbound.connection_requests.ways import Outcome, Reason, Target
from acs.southbound.urls import parse_url

__all__ = ["HttpWay", "check_url"]

_CONNECT_TIMEOUT = 5.0
_ANSWER_TIMEOUT = 5.0
_LONGEST_URL = 1024
_AT_ONE_ADDRESS = 16  # calls at the same time
_PORTS = {"http": 80, "https": 443}


def check_url(text: str) -> URL:
    """Return a ConnectionRequestURL that may be called but for its address. Raises ``CallError``."""
    if len(text) > _LONGEST_URL or not text.isprintable() or " " in text:
        raise CallError(Reason.BAD_ADDRESS, "the ConnectionRequestURL is too long or has control characters")
    try:
        url = parse_url(text)
        host, port = url.raw_host, url.port
    except ValueError as error:
        raise CallError(Reason.BAD_ADDRESS, f"the ConnectionRequestURL is no URL: {error}") from error
    if url.scheme not in _PORTS:
        text = f"a ConnectionRequestURL of scheme {url.scheme!r} is not called; http and https are"
        raise CallError(Reason.BAD_ADDRESS, text)
    if not host or not port or url.raw_user is not None or url.raw_password is not None:
        raise CallError(Reason.BAD_ADDRESS, "the ConnectionRequestURL has no host, or credentials in it")
    return url


class HttpWay:
    """Calls a device at its ConnectionRequestURL.

    ``basic``: answer a Basic challenge over plain http; LABS ONLY.
    """

    name = "http"

    def __init__(self, guard: Guard, tls: DeviceTls, *, basic: bool = False) -> None:
        self.tls = tls
        self._guard, self._basic = guard, basic
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    def reaches(self, target: Target) -> bool:
        """Tell whether the device reported a ConnectionRequestURL."""
        return bool(target.url)

    async def call(self, target: Target) -> Outcome:
        """Call the device once: two requests at most, or three when its nonce is stale at once."""
        try:
            url = check_url(target.url)
            addresses = await self._guard.resolve(url.raw_host or "", url.port or 0)
            call = _Call(self, target, url, addresses)
            async with self._turn(addresses[0]), contextlib.aclosing(call):
                return await call.run()
        except CallError as refusal:
            return Outcome(refusal.reason, refusal.text)

    def _turn(self, address: str) -> asyncio.Semaphore:
        """Return what bounds the calls to one address: many devices may name one that is none of theirs."""
        turn = self._turns.get(address)
        if turn is None:
            turn = self._turns[address] = asyncio.Semaphore(_AT_ONE_ADDRESS)
        return turn

    def may_use_basic(self, url: URL) -> bool:
        """Tell whether the password may be shown to this device in clear."""
        return self._basic or (url.scheme == "https" and self.tls.verified)


@dataclass(slots=True)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class _Call:
    """One call: its connection, and the requests on it."""

    def __init__(self, way: HttpWay, target: Target, url: URL, addresses: list[str]) -> None:
        self._way, self._target, self._url, self._addresses = way, target, url, addresses
        self._open: _Connection | None = None

    async def run(self) -> Outcome:
        answer = await self._exchange("")
        for count in (1, 2):
            if answer.status != 401:
                break
            challenge = best_challenge(parse_challenges(answer.values("www-authenticate")))
            if challenge is None:
                return Outcome(Reason.BAD_ANSWER, "it answers 401 with no challenge that can be answered")
            if count == 2 and not challenge.stale:
                break
            if challenge.scheme == "basic" and not self._way.may_use_basic(self._url):
                remedy = "let it ask for Digest or use https"
                text = f"it wants the password in clear; {remedy} (labs: connection_request_basic)"
                return Outcome(Reason.INSECURE, text)
            header = answer_challenge(
                challenge,
                self._target.username,
                self._target.password,
                method="GET",
                uri=self._url.raw_path_qs,
                cnonce=token_hex(8),
            )
            answer = await self._exchange(header)
        return _outcome(answer)

    async def _exchange(self, authorization: str) -> Answer:
        """Send the request and return the answer; on a new connection where the old one can't be used."""
        request = self._request(authorization)
        if self._open is not None:
            try:
                return await self._ask(self._open, request)
            except CallError:
                await self.aclose()  # it hung up after all: once more from the beginning
        self._open = await self._connect()
        return await self._ask(self._open, request)

    def _request(self, authorization: str) -> bytes:
        url = self._url
        host = f"[{url.raw_host}]" if ":" in (url.raw_host or "") else url.raw_host
        lines = [
            f"GET {url.raw_path_qs} HTTP/1.1",
            f"Host: {host}:{url.port}",
            "User-Agent: femto-acs",
            "Accept: */*",
        ]
        if authorization:
            lines.append(f"Authorization: {authorization}")
        return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")

    async def _connect(self) -> _Connection:
        last = CallError(Reason.CONNECT, "it has no address")
        for address in self._addresses:
            try:
                return await self._connect_to(address)
            except CallError as refusal:
                last = refusal
        try:
            raise last
        finally:
            del last  # or it and this frame keep each other in memory

    async def _connect_to(self, address: str) -> _Connection:
        url, where = self._url, f"{address} port {self._url.port}"
        secure = url.scheme == "https"
        options: dict[str, Any] = {}
        if secure:
            options = {"ssl": self._way.tls.context, "server_hostname": url.raw_host}
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT):
                made = _Connection(
                    *await asyncio.open_connection(address, url.port, limit=MAX_HEAD, **options)
                )
        except TimeoutError:
            text = f"nothing answers at {where} within {_CONNECT_TIMEOUT:g} s; is there a NAT between?"
            raise CallError(Reason.TIMEOUT, text) from None
        except ssl.SSLError as error:
            what = error.reason or str(error)
            raise CallError(Reason.TLS, f"TLS with {where} failed: {what}") from error
        except (OSError, ValueError) as error:
            errno = getattr(error, "errno", None)
            why = os.strerror(errno) if errno else error  # asyncio's own text names the address again
            raise CallError(Reason.CONNECT, f"can't connect to {where}: {why}") from error
        if secure:
            tls = made.writer.get_extra_info("ssl_object")
            wrong = self._way.tls.refusal(tls, self._target, url.raw_host or "")
            if wrong:
                made.writer.transport.abort()
                raise CallError(Reason.TLS, wrong)
        return made

    async def _ask(self, connection: _Connection, request: bytes) -> Answer:
        try:
            async with asyncio.timeout(_ANSWER_TIMEOUT):
                connection.writer.write(request)
                await connection.writer.drain()
                answer = await self._read(connection.reader)
                left = answer.left
                if left is None:
                    await self.aclose()
                elif left:
                    await connection.reader.readexactly(left)
        except TimeoutError:
            text = f"it was connected, but did not answer within {_ANSWER_TIMEOUT:g} s"
            raise CallError(Reason.NO_ANSWER, text) from None
        except AnswerError as error:
            text = f"what answers is no connection-request listener: {error}"
            raise CallError(Reason.BAD_ANSWER, text) from error
        except (OSError, EOFError) as error:  # asyncio's IncompleteReadError is an EOFError
            raise CallError(Reason.NO_ANSWER, f"it hung up before the answer was there: {error}") from error
        return answer

    @staticmethod
    async def _read(reader: asyncio.StreamReader) -> Answer:
        data = b""
        while True:
            more = await reader.read(4096)
            data += more
            if not data:
                raise EOFError("not a byte came")
            answer = parse_answer(data, ended=not more)
            if answer is not None:
                return answer

    async def aclose(self) -> None:
        """Hang up, without waiting for the device to agree."""
        if self._open is not None:
            self._open.writer.transport.abort()
            self._open = None


def _outcome(answer: Answer) -> Outcome:
    status = answer.status
    match status:
        case 200 | 202 | 204:
            return Outcome(Reason.ACCEPTED)
        case 401 | 403:
            text = "the device refused the credentials; where it was not provisioned by this ACS, set those"
            text += " that it has: acs devices call-credentials"
            return Outcome(Reason.UNAUTHORIZED, text)
        case 503 | 429:
            text = "the device has no room for another connection request"
            return Outcome(Reason.BUSY, text, answer.retry_after)
        case _ if 300 <= status < 400:
            return Outcome(Reason.BAD_ANSWER, f"it answered {status}; redirections are not followed")
        case _:
            return Outcome(Reason.BAD_ANSWER, f"the device answered {status}")
