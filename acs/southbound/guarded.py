"""One HTTP connection of a peer that may be hostile."""

from __future__ import annotations

import asyncio
import hashlib
import math
import re
from typing import TYPE_CHECKING, Any, cast

import structlog
from aiohttp import web
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

from acs.southbound.connections import Connection, Stage, Trust

if TYPE_CHECKING:
    from acs.southbound.front import Front

__all__ = ["HTTP", "SERVER", "Guarded", "guarded"]

HTTP: dict[str, Any] = {
    "keepalive_timeout": 3600,  # the table of connections has all time-outs
    "lingering_time": 5.0,
    "max_line_size": 8190,
    "max_field_size": 8190,
    "read_bufsize": 64 * 1024,
    "access_log": None,
}
"""What aiohttp is told of each connection."""

SERVER = "femto-acs"
"""Of whom an answer is: what it is made of, and in which version, is nobody's business."""
_WRITE_BUFFER = 64 * 1024  # bytes that wait for a peer before its answer is held back
_HEAD = 32 * 1024  # bytes of request line and header fields together
_FIELDS = 64
# Bytes of a refused body that a peer may send on before it reads its answer; more where it was too large.
_UNWANTED, _UNWANTED_OF_LARGE = 256 * 1024, 4 * 1024 * 1024
_QUOTED = re.compile(r"\n\n|:\s+b['\"]")
"""Where aiohttp begins to quote what it could not read, which may be a password or the URL of a file."""
_log = structlog.get_logger(__name__)


