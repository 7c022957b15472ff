"""Relays between a simulated HeNB and the network: bytes pass as they are, unless its paths are cut.

A relay ends no TLS and reads nothing: who is at both ends, and what they say, is between them. So whatever a
path does to a connection (swallow it, refuse it, break it off, slow it down) happens to the real one.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from acs.simulator.lines import Lines, Way

__all__ = ["TcpRelay", "UdpRelay"]

_CHUNK = 16 * 1024
_CONNECTIONS = 256  # of one relay
_PEERS = 64  # of a UDP relay
_PENDING = 256  # datagrams under way in a UDP relay
_CONNECT = 20.0
_LINGER = struct.pack("ii", 1, 0)


class TcpRelay:
    """Carries TCP connections to ``target`` over paths named ``names``, one behind the other.

    ``inward``: it is the HeMS that connects, as with connection requests, and not the HeNB. The port stays
    its own while connections are refused.
    """

    def __init__(
        self,
        lines: Lines,
        names: Sequence[str],
        target: tuple[str, int],
        *,
        host: str = "127.0.0.1",
        inward: bool = False,
    ) -> None:
        self.lines, self._names, self._target, self._inward = lines, tuple(names), target, inward
        self._changed = asyncio.Event()
        self._connections: dict[asyncio.Task[Any], None] = {}  # in the order in which they began
        self._looking: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._serving = asyncio.Lock()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._place = socket.socket(family, socket.SOCK_STREAM)  # keeps the port, never listens
        self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._place.bind((host, 0))
        self.host = host
        self.port = int(self._place.getsockname()[1])
        self.carried = {"up": 0, "down": 0}
        """Bytes that passed, by direction."""
        lines.listeners.append(self._look)

    async def start(self) -> None:
        """Listen, unless that is refused now."""
        await self._serve()

    async def stop(self) -> None:
        """Close everything."""
        with contextlib.suppress(ValueError):
            self.lines.listeners.remove(self._look)
        async with self._serving:
            await self._close_server()
        tasks = [*self._connections, *self._looking]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._place.close()

    def _look(self) -> None:
        """The paths changed: whoever waits for that looks again."""
        self._changed.set()
        self._changed = asyncio.Event()
        task = asyncio.get_running_loop().create_task(self._serve())
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)

    async def _serve(self) -> None:
        async with self._serving:
            refuse = self.lines.state(self._names).refuse
            if refuse:
                await self._close_server()
            elif self._server is None and self._place.fileno() >= 0:
                self._server = await asyncio.start_server(
                    self._accept, self.host, self.port, reuse_address=True, limit=_CHUNK
                )

    async def _close_server(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        while len(self._connections) >= _CONNECTIONS:
            oldest = next(iter(self._connections))
            del self._connections[oldest]
            oldest.cancel()
        self._connections[task] = None
        try:
            await self._carry(reader, writer)
            writer.close()
            async with asyncio.timeout(_CONNECT):
                await writer.wait_closed()
        except (OSError, TimeoutError, asyncio.CancelledError):
            pass  # it broke, or the relay stops; the end that is left is told by a reset
        finally:
            _abort(writer)
            self._connections.pop(task, None)

    def _way(self, direction: str) -> Way:
        state = self.lines.state(self._names)
        return state.up if direction == "up" else state.down

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection; of one that a path swallows whole the other end never hears."""
        there, back = ("down", "up") if self._inward else ("up", "down")
        while self._way(there).stops(0):
            await self._changed.wait()
        async with asyncio.timeout(_CONNECT):
            far_reader, far_writer = await asyncio.open_connection(*self._target, limit=_CHUNK)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, far_writer, there))
                group.create_task(self._pump(far_reader, writer, back))
            far_writer.close()
            async with asyncio.timeout(_CONNECT):
                await far_writer.wait_closed()
        except ExceptionGroup as broken:
            raise ConnectionResetError from broken
        finally:
            _abort(far_writer)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: str) -> None:
        """Carry bytes one way until they end; what is held back flows on when the path is whole again."""
        passed = 0
        while True:
            way, changed = self._way(direction), self._changed
            if way.resets(passed):
                raise ConnectionResetError
            if way.stops(passed):
                await changed.wait()
                continue
            data = await self._read(reader, way.allowance(passed, _CHUNK), changed)
            if data is None:
                continue
            if not data:
                break
            if way.delay or way.rate:
                await asyncio.sleep(way.delay + (len(data) / way.rate if way.rate else 0))
            while self._way(direction).stops(passed):  # it was cut while these were under way
                await self._changed.wait()
            writer.write(data)
            await writer.drain()
            passed += len(data)
            self.carried[direction] += len(data)
        if writer.can_write_eof():
            writer.write_eof()

    @staticmethod
    async def _read(reader: asyncio.StreamReader, most: int, changed: asyncio.Event) -> bytes | None:
        """Read some bytes; None when the paths changed before there were any."""
        reading = asyncio.ensure_future(reader.read(most))
        looking = asyncio.ensure_future(changed.wait())
        try:
            await asyncio.wait((reading, looking), return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                return reading.result()
            return None
        finally:
            looking.cancel()
            if not reading.done():
                reading.cancel()
            await asyncio.gather(reading, looking, return_exceptions=True)


def _abort(writer: asyncio.StreamWriter) -> None:
    """Reset a connection that is still open."""
    raw = writer.get_extra_info("socket")
    if raw is not None and raw.fileno() >= 0:
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
    writer.transport.abort()


class UdpRelay(asyncio.DatagramProtocol):
    """Carries datagrams to ``target`` and back, a socket for each who sends; ``inward`` as with ``TcpRelay``.

    A path that refuses, resets or drops loses them all. Each is delayed by itself.
    """

    def __init__(
        self,
        lines: Lines,
        names: Sequence[str],
        target: tuple[str, int],
        *,
        inward: bool = False,
    ) -> None:
        self.lines, self._names, self._target, self._inward = lines, tuple(names), target, inward
        self._peers: OrderedDict[tuple[str, int], asyncio.DatagramTransport] = OrderedDict()
        self._pending = 0
        self._free_at = {"up": 0.0, "down": 0.0}
        self._opening: set[asyncio.Task[None]] = set()
        self._transport: asyncio.DatagramTransport | None = None
        self.port = 0
        self.lost = 0
        """Datagrams that the paths did not carry."""

    async def start(self, host: str = "127.0.0.1") -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(host, 0))
        self.port = int(self._transport.get_extra_info("sockname")[1])

    async def stop(self) -> None:
        """Close everything."""
        for task in list(self._opening):
            task.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)
        for each in (self._transport, *self._peers.values()):
            if each is not None:
                each.close()

    def datagram_received(self, data: bytes, source: Any) -> None:
        """Carry on what somebody sent to the relay."""
        self._carry(data, "down" if self._inward else "up", lambda: self._there(data, source[:2]))

    def _carry(self, data: bytes, direction: str, deliver: Callable[[], None]) -> None:
        state = self.lines.state(self._names)
        way = state.up if direction == "up" else state.down
        lost = state.refuse or way.drop or way.reset or self._pending >= _PENDING
        if lost or (way.loss and self.lines.chance.random() < way.loss):
            self.lost += 1
            return
        loop = asyncio.get_running_loop()
        wait = way.delay
        if way.rate:
            begins = max(loop.time(), self._free_at[direction])
            self._free_at[direction] = begins + len(data) / way.rate
            wait += self._free_at[direction] - loop.time()
        if not wait:
            deliver()
            return
        self._pending += 1
        loop.call_later(wait, self._late, deliver)

    def _late(self, deliver: Callable[[], None]) -> None:
        self._pending -= 1
        if self._transport is not None and not self._transport.is_closing():
            deliver()

    def _there(self, data: bytes, source: tuple[str, int]) -> None:
        known = self._peers.get(source)
        if known is not None:
            self._peers.move_to_end(source)
            known.sendto(data)
            return
        task = asyncio.get_running_loop().create_task(self._open(data, source))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, data: bytes, source: tuple[str, int]) -> None:
        """Open a socket for one who sends, as a NAT makes a binding; the one not used for longest goes."""
        if source not in self._peers:
            relay = self
            made, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: _Far(relay, source), remote_addr=self._target
            )
            if source in self._peers:
                made.close()
            else:
                self._peers[source] = made
            while len(self._peers) > _PEERS:
                self._peers.popitem(last=False)[1].close()
        self._peers[source].sendto(data)

    def answer(self, data: bytes, to: tuple[str, int]) -> None:
        """Carry back what the target sent to one who had sent."""

        def deliver() -> None:
            if self._transport is not None:
                self._transport.sendto(data, to)

        self._carry(data, "up" if self._inward else "down", deliver)


class _Far(asyncio.DatagramProtocol):
    """The socket on the target's side that belongs to one who sends."""

    def __init__(self, relay: UdpRelay, source: tuple[str, int]) -> None:
        self._relay, self._source = relay, source

    def datagram_received(self, data: bytes, _: object) -> None:
        """Carry it back."""
        self._relay.answer(data, self._source)
