"""UDP sockets of a server: one for IPv4 and one for IPv6, where its host has both."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from acs.cwmp.stun import Endpoint
from acs.errors import AcsError

__all__ = ["DatagramSockets"]


class DatagramSockets:
    """The sockets of one UDP server; ``received`` is given data, source and own endpoint.

    An IPv6 socket takes IPv6 alone, so that an IPv4 device is seen under its IPv4 address everywhere: in its
    binding, in what it is told, in the limits of its source.
    """

    def __init__(self, received: Callable[[bytes, Endpoint, Endpoint], None]) -> None:
        self._received = received
        self._open: dict[int, asyncio.DatagramTransport] = {}

    async def open(self, host: str, port: int, setting: str) -> int:
        """Open a socket for each family that ``host`` has an address of ("" is all), at its first address.

        Return the port; 0 takes a free one. Raises ``AcsError`` that names ``setting``.
        """
        loop = asyncio.get_running_loop()
        flags = socket.AI_PASSIVE | socket.AI_ADDRCONFIG
        try:
            found = await loop.getaddrinfo(host or None, port, type=socket.SOCK_DGRAM, flags=flags)
            for family, kind, protocol, _, address in dict.fromkeys(found):
                if family in self._open:
                    continue
                bound = socket.socket(family, kind, protocol)
                try:
                    bound.setblocking(False)
                    if family == socket.AF_INET6:
                        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                    bound.bind((address[0], port, *address[2:]))
                    own = cast("Endpoint", bound.getsockname()[:2])
                    reader = partial(_Reader, self._received, own)
                    made, _ = await loop.create_datagram_endpoint(reader, sock=bound)
                except BaseException:
                    bound.close()
                    raise
                self._open[family], port = made, own[1]
        except OSError as error:
            self.close()
            raise AcsError(f"can't listen on UDP {host}:{port} (setting {setting}): {error}") from error
        return port

    def send(self, data: bytes, to: Endpoint) -> bool:
        """Send a datagram; False where no socket is open from which this address can be reached."""
        made = self._open.get(socket.AF_INET6 if ":" in to[0] else socket.AF_INET)
        if made is None or made.is_closing():
            return False
        made.sendto(data, to)
        return True

    def close(self) -> None:
        """Close all sockets."""
        for made in self._open.values():
            made.close()
        self._open.clear()


class _Reader(asyncio.DatagramProtocol):
    def __init__(self, received: Callable[[bytes, Endpoint, Endpoint], None], own: Endpoint) -> None:
        self._received, self._own = received, own

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        self._received(data, cast("Endpoint", addr[:2]), self._own)

    def error_received(self, exc: Exception) -> None:
        """Ignore that somebody could not be reached (ICMP); UDP promises nothing."""
