"""Listens to conversations that somebody wants, or in which something goes wrong; costs nothing otherwise.

Messages are held as they are in memory, a few of each session; redacting, compressing and storing happen
aside, when a session that is wanted ends or has met a fault. What a crash takes with it is a
trace, never more.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import msgspec
import structlog
from aiohttp import web
from sqlalchemy import Connection

from acs import commands as cm
from acs import devices as dev
from acs.cwmp import DecodeError, Envelope
from acs.cwmp import messages as m
from acs.datamodel import Model, hidden_in
from acs.errors import AcsError
from acs.loops import tried_again, until_set
from acs.settings import Settings
from acs.southbound.authentication import Refused
from acs.southbound.impersonation import Seldom
from acs.southbound.placeholders import secret_paths
from acs.southbound.ticket import Ticket
from acs.store import Store
from acs.traces import (
    Message,
    keep_trace,
    pack,
    redact_body,
    redact_echoes,
    redact_headers,
    wanted_traces,
)

__all__ = ["SECRET_PATHS", "Exchange", "Heard", "Tracer"]

_LAST = 20  # messages before and after a fault
_MOST_MESSAGES = 400  # of one trace
_MOST_SESSIONS = 2000  # listened to at a time
_MOST_BYTES = 32 * 1024 * 1024  # of messages in memory
_LONGEST_FAULT = 4096  # characters, before secrets are left out
_LONGEST_NOTE = 1000  # and after it
_IDLE = 30.0  # seconds after which a session that says nothing is over
_LOOK = 2.0
_SELDOM = 60.0  # seconds between two traces of one device that nobody asked for
_MOST_SAVES = 32
_MOST_ECHOES = 200  # secrets of a trace that are looked for wherever else they may stand
_BODY = re.compile(rb":Body>\s*<(?:[\w.-]{1,40}:)?(\w{1,64})")
SECRET_PATHS = web.ResponseKey("secret-paths", frozenset[str])
"""What a response with a SetParameterValues tells: the parameters that it sets to secrets."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Heard:
    """One POST: the request, from where, its body as it was and as it was understood."""

    request: web.Request
    address: str
    body: bytes
    received: Envelope | DecodeError | None


@dataclass(frozen=True, slots=True)
class Exchange:
    """One POST and its answer, as bytes: what was understood of them takes many times the memory.

    ``status`` 0: there was no answer. ``fault``: what went wrong in it; empty when nothing did.
    """

    came_at: float
    went_at: float
    address: str
    headers: Mapping[str, str]
    body: bytes
    method: str
    status: int
    answer_headers: Mapping[str, str]
    answer: bytes
    fault: str = ""
    refused: bool = False
    secret_paths: frozenset[str] = frozenset()
    """Parameters that the answer sets to secrets."""

    @property
    def size(self) -> int:
        """Bytes of both messages, about."""
        heads = (*self.headers.items(), *self.answer_headers.items())
        return len(self.body) + len(self.answer) + sum(len(name) + len(value) for name, value in heads)


def _fault(received: Envelope | DecodeError | None, answer: bytes, refused: str) -> str:
    """Return what went wrong in an exchange; empty when nothing did."""
    if refused:
        return f"refused: {refused}"
    if isinstance(received, DecodeError):
        return f"malformed: {received.reason}"
    message = received.message if received is not None else None
    if isinstance(message, m.Fault):
        return f"fault {message.code} {message.string}"
    if isinstance(message, m.TransferComplete) and message.fault.code:
        return f"transfer fault {message.fault.code} {message.fault.string}"
    return "the ACS answered with a fault" if b":Fault>" in answer else ""


@dataclass(slots=True)
class _Session:
    ticket: Ticket
    wanted: bool
    exchanges: deque[Exchange]
    fault: str = ""
    size: int = 0
    changed_at: float = 0.0
    started_at: float = field(default=0.0)


