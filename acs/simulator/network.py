"""The network of one simulated HeNB on real sockets: a relay for whatever goes over each of its paths."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from acs.simulator.lines import Cut, Lines
from acs.simulator.relay import TcpRelay, UdpRelay

__all__ = ["Network", "Routed"]

_RELAYS = 64  # the HeMS names the hosts of files, and so may have many relays made
_REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class Routed:
    """Where a request really goes, and what it still says: the host in its header and in TLS."""

    url: URL
    host: str = ""
    server_hostname: str | None = None

    def arguments(self, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return what a request of aiohttp needs besides: its own ``headers``, and who is meant."""
        host = {"Host": self.host} if self.host else {}
        return {"headers": {**host, **(headers or {})}, "server_hostname": self.server_hostname}


class Network:
    """The relays of one HeNB; ``lines`` says what is wrong with which path.

    A relay is made when something goes that way for the first time, and kept.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.lines = Lines()
        self._host = host
        self._tcp: dict[tuple[str, str, int], TcpRelay] = {}
        self._inward: list[TcpRelay | UdpRelay] = []
        self._making = asyncio.Lock()
        self.tried: deque[str] = deque(maxlen=_REMEMBERED)
        """The paths over which it wanted a connection, in order, whether it came off or not."""

    def cut(self, name: str, what: Cut) -> None:
        """Cut a path; see ``Lines.cut``."""
        self.lines.cut(name, what)

    def carried(self, name: str) -> int:
        """Return how many bytes passed over a path, both ways together."""
        mine = (relay for key, relay in self._tcp.items() if key[0] == name)
        return sum(relay.carried["up"] + relay.carried["down"] for relay in mine)

    async def route(self, name: str, url: str) -> Routed:
        """Return where to send a request for ``url`` so that it goes over the path ``name``.

        Raises ``aiohttp.InvalidURL`` for what is no http URL, ``OSError`` when there are too many hosts.
        """
        wanted = URL(url)
        if wanted.scheme not in ("http", "https") or wanted.host is None or wanted.port is None:
            raise aiohttp.InvalidURL(url)
        key = (name, wanted.host, wanted.port)
        self.tried.append(name)
        async with self._making:
            relay = self._tcp.get(key)
            if relay is None:
                if len(self._tcp) >= _RELAYS:
                    raise OSError(f"there are {_RELAYS} relays already; no further host is reached")
                relay = TcpRelay(self.lines, [name], (wanted.host, wanted.port), host=self._host)
                await relay.start()
                self._tcp[key] = relay
        at = wanted.with_host(self._host).with_port(relay.port)
        name_in_tls = wanted.host if wanted.scheme == "https" else None
        return Routed(at, wanted.host_port_subcomponent or "", name_in_tls)

    async def listen_for_calls(self, port: int) -> int:
        """Return the port at which connection requests reach the HeNB, which itself listens at ``port``."""
        relay = TcpRelay(self.lines, ["standard", "call"], (self._host, port), host=self._host, inward=True)
        await relay.start()
        self._inward.append(relay)
        return relay.port

    async def listen_for_triggers(self, kind: str, port: int) -> int:
        """Return the UDP port at which triggers of a distress channel reach it, which listens at ``port``."""
        relay = UdpRelay(self.lines, [kind, "trigger", f"trigger {kind}"], (self._host, port), inward=True)
        await relay.start(self._host)
        self._inward.append(relay)
        return relay.port

    async def stop(self) -> None:
        """Close every relay."""
        for each in (*self._tcp.values(), *self._inward):
            await each.stop()
