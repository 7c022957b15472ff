"""Connection requests over UDP (TR-069 G.2.2): through the binding that STUN keeps open in a NAT."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from secrets import randbelow, token_hex

from acs.cwmp.stun import Endpoint, StunError, parse_endpoint
from acs.cwmp.udp_request import UdpConnectionRequest, build_request
from acs.southbound.connection_requests.guard import CallError, Guard
from acs.southbound.connection_requests.ways import Outcome, Reason, Target

__all__ = ["COPIES", "UdpWay"]

COPIES = (0.0, 0.2, 0.5)
"""Seconds after which the copies of a request leave: datagrams get lost (TR-069 G.2.2.3)."""

_LARGEST_ID = 2**31 - 1


class UdpWay:
    """Sends a signed datagram thrice to the device's binding, and to the address it reports itself.

    ``send`` sends from the address and port of the STUN server, the only ones that most NATs let through.
    """

    name = "udp"

    def __init__(
        self,
        guard: Guard,
        send: Callable[[bytes, Endpoint], bool],
        clock: Callable[[], float],
        *,
        copies: tuple[float, ...] = COPIES,
    ) -> None:
        self._guard, self._send, self._clock, self._copies = guard, send, clock, copies
        self._stamp, self._number = 0, randbelow(_LARGEST_ID)

    def reaches(self, target: Target) -> bool:
        """Tell whether the device was seen by the STUN server or reported a UDPConnectionRequestAddress."""
        return bool(target.binding or target.udp_address)

    async def call(self, target: Target) -> Outcome:
        """Call the device once; nothing tells whether it heard."""
        where: list[Endpoint] = []
        failure = Outcome(Reason.NO_ADDRESS)
        for text in dict.fromkeys(each for each in (target.binding, target.udp_address) if each):
            try:
                where.append(await self._address(text))
            except CallError as error:
                failure = Outcome(error.reason, error.text)
        if not where:
            return failure
        request = self._request(target.username)
        passed, sent = 0.0, False
        for moment in self._copies:
            await asyncio.sleep(moment - passed)
            passed = moment
            for each in where:
                sent |= self._send(build_request(each, request, target.password), each)
            if not sent:
                shown = ", ".join(each[0] for each in where)
                text = f"the STUN server of this node has no socket to reach {shown} from; see host"
                return Outcome(Reason.UNAVAILABLE, text)
        return Outcome(Reason.SENT)

    def _request(self, username: str) -> UdpConnectionRequest:
        """Return a new request: its time is never before that of an earlier one, its id is another.

        A device ignores what is older than what it has believed, and what has the same id (TR-069 G.2.2.2);
        so a clock that was set back must not be heard of.
        """
        self._stamp = max(self._stamp, int(self._clock()))
        self._number = self._number % _LARGEST_ID + 1
        return UdpConnectionRequest(str(self._stamp), str(self._number), username, token_hex(8))

    async def _address(self, text: str) -> Endpoint:
        try:
            host, port = parse_endpoint(text)
        except StunError as error:
            what = f"the UDPConnectionRequestAddress can't be used: {error}"
            raise CallError(Reason.BAD_ADDRESS, what) from error
        return (await self._guard.resolve(host, port))[0], port
