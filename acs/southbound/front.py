"""The front: accepts connections, negotiates TLS, and holds each connection to its bounds.

aiohttp bounds what a request may be, but not how long a peer may take with it, nor how many peers there
are. So sockets are accepted here, by a loop that takes few at a time; a socket costs next to nothing until
its first byte has come, and TLS is begun only for whom the limits admit. ``connections.py`` keeps the table.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import math
import select
import socket
import ssl
import struct
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from acs.errors import AcsError
from acs.observability import Metrics
from acs.southbound.connections import Connection, Connections, Stage, Trust
from acs.southbound.guarded import Guarded
from acs.southbound.limits import Buckets, Familiar, Network, address_key, within

__all__ = ["Front"]

_BACKLOG = 4096
_ACCEPTED_AT_ONCE = 8  # sockets a turn of the event loop accepts at most
_SPOKE_AT_ONCE = 16  # first bytes that it looks at
_BEGUN_AT_ONCE = 2  # and handshakes and requests of familiar addresses that it begins
_GIVEN_BACK = 2  # a handshake and a challenge: what it takes a device to prove itself
_SWEEP = 0.5  # seconds
_RECEIVE_BUFFER = 64 * 1024  # bytes of the kernel per connection, and so of one read
_LEAST_MOVED = 4096  # bytes that a body, or an answer, has to move within its time
_RESET = struct.pack("ii", 1, 0)
_NOT_TLS = b"HTTP/1.0 400 Bad Request\r\nContent-Length: 20\r\n\r\nthis port speaks TLS"
_LEFT_AT_ONCE = 200
_FULL = 0.01  # seconds until it is looked again whether another handshake may begin
_PATIENCE = 2.0  # seconds that a handshake may take while others wait for it
_Start = tuple[Connection, Callable[[], None]]
_log = structlog.get_logger(__name__)


class Front:
    """The listeners' common part: bounds, limits by address and identity, handlers of open connections.

    ``longest_delay``: seconds that a connection of an identity that connects too often waits for its turn.
    """

    def __init__(
        self,
        connections: Connections,
        *,
        rate: Buckets,
        strangers: Buckets,
        identities: Buckets,
        unlimited: list[Network],
        handshake_timeout: float,
        longest_delay: float,
        metrics: Metrics,
    ) -> None:
        self.connections, self.familiar = connections, Familiar()
        self.handshake_failed: Callable[[str, ssl.SSLError], None] = lambda *_: None
        """Called with the address (``address_key``) and the reason."""
        self._rate, self._strangers, self._metrics = rate, strangers, metrics
        self._identities = identities
        self._unlimited = within(unlimited)
        self._handshake_timeout, self.longest_delay = handshake_timeout, longest_delay
        self._loop = asyncio.get_running_loop()
        self._listening: list[socket.socket] = []
        self._waiting: tuple[deque[_Start], deque[_Start]] = (deque(), deque())
        self._tasks: set[asyncio.Task[None]] = set()
        self._beginning: asyncio.Handle | None = None
        self._begins_later = False  # by a timer, not in the next turn of the event loop
        # Silent sockets wait in a selector of their own: to the event loop all of them are one file.
        self._silent = select.epoll()
        self._openings: dict[int, _Opening] = {}
        self._loop.add_reader(self._silent.fileno(), self._some_spoke)
        self._sweeper = self._loop.call_later(_SWEEP, self._sweep)

    # --- accepting -------------------------------------------------------------------------------------

    def listen(
        self, host: str, port: int, context: ssl.SSLContext | None, name: str, handler: Callable[[], Guarded]
    ) -> int:
        """Listen on all addresses of ``host``; return the port. Raises ``AcsError`` naming the setting."""
        try:
            found = socket.getaddrinfo(
                host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_ADDRCONFIG
            )
            for family, kind, protocol, _, address in dict.fromkeys(found):
                listening = socket.socket(family, kind, protocol)
                self._listening.append(listening)
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
                if family == socket.AF_INET6:
                    listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                listening.setblocking(False)
                listening.bind((address[0], port, *address[2:]))
                listening.listen(_BACKLOG)
                port = listening.getsockname()[1]
                self._loop.add_reader(listening, self._accept, listening, context, handler)
        except OSError as error:
            raise AcsError(f"can't listen on {host}:{port} (setting {name}): {error}") from error
        return port

    def _accept(
        self, listening: socket.socket, context: ssl.SSLContext | None, handler: Callable[[], Guarded]
    ) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                accepted, address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    raise
                self._pause(listening, context, handler, error)
                return
            accepted.setblocking(False)
            party = address[0] if listening.family == socket.AF_INET else address_key(address[0])
            self._admit(accepted, party, context, handler)

    def _pause(
        self,
        listening: socket.socket,
        context: ssl.SSLContext | None,
        handler: Callable[[], Guarded],
        error: OSError,
    ) -> None:
        """Accept nothing for a moment: the system has no more to give."""
        _log.error("no connection can be accepted now", why=str(error))
        self._loop.remove_reader(listening)

        def resume() -> None:
            if listening in self._listening:
                self._loop.add_reader(listening, self._accept, listening, context, handler)

        self._loop.call_later(0.1, resume)

    def _admit(
        self,
        accepted: socket.socket,
        party: str,
        context: ssl.SSLContext | None,
        handler: Callable[[], Guarded],
    ) -> None:
        unlimited = self._unlimited(party)
        if not unlimited:
            if self.connections.full_for(party):
                self._refuse(accepted, "too-many-of-one-address")
                return
            if self._rate.wait(party, self._loop.time()) > 0:
                self._refuse(accepted, "too-fast")
                return
        opening = _Opening(self, accepted, context, handler)
        connection = Connection(party, opening, unlimited=unlimited)
        if party in self.familiar:
            connection.trust = Trust.FAMILIAR
        opening.connection = connection
        self._end(self.connections.add(connection, self._loop.time()), "no-room")
        if opening.socket is not None:
            opening.wait()

    def _refuse(self, accepted: socket.socket, reason: str) -> None:
        self._metrics.connections_ended.labels(reason).inc()
        reset(accepted)

    # --- first bytes ------------------------------------------------------------------------------------

    def watch(self, opening: _Opening, descriptor: int) -> None:
        """Wait for the first byte on a socket."""
        self._openings[descriptor] = opening
        self._silent.register(descriptor, select.EPOLLIN | select.EPOLLRDHUP)

    def unwatch(self, descriptor: int) -> None:
        """Wait for it no longer."""
        if self._openings.pop(descriptor, None) is not None:
            self._silent.unregister(descriptor)

    def _some_spoke(self) -> None:
        for descriptor, _ in self._silent.poll(0, _SPOKE_AT_ONCE):
            self._openings[descriptor].spoke()

    # --- the start of TLS, few at a time, familiar addresses first ----------------------------------------

    def begin(self, connection: Connection, start: Callable[[], None]) -> None:
        """Call ``start`` when it is its turn: a handshake, or the first look at a request.

        Addresses from which devices have come before go first. All others together get so many turns a
        second and no more, however many they are: what strangers cost is bounded. No more handshakes begin
        than may be in progress, or else all of them could go on in the same moment.
        """
        stranger = connection.trust is Trust.STRANGER and not connection.unlimited
        self._waiting[stranger].append((connection, start))
        if self._beginning is not None and self._begins_later and not stranger:
            self._beginning.cancel()  # strangers have to wait for each other; this one has not
            self._beginning = None
        if self._beginning is None:
            self._schedule(0)

    def _schedule(self, seconds: float) -> None:
        self._begins_later = seconds > 0
        if self._begins_later:
            self._beginning = self._loop.call_later(seconds, self._begin_some)
        else:
            self._beginning = self._loop.call_soon(self._begin_some)

    def _begin_some(self) -> None:
        self._beginning = None
        familiar, strangers = self._waiting
        full = False
        for _ in range(_BEGUN_AT_ONCE):
            if self._pass_over(familiar):
                full = self._full(familiar[0][0])
                if not full:
                    familiar.popleft()[1]()
        wait = 0.0
        if self._pass_over(strangers):
            wait = _FULL if self._full(strangers[0][0]) else self._strangers.take("", self._loop.time())
            if not wait:
                strangers.popleft()[1]()
        if familiar or strangers:
            at_once = (familiar and not full) or (strangers and not wait)
            self._schedule(0 if at_once else min(wait, _FULL) or _FULL)

    def _full(self, connection: Connection) -> bool:
        """Tell whether a handshake has to wait for others; one that takes long makes room for it."""
        if connection.stage is not Stage.SILENT or connection.unlimited:
            return False  # it is past its handshake, or not limited
        strangers = connection.trust is Trust.STRANGER
        if not self.connections.handshakes_full(strangers=strangers):
            return False
        slowest = self.connections.slowest_handshake(self._loop.time() - _PATIENCE, strangers=strangers)
        if slowest is not None:
            self.end(slowest, "slow-among-many")
        return slowest is None

    def _pass_over(self, strangers: deque[_Start]) -> bool:
        """Be done with those that left while they waited: who goes takes no turn from who stays.

        Return whether the first is one that waits.
        """
        for _ in range(_LEFT_AT_ONCE):
            if not strangers or strangers[0][0] in self.connections:
                return bool(strangers)
            strangers.popleft()[1]()
        return False

    async def turn(self, connection: Connection) -> None:
        """Wait for the turn of a request of somebody who has not proved to be a device."""
        turn: asyncio.Future[None] = self._loop.create_future()
        self.begin(connection, lambda: None if turn.done() else turn.set_result(None))
        await turn

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run the opening of one connection."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def handshake_timeout(self) -> float:
        """Seconds that TLS may take."""
        return self._handshake_timeout

    # --- what is learned of a connection ---------------------------------------------------------------

    def charge(self, connection: Connection, amount: float = 1) -> bool:
        """Charge a handshake or a refusal to the address; return whether there is anything left."""
        if connection.unlimited:
            return True
        now = self._loop.time()
        connection.charged += amount
        self._rate.spend(connection.party, now, amount)
        return self._rate.wait(connection.party, now) <= 0

    def arrived(self, connection: Connection, identity: str) -> float:
        """Note a connection of an identity: a certificate, or the name that goes with a password.

        Return for how many seconds it has to wait, or infinity where too many of its connections wait
        already. Who has to wait makes its address familiar to nobody and gets nothing back of what it cost.
        """
        wait = self._identities.reserve(identity, self._loop.time(), self.longest_delay)
        if wait:
            connection.charged = 0.0
            self.familiar.discard(connection.party)
        return wait if wait <= self.longest_delay else math.inf

    def proved(self, connection: Connection, device: str) -> None:
        """Note that a device proved who it is: its handshake and challenge are not charged to its address."""
        if connection.charged:
            self._rate.give_back(connection.party, self._loop.time(), min(connection.charged, _GIVEN_BACK))
            connection.charged = 0.0
        if connection.device == device:
            return
        leaving = self.connections.trust(connection, device)
        if leaving:  # whoever has one device's certificate makes no address familiar with it
            self.familiar.discard(connection.party)
            self._end(leaving, "too-many-of-one-device")
        else:
            self.familiar.add(connection.party)

    def enter(self, connection: Connection, stage: Stage) -> None:
        """Note what a connection does from now on."""
        self.connections.enter(connection, stage, self._loop.time())

    def end(self, connection: Connection, reason: str) -> None:
        """Cut a connection off at once."""
        self._end([connection], reason)

    def _end(self, those: list[Connection], reason: str) -> None:
        for each in those:
            self._metrics.connections_ended.labels(reason).inc()
            holder = each.holder
            self.connections.remove(each)
            holder.end()

    # --- time ------------------------------------------------------------------------------------------

    def _sweep(self) -> None:
        now = self._loop.time()
        found = self.connections.overdue(now)
        for connection in found:
            stage = connection.stage
            if (stage is Stage.BODY and connection.moved >= _LEAST_MOVED) or (
                stage is Stage.WRITING and connection.holder.written() >= _LEAST_MOVED
            ):
                self.connections.enter(connection, stage, now)
            else:
                reason = "too-often" if stage is Stage.DELAYED else f"slow-{stage.name.lower()}"
                self._metrics.connections_ended.labels(reason).inc()
                connection.holder.time_out(stage)
        self._sweeper = self._loop.call_later(0 if len(found) > 200 else _SWEEP, self._sweep)

    def close(self) -> None:
        """Accept no more. Open connections go on."""
        for listening in self._listening:
            self._loop.remove_reader(listening)
            listening.close()
        self._listening.clear()

    async def stop(self) -> None:
        """Give up what is being opened and watch no more."""
        self.close()
        self._sweeper.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in self.connections.everything():
            holder = connection.holder
            self.connections.remove(connection)
            holder.end()
        self._loop.remove_reader(self._silent.fileno())
        self._silent.close()


def reset(accepted: socket.socket) -> None:
    """Close a socket so that neither side keeps anything of it."""
    with contextlib.suppress(OSError):
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    accepted.close()


class _Opening:
    """A socket between ``accept`` and its first HTTP byte."""

    connection: Connection

    def __init__(
        self,
        front: Front,
        accepted: socket.socket,
        context: ssl.SSLContext | None,
        handler: Callable[[], Guarded],
    ) -> None:
        self._front, self._context, self._handler = front, context, handler
        self.socket: socket.socket | None = accepted
        self._loop = asyncio.get_running_loop()

    def wait(self) -> None:
        """Wait for the first byte: a connection that is opened and left costs no TLS."""
        assert self.socket is not None
        self._front.watch(self, self.socket.fileno())

    def end(self) -> None:
        """Drop the socket, whatever is going on with it."""
        opened, self.socket = self.socket, None
        if opened is None:
            return
        self._front.unwatch(opened.fileno())
        if self.connection.stage is Stage.SILENT:
            reset(opened)
        else:  # the event loop owns it; it will find the connection broken
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)

    def time_out(self, _: Stage) -> None:
        """Drop the socket: the peer was too slow even to begin."""
        self._front.connections.remove(self.connection)
        self.end()

    def written(self) -> int:
        """Return 0: nothing is sent before the first request."""
        return 0

    def spoke(self) -> None:
        """Look at the first byte, which is there or never comes."""
        assert self.socket is not None
        self._front.unwatch(self.socket.fileno())
        try:
            first = self.socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            self.wait()
            return
        except OSError:
            first = b""
        front, connection = self._front, self.connection
        if not first:
            front.connections.remove(connection)
            self.end()
        elif self._context is None:
            front.begin(connection, self._start)
        elif first != b"\x16":  # no handshake record of TLS
            with contextlib.suppress(OSError):
                self.socket.send(_NOT_TLS)
                self.socket.shutdown(socket.SHUT_WR)
            front.end(connection, "no-tls")
        elif not front.charge(connection):
            front.end(connection, "too-fast")
        else:
            front.begin(connection, self._start)

    def _start(self) -> None:
        if self.socket is not None:
            self._front.enter(self.connection, Stage.HANDSHAKE)
            self._front.run(self._open())

    async def _open(self) -> None:
        opened = self.socket
        if opened is None:
            return
        options: dict[str, Any] = {}
        if self._context is not None:
            options = {
                "ssl": self._context,
                "ssl_handshake_timeout": self._front.handshake_timeout,
                "ssl_shutdown_timeout": 5,
            }
        try:
            await self._loop.connect_accepted_socket(self._protocol, opened, **options)
        except (OSError, TimeoutError, asyncio.CancelledError) as error:
            if self.connection.holder is self:
                self._front.end(self.connection, "handshake-failed")
            if isinstance(error, ssl.SSLError):
                self._front.handshake_failed(self.connection.party, error)
            if isinstance(error, asyncio.CancelledError):
                raise

    def _protocol(self) -> Guarded:
        made = self._handler()
        made.attach(self._front, self.connection)
        return made
