"""The HeNB's side of TR-069 Annex G without I/O: its binding in the NAT, and calls that come through it.

A shell asks ``step`` what to send, hands ``received`` what came, and looks again after ``next_wake``.
"""

from __future__ import annotations

import contextlib
import random
from dataclasses import dataclass, field
from typing import Protocol

from acs.cwmp import events as ev
from acs.cwmp import messages as m
from acs.cwmp.stun import (
    BINDING_REQUEST,
    BINDING_RESPONSE,
    CONNECTION_REQUEST,
    Attribute,
    Endpoint,
    StunError,
    StunMessage,
    decode,
    encode,
    endpoint_text,
    mapped_address,
    pack_endpoint,
)
from acs.cwmp.udp_request import RequestMemory, UdpRequestError, parse_request
from acs.simulator.tree import ParameterTree

__all__ = ["Datagram", "StunClient"]

_SERVER = "Device.ManagementServer."
_ADDRESS, _NAT = f"{_SERVER}UDPConnectionRequestAddress", f"{_SERVER}NATDetected"
_RESEND = 0.5  # seconds without an answer (RFC 3489 9.3 begins with less)
_TRIES = 7
_REST = 30.0  # after so many
_KEEP_ALIVE = 25.0  # where STUNMinimumKeepAlivePeriod leaves it open
_IDLE = 0.5  # how often it is looked whether STUN was enabled
_EXACT = 1.1  # how near the two ends of a search come


class Henb(Protocol):
    """What is needed of the device."""

    tree: ParameterTree
    changed: dict[str, None]
    connection_request_password: str

    def add_event(self, event: m.Event) -> None:
        """Have an event told in the next Inform."""

    def connection_requested(self) -> None:
        """A connection request came in."""


@dataclass(frozen=True, slots=True)
class Datagram:
    """What to send, and from which of the two ports."""

    data: bytes
    to: Endpoint
    secondary: bool = False


@dataclass(frozen=True, slots=True)
class _Server:
    """What the ACS has set."""

    address: Endpoint
    username: str
    password: str
    shortest: float
    longest: float


@dataclass(slots=True)
class _Probe:
    """A question about the binding's life, asked after ``seconds`` of silence on the primary port."""

    seconds: float
    transaction: bytes = b""
    until: float = 0.0


