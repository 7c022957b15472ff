"""The ways to call a device: what a way is, what comes of a call, which way is tried first (TR-069 3.2.2).

A way is an object with a ``name`` and two methods::

    class XmppWay:
        name = "xmpp"

        def reaches(self, target: Target) -> bool:
            return bool(target.jabber_id)

        async def call(self, target: Target) -> Outcome:
            ...
            return Outcome(Reason.ACCEPTED)

- ``reaches`` is pure and quick: does the device report what this way needs?
- ``call`` makes one call and returns. What a device or a network does is an ``Outcome``, never an
  exception; an exception is a mistake of ours and is counted as ``Reason.FAILED``. It may be cancelled at
  any moment and after ``CALL_TIMEOUT`` it is, so it bounds its own steps by less, to be able to say which
  of them took too long.
- No connection goes anywhere but to an address that the ``Guard`` let through.
- A way that has something to keep open (a socket, a stream) does so outside of ``call``, in a task or a
  server that the node starts and stops.

The node gives its ways to the ``Dispatcher``, which asks ``order_of_ways`` for each device, calls one way
after the other until a call is accepted, counts every outcome (``acs_connection_requests_total`` by way
and reason) and notes it for the operator.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from acs.southbound.urls import parse_url

__all__ = ["CALL_TIMEOUT", "Outcome", "Reason", "Target", "Way", "order_of_ways"]

CALL_TIMEOUT = 20.0
"""Seconds after which a call is given up, whatever it waits for."""


class Reason(StrEnum):
    """What came of a call; ``docs/connection-requests.md`` says what to do about each."""

    ACCEPTED = "accepted"
    """The device has acknowledged it: a session is to come within 30 s (TR-069 3.2.2.3)."""
    SENT = "sent"
    """It went out and nothing acknowledges it, as with UDP (TR-069 G.2.2)."""
    NO_ADDRESS = "no-address"
    """The device has reported no address for any way that this node has."""
    BAD_ADDRESS = "bad-address"
    """What the device reported is no address that can be called: a scheme, credentials, no host."""
    REFUSED_ADDRESS = "refused-address"
    """The address is not one that devices may make the ACS call; see ``connection_request_networks``."""
    DNS = "dns"
    """The name could not be resolved."""
    CONNECT = "connect"
    """Nothing accepts connections there: refused, unreachable, no route."""
    TIMEOUT = "timeout"
    """Neither a connection nor a refusal in time; what a NAT or a firewall looks like."""
    TLS = "tls"
    """The handshake failed, or the certificate is not this device's."""
    NO_ANSWER = "no-answer"
    """It was connected, but the answer did not come, or the device hung up."""
    BAD_ANSWER = "bad-answer"
    """The answer is not one to a connection request."""
    UNAUTHORIZED = "unauthorized"
    """The device refused the credentials."""
    INSECURE = "insecure"
    """The device wants the password in clear (Basic without TLS), which the settings do not allow."""
    BUSY = "busy"
    """The device has no room for a connection request now (503, or service-unavailable)."""
    OFFLINE = "offline"
    """What carries the call knows that the device is not there."""
    UNAVAILABLE = "unavailable"
    """The way itself does not work on this node now: no socket, no stream to the XMPP server."""
    FAILED = "failed"
    """A mistake of the ACS's own; the log has it."""

    @property
    def good(self) -> bool:
        """Whether the device may be expected to come."""
        return self in (Reason.ACCEPTED, Reason.SENT)

    @property
    def lasting(self) -> bool:
        """Whether it stays so until the device reports something else."""
        return self in (Reason.NO_ADDRESS, Reason.BAD_ADDRESS, Reason.REFUSED_ADDRESS, Reason.INSECURE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one call. ``text``, a sentence for the operator, names the thing and the remedy.

    ``retry_after``: seconds that the device asked for, before it is called again.
    """

    reason: Reason
    text: str = ""
    retry_after: float = 0.0


@dataclass(frozen=True, slots=True)
class Target:
    """A device to be called: what it has reported of its addresses, and the credentials it expects.

    ``binding`` is the ``address:port`` from which the device's authenticated Binding Requests came to this
    ACS's STUN server; ``udp_address`` what the device itself reports as UDPConnectionRequestAddress.
    """

    device_key: str
    username: str
    password: str = field(repr=False)
    url: str = ""
    udp_address: str = ""
    binding: str = ""
    jabber_id: str = ""
    nat_detected: bool = False
    certificate_name: str = ""
    attempts: int = 0

    @property
    def behind_nat(self) -> bool:
        """Whether a NAT is between: the device says so, or it is seen from elsewhere than it thinks."""
        if self.nat_detected:
            return True
        seen = self.binding.rpartition(":")[0].strip("[]")
        try:
            own = ipaddress.ip_address(parse_url(self.url).raw_host or "")
            return bool(seen) and ipaddress.ip_address(seen) != own
        except ValueError:
            return False


class Way(Protocol):
    """One way to call devices; see the module's text."""

    @property
    def name(self) -> str:
        """The name in metrics, in the log and in what the operator reads: http, udp, xmpp."""

    def reaches(self, target: Target) -> bool:
        """Tell whether the device reports what this way needs."""

    async def call(self, target: Target) -> Outcome:
        """Call the device once."""


_DIRECT = ("http", "xmpp", "udp")
_THROUGH_NAT = ("xmpp", "udp", "http")


def order_of_ways(target: Target, ways: Iterable[Way]) -> list[Way]:
    """Return the ways to the device, the most promising first.

    Where nothing is between, HTTP is first, since every device has it. Through a NAT XMPP goes before UDP,
    since it says what came of the call, and HTTP is last. A device that was called and did not come is
    called by the next way at the next attempt: an acknowledged call may still have got lost.
    """
    rank = _THROUGH_NAT if target.behind_nat else _DIRECT
    usable = [way for way in ways if way.reaches(target)]
    usable.sort(key=lambda way: rank.index(way.name) if way.name in rank else len(rank))
    turn = target.attempts % len(usable) if usable else 0
    return usable[turn:] + usable[:turn]
