"""A socket between ``accept`` and its first HTTP byte, when it has cost next to nothing."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from acs.southbound.connections import Connection, Stage
from acs.southbound.guarded import Guarded

if TYPE_CHECKING:
    from acs.southbound.front import Front

__all__ = ["RESET", "Opening", "Port"]

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of sockets of which neither side keeps anything once they are closed.

A listening socket has it, and what is accepted inherits it, until there is something to send."""
_IN_PEACE = struct.pack("ii", 0, 0)
_NOT_TLS = b"HTTP/1.0 400 Bad Request\r\nContent-Length: 20\r\n\r\nthis port speaks TLS"
_HANDSHAKE_RECORD = b"\x16"


class Port:
    """A listening socket, what becomes of those that connect to it. ``context``: None without TLS."""

    __slots__ = ("context", "handler", "ipv4", "listening")

    def __init__(
        self, listening: socket.socket, context: ssl.SSLContext | None, handler: Callable[[], Guarded]
    ) -> None:
        self.listening, self.context, self.handler = listening, context, handler
        self.ipv4 = listening.family == socket.AF_INET


class Opening:
    """The holder of a connection that has not said anything yet, or negotiates TLS.

    A flood is made of these. What only some of them need is done when they need it: until its first byte
    has come, a socket is in blocking mode, and in no other table than that of ``Front.watch``.
    """

    __slots__ = ("_front", "_port", "connection", "socket")

    connection: Connection

    def __init__(self, front: Front, port: Port, accepted: socket.socket) -> None:
        self._front, self._port = front, port
        self.socket: socket.socket | None = accepted

    def wait(self) -> None:
        """Wait for the first byte: a connection that is opened and left costs no TLS."""
        assert self.socket is not None
        self._front.watch(self, self.socket.fileno())

    def end(self) -> None:
        """Drop the socket, whatever is going on with it."""
        opened, self.socket = self.socket, None
        if opened is None:
            return
        if self.connection.stage is Stage.SILENT:
            self._front.closes(opened.fileno())
            opened.close()
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
            first = self.socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            self.wait()
            return
        except OSError:
            first = b""
        front, connection = self._front, self.connection
        if not first:
            front.connections.remove(connection)
            self.end()
        elif self._port.context is None:
            front.begin(connection, self._start)
        elif first != _HANDSHAKE_RECORD:
            with contextlib.suppress(OSError):
                self.socket.send(_NOT_TLS, socket.MSG_DONTWAIT)
                self.socket.shutdown(socket.SHUT_WR)
            front.end(connection, "no-tls")
        elif not front.charge(connection):
            front.end(connection, "too-fast")
        else:
            front.begin(connection, self._start)

    def _start(self) -> None:
        if self.socket is not None:
            self.socket.setblocking(False)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _IN_PEACE)
            self._front.enter(self.connection, Stage.HANDSHAKE)
            self._front.run(self._open())

    async def _open(self) -> None:
        opened, context = self.socket, self._port.context
        if opened is None:
            return
        options: dict[str, Any] = {}
        if context is not None:
            options = {
                "ssl": context,
                "ssl_handshake_timeout": self._front.handshake_timeout,
                "ssl_shutdown_timeout": 5,
            }
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(self._protocol, opened, **options)
        except (OSError, TimeoutError, asyncio.CancelledError) as error:
            if self.connection.holder is self:
                self._front.end(self.connection, "handshake-failed")
            if isinstance(error, ssl.SSLError):
                self._front.handshake_failed(self.connection.party, error)
            if isinstance(error, asyncio.CancelledError):
                raise

    def _protocol(self) -> Guarded:
        made = self._port.handler()
        made.attach(self._front, self.connection)
        return made
