"""The front: accepts connections, negotiates TLS, and holds each connection to its bounds.

aiohttp bounds what a request may be, but not how long a peer may take with it, nor how many peers there
are. So sockets are accepted here, by a loop that takes some at a time; a socket costs next to nothing until
its first byte has come (``opening.py``), and TLS is begun only for whom the limits admit. ``connections.py``
keeps the table.
"""

from __future__ import annotations

import asyncio
import errno
import math
import select
import socket
import ssl
from collections import deque
from collections.abc import Callable, Coroutine
from functools import cache
from typing import Any

import structlog

from acs.errors import AcsError
from acs.observability import Metrics
from acs.southbound.connections import Connection, Connections, Stage, Trust
from acs.southbound.guarded import Guarded
from acs.southbound.limits import Buckets, Familiar, Network, address_key, within
from acs.southbound.opening import RESET, Opening, Port

__all__ = ["Front"]

_BACKLOG = 4096
_ACCEPTED_AT_ONCE = 16  # sockets a turn of the event loop accepts at most
_SPOKE_AT_ONCE = 16  # first bytes that it looks at
_BEGUN_AT_ONCE = 2  # and handshakes and requests of familiar addresses that it begins
_GIVEN_BACK = 2  # a handshake and a challenge: what it takes a device to prove itself
_SWEEP = 0.5  # seconds
_FIRST_BYTE = select.EPOLLIN | select.EPOLLRDHUP
_RECEIVE_BUFFER = 64 * 1024  # bytes of the kernel per connection, and so of one read
_LEAST_MOVED = 4096  # bytes that a body, or an answer, has to move within its time
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
        self._rate, self._strangers = rate, strangers
        self._ended = cache(metrics.connections_ended.labels)
        self._identities = identities
        self._unlimited = within(unlimited)
        self._handshake_timeout, self.longest_delay = handshake_timeout, longest_delay
        self._loop = asyncio.get_running_loop()
        self._listening: list[Port] = []
        self._waiting: tuple[deque[_Start], deque[_Start]] = (deque(), deque())
        self._tasks: set[asyncio.Task[None]] = set()
        self._beginning: asyncio.Handle | None = None
        self._begins_later = False  # by a timer, not in the next turn of the event loop
        # Silent sockets wait in a selector of their own: to the event loop all of them are one file.
        self._silent = select.epoll()
        self._openings: dict[int, Opening] = {}
        self._loop.add_reader(self._silent.fileno(), self._some_spoke)
        self._sweeper = self._loop.call_later(_SWEEP, self._sweep)

    # --- accepting -------------------------------------------------------------------------------------

    def listen(
        self,
        host: str,
        number: int,
        context: ssl.SSLContext | None,
        name: str,
        handler: Callable[[], Guarded],
    ) -> int:
        """Listen on all addresses of ``host``; return the port. Raises ``AcsError`` naming the setting."""
        try:
            found = socket.getaddrinfo(
                host or None, number, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_ADDRCONFIG
            )
            for family, kind, protocol, _, address in dict.fromkeys(found):
                listening = socket.socket(family, kind, protocol)
                port = Port(listening, context, handler)
                self._listening.append(port)
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                if family == socket.AF_INET6:
                    listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                listening.setblocking(False)
                listening.bind((address[0], number, *address[2:]))
                listening.listen(_BACKLOG)
                number = listening.getsockname()[1]
                self._loop.add_reader(listening, self._accept, port)
        except OSError as error:
            raise AcsError(f"can't listen on {host}:{number} (setting {name}): {error}") from error
        return number

    def _accept(self, port: Port) -> None:
        accept, ipv4, now = port.listening.accept, port.ipv4, self._loop.time()
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                accepted, address = accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    raise
                self._pause(port, error)
                return
            self._admit(port, accepted, address[0] if ipv4 else address_key(address[0]), now)

    def _pause(self, port: Port, error: OSError) -> None:
        """Accept nothing for a moment: the system has no more to give."""
        _log.error("no connection can be accepted now", why=str(error))
        self._loop.remove_reader(port.listening)

        def resume() -> None:
            if port in self._listening:
                self._loop.add_reader(port.listening, self._accept, port)

        self._loop.call_later(0.1, resume)

    def _admit(self, port: Port, accepted: socket.socket, party: str, now: float) -> None:
        unlimited = self._unlimited(party)
        if not unlimited:
            if self.connections.full_for(party):
                self._refuse(accepted, "too-many-of-one-address")
                return
            if self._rate.wait(party, now) > 0:
                self._refuse(accepted, "too-fast")
                return
        opening = Opening(self, port, accepted)
        trust = Trust.FAMILIAR if party in self.familiar else Trust.STRANGER
        opening.connection = connection = Connection(party, opening, unlimited, trust)
        leaving = self.connections.add(connection, now)
        if leaving is not None:
            self.end(leaving, "no-room")
        if leaving is not connection:
            opening.wait()

    def _refuse(self, accepted: socket.socket, reason: str) -> None:
        self._ended(reason).inc()
        accepted.close()

    # --- first bytes ------------------------------------------------------------------------------------

    def watch(self, opening: Opening, descriptor: int) -> None:
        """Wait for the first byte on a socket."""
        self._openings[descriptor] = opening
        self._silent.register(descriptor, _FIRST_BYTE)

    def unwatch(self, descriptor: int) -> None:
        """Wait for it no longer."""
        if self._openings.pop(descriptor, None) is not None:
            self._silent.unregister(descriptor)

    def closes(self, descriptor: int) -> None:
        """Wait for it no longer, since it is closed now: the system then forgets it by itself."""
        self._openings.pop(descriptor, None)

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
        if leaving is not None:  # whoever has one device's certificate makes no address familiar with it
            self.familiar.discard(connection.party)
            self.end(leaving, "too-many-of-one-device")
        else:
            self.familiar.add(connection.party)

    def enter(self, connection: Connection, stage: Stage) -> None:
        """Note what a connection does from now on."""
        self.connections.enter(connection, stage, self._loop.time())

    def end(self, connection: Connection, reason: str) -> None:
        """Cut a connection off at once."""
        self._ended(reason).inc()
        holder = connection.holder
        self.connections.remove(connection)
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
                self._ended(reason).inc()
                connection.holder.time_out(stage)
        self._sweeper = self._loop.call_later(0 if len(found) > 200 else _SWEEP, self._sweep)

    def close(self) -> None:
        """Accept no more. Open connections go on."""
        for port in self._listening:
            self._loop.remove_reader(port.listening)
            port.listening.close()
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
