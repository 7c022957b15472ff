"""The UDP side of a HeNB on real sockets, directly or through a NAT that is made in this process."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import Callable
from time import monotonic, time
from typing import Any, Protocol

from acs.cwmp.stun import Endpoint
from acs.simulator.stun import Datagram, Henb, StunClient

__all__ = ["Direct", "Link", "Nat", "UdpSide"]

_SIZE = 2048

Receiver = Callable[[bytes], None]


class Link(Protocol):
    """A UDP port of a device."""

    @property
    def local(self) -> Endpoint:
        """What the device takes for its address."""

    def send(self, data: bytes, to: Endpoint) -> None:
        """Send a datagram, or lose it."""

    def close(self) -> None:
        """Give the port back."""


class Direct:
    """A socket of the device's own: nothing is between."""

    def __init__(self, host: str, receive: Callable[[bytes, Endpoint], None]) -> None:
        self._loop, self._receive = asyncio.get_running_loop(), receive
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind((host, 0))
        self._loop.add_reader(self._socket, self._read)

    @property
    def local(self) -> Endpoint:
        """Where it is bound."""
        address: tuple[Any, ...] = self._socket.getsockname()
        return address[0], address[1]

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # nothing there, or an ICMP error of an earlier datagram
            while True:
                data, source = self._socket.recvfrom(_SIZE)
                self._receive(data, source[:2])

    def send(self, data: bytes, to: Endpoint) -> None:
        """Send a datagram, or lose it."""
        with contextlib.suppress(OSError):
            self._socket.sendto(data, to)

    def close(self) -> None:
        """Close the socket."""
        self._loop.remove_reader(self._socket)
        self._socket.close()


class Nat:
    """A NAT: inside addresses that nobody else reaches, outside ports that live while they are used.

    It maps by the inside port alone, and lets in only what comes from an address and port to which the
    inside has sent (RFC 4787: endpoint-independent mapping, address and port-dependent filtering). A
    mapping lives ``timeout`` seconds after the last datagram from inside.
    """

    def __init__(
        self, host: str = "127.0.0.2", *, timeout: float = 60.0, clock: Callable[[], float] = monotonic
    ) -> None:
        self.host, self.timeout, self.clock = host, timeout, clock
        self._links: list[_Inside] = []
        self.dropped = 0

    def attach(self, receive: Receiver) -> Link:
        """Return a port on the inside."""
        number = len(self._links) + 1
        inside = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        link = _Inside(self, (inside, 7547), receive)
        self._links.append(link)
        return link

    def forget(self) -> None:
        """Lose all mappings, as a NAT does that is restarted: the next datagrams leave from other ports."""
        for link in self._links:
            link.forget()

    def close(self) -> None:
        """Close all outside ports."""
        self.forget()


class _Inside:
    def __init__(self, nat: Nat, local: Endpoint, receive: Receiver) -> None:
        self.local = local
        self._nat, self._deliver = nat, receive
        self._outside: Direct | None = None
        self._used = 0.0
        self._spoken_to: set[Endpoint] = set()

    def send(self, data: bytes, to: Endpoint) -> None:
        now = self._nat.clock()
        if self._outside is not None and now - self._used > self._nat.timeout:
            self.forget()
        if self._outside is None:
            self._outside = Direct(self._nat.host, self._incoming)
        self._used = now
        self._spoken_to.add(to)
        self._outside.send(data, to)

    def _incoming(self, data: bytes, source: Endpoint) -> None:
        expired = self._nat.clock() - self._used > self._nat.timeout
        if expired or source not in self._spoken_to:
            self._nat.dropped += 1
            return
        self._deliver(data)

    def forget(self) -> None:
        if self._outside is not None:
            self._outside.close()
            self._outside = None
        self._spoken_to.clear()

    def close(self) -> None:
        self.forget()


class UdpSide:
    """Runs the STUN client of one HeNB; ``wake`` is called when it was called through UDP."""

    def __init__(
        self,
        henb: Henb,
        wake: Callable[[], None],
        *,
        nat: Nat | None = None,
        host: str = "127.0.0.1",
        clock: Callable[[], float] = time,
        seed: int | None = None,
    ) -> None:
        self._wake, self._clock = wake, clock
        self._looked = asyncio.Event()
        self.links = [self._link(nat, host, secondary) for secondary in (False, True)]
        rng = random.Random(seed)  # noqa: S311 - a simulated device
        self.client = StunClient(henb, self.links[0].local, rng)

    def _link(self, nat: Nat | None, host: str, secondary: bool) -> Link:
        def receive(data: bytes) -> None:
            self._received(data, secondary)

        return nat.attach(receive) if nat is not None else Direct(host, lambda data, _: receive(data))

    def _received(self, data: bytes, secondary: bool) -> None:
        self._send(self.client.received(data, self._clock(), secondary=secondary))
        self._wake()
        self._looked.set()

    def _send(self, datagrams: list[Datagram]) -> None:
        for each in datagrams:
            self.links[each.secondary].send(each.data, each.to)

    def look(self) -> None:
        """Look at the client again: something about it was changed from outside."""
        self._looked.set()

    async def run(self) -> None:
        """Keep the binding, until cancelled."""
        try:
            while True:
                self._looked.clear()
                before = len(self.client.henb.changed)
                self._send(self.client.step(self._clock()))
                if len(self.client.henb.changed) != before:
                    self._wake()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(0.01, self.client.next_wake(self._clock()))):
                        await self._looked.wait()
        finally:
            for link in self.links:
                link.close()