class Guarded(RequestHandler):
    """aiohttp's connection, which tells the table of connections what it does."""

    _front: Front
    connection: Connection

    def attach(self, front: Front, connection: Connection) -> None:
        """Name the connection that this is; before ``connection_made``."""
        self._front, self.connection = front, connection
        self._head = 0
        self._unsent = 0
        self._unwanted: int | None = None  # bytes that may still come of a request that was refused
        self._named = False  # whether it was counted for the identity whose connection it is
        self._late = 0.0  # seconds by which its next answer comes late
        self._wire: asyncio.Transport | None = None
        self._content: StreamReader | None = None
        inner = self._request_handler
        assert inner is not None

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            self._content, self._unwanted = request.content, None
            self._front.enter(connection, self._now())
            fields = request.raw_headers
            if len(fields) > _FIELDS or sum(len(name) + len(value) for name, value in fields) > _HEAD:
                text = f"the header has more than {_FIELDS} fields or {_HEAD} bytes\n"
                raise web.HTTPRequestHeaderFieldsTooLarge(text=text)
            if connection.trust is not Trust.DEVICE:
                await self._front.turn(connection)
            return await inner(request)

        self._request_handler = handle

    def _now(self, *, serving: bool | None = None) -> Stage:
        """Return what it is doing, as far as its request tells."""
        if self._paused:
            return Stage.WRITING
        if self._content is not None and not self._content.is_eof():
            return Stage.BODY
        serving = self._request_in_progress if serving is None else serving
        return Stage.SERVING if serving else Stage.IDLE

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TLS is there, where there is any."""
        super().connection_made(transport)
        self._wire = cast("asyncio.Transport", transport)
        self._wire.set_write_buffer_limits(high=_WRITE_BUFFER)
        self.connection.holder = self
        self._front.enter(self.connection, Stage.FRESH)
        tls = transport.get_extra_info("ssl_object")
        shown = tls.getpeercert(binary_form=True) if tls is not None else None
        if shown:
            self._named = True
            wait = self._front.arrived(self.connection, hashlib.sha256(shown).hexdigest())
            if wait:
                self._delay(wait)

    def _delay(self, wait: float) -> None:
        """Read nothing before its turn: who connects too often gets no answer sooner by doing it again."""
        assert self._wire is not None
        self._front.enter(self.connection, Stage.DELAYED)
        self._wire.pause_reading()
        if wait < math.inf:
            asyncio.get_running_loop().call_later(wait, self._go_on)

    def _go_on(self) -> None:
        if self._wire is not None and not self._wire.is_closing():
            self._front.enter(self.connection, Stage.FRESH)
            self._wire.resume_reading()

    def connection_lost(self, exc: BaseException | None) -> None:
        """The connection is gone."""
        self._front.connections.remove(self.connection)
        super().connection_lost(exc)
        self._wire = self._content = None

    def data_received(self, data: bytes) -> None:
        """Bytes of one or more requests, or of a part of one."""
        connection = self.connection
        stage = connection.stage
        connection.moved += len(data)
        if stage in (Stage.FRESH, Stage.IDLE) and data.strip(b"\r\n"):
            self._head, self._unwanted = 0, None
            self._front.enter(connection, Stage.HEAD)
            stage = Stage.HEAD
        elif self._unwanted is not None:
            self._unwanted -= len(data)
            if self._unwanted < 0:
                self._front.end(connection, "refused")
                return
        try:
            super().data_received(data)
        except Exception as error:  # noqa: BLE001 - of what aiohttp's parser fails at, it means but a part
            self.log_exception(exc_info=error)
            self._answer(400, "the request can't be read")
            return
        if stage is Stage.HEAD:
            if self._messages:
                self._front.enter(connection, Stage.SERVING)  # or soon BODY, which the handler sees
                return
            self._head += len(data)
            if self._head > _HEAD:
                self._answer(431, f"the header has more than {_HEAD} bytes")
        elif stage is Stage.BODY and (self._content is None or self._content.is_eof()):
            self._front.enter(connection, self._now())

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the answer; then the peer may think about its next message for a while.

        What is refused is charged to the peer's address; when it has nothing left, the connection ends.
        """
        if not resp.prepared:
            resp.headers["Server"] = SERVER
        if 400 <= resp.status < 500 and resp.status != 429 and not self._front.charge(self.connection):
            resp.force_close()
        if resp.status >= 400 and "Content-Encoding" in request.headers:
            self._lingering_time = 0.0  # or aiohttp unfolds the rest of a bomb, to throw it away
        if resp.status >= 400 and not request.content.is_eof():
            self._unwanted = _UNWANTED_OF_LARGE if resp.status == 413 else _UNWANTED
        late, self._late = self._late, 0.0
        if late:
            await asyncio.sleep(min(late, self._front.longest_delay))
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            self._front.enter(self.connection, self._now(serving=False))

    def pause_writing(self) -> None:
        """The peer does not read as fast as it is sent."""
        super().pause_writing()
        self._unsent = self._buffered()
        self._front.enter(self.connection, Stage.WRITING)

    def resume_writing(self) -> None:
        """The peer has read."""
        super().resume_writing()
        self._front.enter(self.connection, self._now())

    def _buffered(self) -> int:
        return int(self.transport.get_write_buffer_size()) if self.transport is not None else 0

    def written(self) -> int:
        """Return how many bytes the peer took since this was asked last."""
        before, self._unsent = self._unsent, self._buffered()
        return before - self._unsent

    def time_out(self, stage: Stage) -> None:
        """Close a connection that took too long, with a word where one is expected."""
        if stage is Stage.HEAD and not self._buffered():
            self._answer(408, "the header of the request took too long")
        elif stage in (Stage.FRESH, Stage.IDLE) and not self._buffered():
            self._front.enter(self.connection, Stage.CLOSING)
            self.force_close()
        else:
            self._front.connections.remove(self.connection)
            self.end()

    def _answer(self, status: int, text: str) -> None:
        """Answer in place of a handler, and close."""
        if self.transport is not None:
            head = f"HTTP/1.1 {status} Refused\r\nContent-Type: text/plain\r\nConnection: close\r\n"
            self.transport.write(f"{head}Content-Length: {len(text) + 1}\r\n\r\n{text}\n".encode())
        self._front.enter(self.connection, Stage.CLOSING)
        self.force_close()

    def end(self) -> None:
        """Cut the connection off, with whatever is still unsent."""
        self.force_close()
        if self._wire is not None:
            self._wire.abort()

    def log_exception(self, *_: Any, **kw: Any) -> None:
        """Log what a peer made of HTTP in one line; ``Endpoint`` logs its own failures itself."""
        why = _QUOTED.split(str(kw.get("exc_info")), maxsplit=1)[0]
        _log.info(
            "a request could not be read", why=" ".join(why.split())[:200], address=self.connection.party
        )

    # What a handler may tell of the peer.

    def proved(self, device: str) -> None:
        """Note that a device proved who it is on this connection.

        One that showed no certificate is counted only now; where it connects too often, the answer to this
        request comes late.
        """
        if not self._named:
            self._named = True
            self._late = self._front.arrived(self.connection, device)
        self._front.proved(self.connection, device)


def guarded(request: web.BaseRequest) -> Guarded:
    """Return the connection of a request that came through a ``Front``."""
    assert isinstance(request.protocol, Guarded)
    return request.protocol