@dataclass(slots=True)
class StunClient:
    """The client of one HeNB, whose primary port is bound to ``local`` on its side of the NAT."""

    henb: Henb
    local: Endpoint
    random: random.Random = field(default_factory=random.Random)
    binding: Endpoint | None = None
    period: float = 0.0
    refused: dict[str, int] = field(default_factory=dict)
    _memory: RequestMemory = field(default_factory=RequestMemory)
    _transaction: bytes = b""
    _tries: int = 0
    _next_at: float = 0.0
    _announce: bool = False
    _prove: bool = False
    _low: float = 0.0
    _high: float = 0.0
    _probe: _Probe | None = None

    # --- what the ACS has set -----------------------------------------------------------

    def _server(self) -> _Server | None:
        tree = self.henb.tree

        def text(name: str) -> str:
            return tree.value(f"{_SERVER}{name}").strip()

        if text("STUNEnable").lower() not in ("1", "true") or not text("STUNServerAddress"):
            return None
        return _Server(
            (text("STUNServerAddress"), int(text("STUNServerPort") or 0) or 3478),
            text("STUNUsername"),
            text("STUNPassword"),
            float(text("STUNMinimumKeepAlivePeriod") or 0) or _KEEP_ALIVE,
            float(text("STUNMaximumKeepAlivePeriod") or 0),
        )

    # --- what is due --------------------------------------------------------------------

    def keep_alive_now(self) -> None:
        """Use the binding at the next ``step``, whenever it would have been due."""
        self._next_at, self._probe = 0.0, None

    def next_wake(self, now: float) -> float:
        """Return the seconds until ``step`` may have something to send."""
        if self._server() is None:
            return _IDLE
        probe = self._probe
        at = self._next_at if probe is None or not probe.transaction else min(self._next_at, probe.until)
        return min(max(0.0, at - now), _REST)

    def step(self, now: float) -> list[Datagram]:
        """Return what is to be sent now."""
        server = self._server()
        if server is None:
            if self.binding is not None or not self.henb.tree.value(_ADDRESS):
                self._forget()
            return []
        probe = self._probe
        if probe is not None and probe.transaction and now >= probe.until:
            # The answer did not come through: the binding lives less long. It is made anew.
            self._high, self._probe, self._next_at = probe.seconds, None, now
        if now < self._next_at:
            return []
        if self._probe is not None:
            return [self._ask_for_life(server, self._probe, now)]
        return [self._ask(server, now)]

    def _forget(self) -> None:
        self.binding, self._tries, self._next_at, self._probe = None, 0, 0.0, None
        self._set(_ADDRESS, endpoint_text(self.local))
        self._set(_NAT, "0")

    def _set(self, name: str, value: str) -> None:
        """Set a parameter that is notified actively unless the ACS forbids it (TR-069 G.2.1.3)."""
        if self.henb.tree.value(name) != value:
            self.henb.tree.set(name, value)
            self.henb.changed[name] = None
            self.henb.add_event(m.Event(ev.VALUE_CHANGE))

    def _ask(self, server: _Server, now: float) -> Datagram:
        """Send a Binding Request, again until it is answered."""
        self._transaction = self.random.randbytes(16)
        self._tries += 1
        self._next_at = now + (_RESEND if self._tries % _TRIES else _REST)
        attributes = [(int(Attribute.CONNECTION_REQUEST_BINDING), CONNECTION_REQUEST)]
        if self._announce or self.binding is None:
            attributes.append((int(Attribute.BINDING_CHANGE), b""))
        return Datagram(self._request(server, self._transaction, attributes), server.address)

    def _request(
        self, server: _Server, transaction: bytes, attributes: list[tuple[int, bytes]], *, prove: bool = False
    ) -> bytes:
        if server.username:
            name = server.username.encode()
            attributes.append((int(Attribute.USERNAME), name + b"\0" * (-len(name) % 4)))
        message = StunMessage(BINDING_REQUEST, transaction, tuple(attributes))
        return encode(message, password=server.password if prove or self._prove else None, classic=True)

    # --- what came ----------------------------------------------------------------------

    def received(self, data: bytes, now: float, *, secondary: bool = False) -> list[Datagram]:
        """Take a datagram and return what it asks to be sent."""
        if data[:4] == b"GET ":
            self._called(data)
            return []
        server = self._server()
        with contextlib.suppress(StunError):
            if server is not None:
                return self._answered(server, decode(data), now, secondary)
        return []

    def _answered(self, server: _Server, message: StunMessage, now: float, secondary: bool) -> list[Datagram]:
        probe = self._probe
        if probe is not None and message.transaction == probe.transaction:
            if not secondary:  # at the secondary port it tells nothing of the primary's binding
                self._alive(message, probe, now)
        elif not secondary and message.transaction == self._transaction:
            if message.kind == BINDING_RESPONSE:
                return self._bound(server, message, now)
            if message.error_code == 401 and not self._prove and server.username:
                self._prove = True
                return [self._ask(server, now)]
            self._count(f"STUN {message.error_code}")
            self._prove, self._next_at = False, now + _REST
        return []

    def _bound(self, server: _Server, message: StunMessage, now: float) -> list[Datagram]:
        seen = mapped_address(message)
        proved, self._prove, self._tries = self._prove, False, 0
        news, self.binding = seen != self.binding, seen
        self._set(_ADDRESS, endpoint_text(seen))
        self._set(_NAT, "1" if seen != self.local else "0")
        self._announce = news and not proved
        if self._announce:
            return [self._ask(server, now)]
        self._plan(server, now)
        return []

    def _plan(self, server: _Server, now: float) -> None:
        """Decide when the binding is used again: to keep it, or to learn how long it lives (G.2.1.2)."""
        if not self._low or self._low < server.shortest:
            self._low, self._high = server.shortest, max(server.shortest, server.longest)
        if self._high > self._low * _EXACT and self.binding != self.local:
            seconds = (self._low + self._high) / 2
            self._probe, self._next_at = _Probe(seconds), now + seconds
        else:
            self._probe, self.period = None, self._low
            self._next_at = now + self.period

    def _ask_for_life(self, server: _Server, probe: _Probe, now: float) -> Datagram:
        assert self.binding is not None
        probe.transaction, probe.until = self.random.randbytes(16), now + 3 * _RESEND
        self._next_at = probe.until
        attributes = [(int(Attribute.RESPONSE_ADDRESS), pack_endpoint(self.binding))]
        data = self._request(server, probe.transaction, attributes, prove=bool(server.username))
        return Datagram(data, server.address, secondary=True)

    def _alive(self, message: StunMessage, probe: _Probe, now: float) -> None:
        if message.kind == BINDING_RESPONSE:
            self._low = max(self._low, probe.seconds)
        else:
            self._high = self._low  # the server does not do this for us: what is sure has to do
        self._probe, self._next_at = None, now

    def _called(self, data: bytes) -> None:
        """Obey a connection request that is signed, new, and for this device (TR-069 G.2.2.1)."""
        henb = self.henb
        try:
            request = parse_request(data)
        except UdpRequestError:
            self._count("no request")
            return
        password = henb.connection_request_password
        wanted = henb.tree.value(f"{_SERVER}ConnectionRequestUsername")
        if not password or request.un != wanted or not request.signed_with(password):
            self._count("bad signature")
        elif self._memory.accept(request):
            henb.connection_requested()
        else:
            self._count("repeated")

    def _count(self, what: str) -> None:
        self.refused[what] = self.refused.get(what, 0) + 1
