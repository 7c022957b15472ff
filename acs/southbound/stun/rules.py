"""What the STUN server answers, and what it believes (RFC 3489 8.1, TR-069 G.2.1). Pure.

A binding is believed only when the device proves that it is its own: MESSAGE-INTEGRITY with the password
that this ACS gave to the device. A device that keeps a known binding alive need not prove it again, as
Annex G means it: the server asks (401) when something has changed.

An answer is never more than three times as long as its request, and goes where the request came from: a
RESPONSE-ADDRESS is honoured only for the device's own, proved binding.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass

from acs.cwmp.stun import (
    BINDING_ERROR,
    BINDING_REQUEST,
    BINDING_RESPONSE,
    CONNECTION_REQUEST,
    Attribute,
    Endpoint,
    StunError,
    StunMessage,
    decode,
    encode,
    error_value,
    integrity_holds,
    pack_endpoint,
    unpack_endpoint,
)

__all__ = ["GROWTH", "Verdict", "judge"]

GROWTH = 3
"""How many times as long as its request an answer may be."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with a datagram: the answer and where it goes, and whose binding was proved.

    ``result`` is the label of the metric.
    """

    result: str
    answer: bytes = b""
    to: Endpoint | None = None
    device_key: str = ""


def judge(
    data: bytes,
    source: Endpoint,
    *,
    own: Endpoint,
    password_of: Callable[[str], str],
    known: Callable[[str], Endpoint | None],
) -> Verdict:
    """Judge one datagram that came from ``source`` to ``own``.

    ``password_of`` gives the STUN password of a username, ``known`` the binding that was proved last.
    """
    try:
        request = decode(data)
    except StunError:
        return Verdict("malformed")
    if request.kind != BINDING_REQUEST:
        return Verdict("other")  # an answer to an answer would never end
    return _Judgement(data, request, source, own, password_of, known).verdict()


@dataclass(slots=True)
class _Judgement:
    data: bytes
    request: StunMessage
    source: Endpoint
    own: Endpoint
    password_of: Callable[[str], str]
    known: Callable[[str], Endpoint | None]

    def verdict(self) -> Verdict:
        request = self.request
        if request.unknown:
            return self._error(420)
        username, password = request.username, None
        if request.get(Attribute.MESSAGE_INTEGRITY) is not None:
            if not username:
                return self._error(432)
            password = self.password_of(username)
            if not integrity_holds(self.data, password):
                return self._error(431)
        told = request.get(Attribute.CONNECTION_REQUEST_BINDING) or b""
        binding = told.startswith(CONNECTION_REQUEST.rstrip())
        wanted = request.get(Attribute.RESPONSE_ADDRESS)
        if wanted is not None:
            return self._elsewhere(wanted, username, password)
        if binding and username and password is None and self.known(username) != self.source:
            return self._error(401)
        proved = username if binding and password is not None else ""
        result = "binding" if proved else "kept" if binding and username else "anonymous"
        return self._success(result, password, self.source, device_key=proved)

    def _elsewhere(self, wanted: bytes, username: str, password: str | None) -> Verdict:
        """Answer to the binding whose life a device wants to measure from another port (TR-069 G.2.1.2)."""
        try:
            there = unpack_endpoint(wanted)
        except StunError:
            return self._error(400)
        if not username or (password is None and self.known(username) != there):
            return self._error(401)
        if self.known(username) != there or there[0] != self.source[0]:
            return self._success("diverted", password, self.source)
        return self._success("reflected", password, there)

    def _success(self, result: str, password: str | None, to: Endpoint, *, device_key: str = "") -> Verdict:
        request = self.request
        mapped = (int(Attribute.MAPPED_ADDRESS), pack_endpoint(self.source))
        hidden = (int(Attribute.XOR_MAPPED_ADDRESS), pack_endpoint(self.source, request.transaction))
        own = (int(Attribute.SOURCE_ADDRESS), pack_endpoint(self.own))  # RFC 3489 wants it; nobody reads it
        wanted = [hidden, mapped] if request.modern else [mapped, own]
        if wanted[-1] is own and ipaddress.ip_address(self.own[0]).is_unspecified:
            wanted.pop()  # bound to all addresses, it does not know which was asked
        for count in range(len(wanted), 0, -1):
            message = StunMessage(BINDING_RESPONSE, request.transaction, tuple(wanted[:count]))
            answer = self._bounded(encode(message, password=password))
            if answer:
                return Verdict(result, answer, to, device_key)
        return Verdict("too-short")

    def _error(self, code: int) -> Verdict:
        request = self.request
        attributes = error_value(code, request.unknown if code == 420 else ())
        message = StunMessage(BINDING_ERROR, request.transaction, attributes)
        return Verdict(f"error {code}", self._bounded(encode(message)), self.source)

    def _bounded(self, answer: bytes) -> bytes:
        return answer if len(answer) <= GROWTH * len(self.data) else b""