class Tracer:
    """Keeps what is wanted of the conversations of one node. ``active`` is False when nothing is."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._automatic = settings.trace_faults
        self.active = self._automatic
        self._wanted: dict[int, float] = {}
        self._sessions: OrderedDict[tuple[int, str], _Session] = OrderedDict()
        self._size = 0
        self._seldom = Seldom(_SELDOM)
        self._saves: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        self._look = asyncio.Event()
        store.on("traces", lambda _: self._look.set())

    async def listen(
        self, heard: Heard, handling: Awaitable[web.Response], session: Callable[[], Ticket | None]
    ) -> web.Response:
        """Return what ``handling`` returns; note both messages where they belong to a session."""
        came_at, refused, status = self._store.clock(), "", 0
        response: web.Response | None = None
        try:
            response = await handling
        except Refused as error:
            refused, status = "" if error.expected else error.reason, error.status
            raise
        finally:
            ticket = session()
            if ticket is not None:
                body = response.body if response is not None else None
                answer = body if isinstance(body, bytes) else b""
                received = heard.received
                exchange = Exchange(
                    came_at=came_at,
                    went_at=self._store.clock(),
                    address=heard.address,
                    headers=heard.request.headers,
                    body=heard.body,
                    method=m.method_name(received.message) if isinstance(received, Envelope) else "",
                    status=response.status if response is not None else status,
                    answer_headers=response.headers if response is not None else {},
                    answer=answer,
                    fault=_fault(received, answer, refused)[:_LONGEST_FAULT],
                    refused=bool(refused),
                    secret_paths=response.get(SECRET_PATHS, frozenset())
                    if response is not None
                    else frozenset(),
                )
                self.note(ticket, exchange)
        return response

    def note(self, ticket: Ticket, exchange: Exchange) -> None:
        """Take one POST of a session and its answer."""
        key = (ticket.device_id, ticket.session)
        session = self._sessions.get(key)
        if session is None:
            wanted = self._wanted.get(ticket.device_id, 0.0) > exchange.came_at
            if not wanted and not self._automatic:
                return
            most = _MOST_MESSAGES // 2 if wanted else _LAST // 2
            session = _Session(ticket, wanted, deque(maxlen=most), started_at=exchange.came_at)
            self._sessions[key] = session
        if len(session.exchanges) == session.exchanges.maxlen:
            self._resize(session, -session.exchanges[0].size)
        session.exchanges.append(exchange)
        self._resize(session, exchange.size)
        session.fault = session.fault or exchange.fault
        session.changed_at = exchange.went_at
        self._sessions.move_to_end(key)
        if exchange.status in (0, 204) or exchange.refused:
            self._ended(key)
        while len(self._sessions) > _MOST_SESSIONS or self._size > _MOST_BYTES:
            self._ended(next(iter(self._sessions)))

    def _resize(self, session: _Session, by: int) -> None:
        session.size += by
        self._size += by

    def _ended(self, key: tuple[int, str]) -> None:
        """Let go of a session; store it where it is wanted, or met a fault."""
        session = self._sessions.pop(key)
        self._size -= session.size
        if not session.wanted and not (session.fault and self._seldom(key[0], session.changed_at)):
            return
        if len(self._saves) >= _MOST_SAVES:
            _log.warning("a trace is lost: too many wait to be stored", device=session.ticket.device_key)
            return
        task = asyncio.get_running_loop().create_task(self._save(session))
        self._saves.add(task)
        task.add_done_callback(self._saves.discard)

    async def _save(self, session: _Session) -> None:
        device_id = session.ticket.device_id
        try:
            async with self._turn:
                known = await self._store.read(_known_of, device_id)
                why = "wanted" if session.wanted else session.fault
                content, count, reason = await asyncio.to_thread(
                    _packed, list(session.exchanges), why, *known
                )
                await self._store.write(
                    keep_trace,
                    device_id,
                    session=session.ticket.session,
                    reason=reason,
                    started_at=session.exchanges[0].came_at,
                    ended_at=session.changed_at,
                    messages=count,
                    content=content,
                )
        except Exception:  # noqa: BLE001 - a trace is not worth a session
            _log.exception("a trace could not be stored", device=session.ticket.device_key)

    async def run(self) -> None:
        """Learn whose conversations are wanted, and end those that fell silent, until cancelled."""
        while True:
            with tried_again(_log, "the wanted traces could not be read"):
                await self.look()
            self._look.clear()
            await until_set(self._look, _LOOK)

    async def look(self) -> None:
        """Learn whose conversations are wanted now, and end sessions that fell silent."""
        now = self._store.clock()
        self._wanted = await self._store.read(wanted_traces, now=now)
        self.active = self._automatic or bool(self._wanted)
        for key, session in list(self._sessions.items()):
            if now - session.changed_at > _IDLE:
                self._ended(key)

    async def close(self) -> None:
        """Store what is held, then return."""
        for key in list(self._sessions):
            self._ended(key)
        while self._saves:
            await asyncio.gather(*self._saves, return_exceptions=True)


def _known_of(conn: Connection, device_id: int) -> tuple[Model | None, frozenset[str]]:
    """Return the model of a device and its parameters that hold secrets, whenever they were set."""
    device = dev.get(conn, device_id)
    asked = cm.requests_with_placeholders(conn, device_id)
    secret = frozenset[str]().union(*(secret_paths(message) for message in asked))
    try:
        return dev.model_for(conn, device), secret | dev.secret_parameters(conn, device)
    except AcsError:  # its profile names a model that is not there
        return None, secret


def _packed(
    exchanges: list[Exchange], reason: str, model: Model | None, known_secrets: frozenset[str]
) -> tuple[bytes, int, str]:
    """Return the messages packed, how many they are, and why they are kept; all of it redacted."""
    by_model = hidden_in(model)
    # Whatever a parameter is called: what was set to a secret is shown neither then nor when it is read.
    secret = known_secrets.union(*(exchange.secret_paths for exchange in exchanges))

    def hidden(path: str) -> bool:
        return path in secret or by_model(path)

    left_out: set[str] = set()
    messages = [each for exchange in exchanges for each in _messages(exchange, hidden, left_out)]
    # A device that refuses a value may repeat it: what was left out in one place is shown in no other.
    echoes = sorted(left_out, key=len, reverse=True)[:_MOST_ECHOES]
    content, count = pack(
        msgspec.structs.replace(
            each, body=redact_echoes(each.body, echoes), note=redact_echoes(each.note, echoes)[:_LONGEST_NOTE]
        )
        for each in messages
    )
    return content, count, redact_echoes(reason, echoes)


def _messages(exchange: Exchange, hidden: Callable[[str], bool], left_out: set[str]) -> list[Message]:
    body, cut = redact_body(exchange.body, hidden, left_out)
    answer, answer_cut = redact_body(exchange.answer, hidden, left_out)
    came = Message(
        at=exchange.came_at,
        direction="in",
        method=exchange.method,
        headers=redact_headers(exchange.headers.items()),
        body=body,
        cut=cut,
        address=exchange.address,
        note=exchange.fault,
    )
    if not exchange.status:
        return [came]
    found = _BODY.search(exchange.answer)
    went = Message(
        at=exchange.went_at,
        direction="out",
        method=found[1].decode() if found else "",
        status=exchange.status,
        headers=redact_headers(exchange.answer_headers.items()),
        body=answer,
        cut=answer_cut,
    )
    return [came, went]
