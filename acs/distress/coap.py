"""The trigger as a CoAP POST protected by OSCORE (RFC 7252, RFC 8613). Pure; needs the extra ``coap``.

What is said is what the signed datagram says (``trigger.py``), encrypted; a HeNB answers in the same
context, so that the HeMS knows that it was heard. The security context is derived from the key of the
device's distress channels (RFC 8613 3.2). Nonces come from sequence numbers that are durable before they are
used (``sequences.py``), and the HeNB has a replay window, besides the window of time that any trigger has.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Callable
from dataclasses import dataclass

import aiocoap
from aiocoap import error, oscore
from aiocoap.numbers.types import ACK, CON

from acs.distress.trigger import Trigger, TriggerError, parse_query

__all__ = ["CoapSender", "Heard", "Recipient"]

_HEMS, _HENB = b"\x00", b"\x01"  # Sender IDs (RFC 8613 3.3)
_PATH = "trigger"
_LONGEST = 1024
_NOTHING = b""
logging.getLogger("aiocoap.cryptography").setLevel(logging.WARNING)  # it tells what is encrypted


class _NotOursError(Exception):
    """A message that does not come from the other side of the context."""


class _Context(oscore.CanProtect, oscore.CanUnprotect, oscore.SecurityContextUtils):  # type: ignore[misc]
    # The library has no types.
    """One side of the security context of a device."""

    alg_aead = oscore.algorithms[oscore.DEFAULT_ALGORITHM]
    hashfun = oscore.hashfunctions[oscore.DEFAULT_HASHFUNCTION]
    id_context = None
    echo_recovery = None

    def __init__(self, key: str, un: str, *, sender: bytes, recipient: bytes, number: int = 0) -> None:
        self.sender_id, self.recipient_id = sender, recipient
        self.sender_sequence_number = number
        self.recipient_replay_window = oscore.ReplayWindow(oscore.DEFAULT_WINDOWSIZE, lambda: None)
        self.recipient_replay_window.initialize_empty()
        secret = hmac.digest(key.encode(), b"OSCORE", "sha256")  # not the key that signs datagrams
        self.derive_keys(hashlib.sha256(un.encode()).digest()[:8], secret)

    def post_seqnoincrease(self) -> None:
        """Nothing: a number is stored before it is taken."""

    def opened(
        self, message: aiocoap.Message, request_id: oscore.RequestIdentifiers | None = None
    ) -> tuple[aiocoap.Message, oscore.RequestIdentifiers]:
        """Return what is in a protected message, and what it answers or is answered by.

        Raises ``oscore.ReplayError``, ``oscore.NotAProtectedMessage``, and ``_NotOursError`` for all else.
        """
        try:
            plain, found = self.unprotect(message, request_id)
        except (oscore.ReplayError, oscore.NotAProtectedMessage):
            raise
        except Exception as reason:  # anybody sends these bytes; some break the library in ways of its own
            raise _NotOursError from reason
        return plain, found


class CoapSender:
    """One trigger on its way: ``request`` is to be sent, ``answered`` reads what came back.

    ``number`` is the Partial IV, which must never have been used for this device before.
    """

    def __init__(self, trigger: Trigger, key: str, *, number: int, host: str) -> None:
        if not key:
            raise TriggerError("there is no key")
        self._context = _Context(key, trigger.un, sender=_HEMS, recipient=_HENB, number=number)
        plain = aiocoap.Message(code=aiocoap.POST, uri=f"coap://{host}/{_PATH}", payload=trigger.query)
        self.request, self._id = self._context.protect(plain)
        self.request.remote = plain.remote

    def answered(self, response: aiocoap.Message) -> str:
        """Return what came of it, in a few words."""
        try:
            plain, _ = self._context.opened(response, self._id)
        except oscore.NotAProtectedMessage:
            return f"not taken: {response.code.dotted}, which nobody vouches for"
        except (oscore.ReplayError, _NotOursError):
            return "not taken: the answer is not of this device's key"
        return "acknowledged" if plain.code is aiocoap.CHANGED else f"not taken: {plain.code.dotted}"


@dataclass(frozen=True, slots=True)
class Heard:
    """What a datagram was: the genuine trigger in it or why there is none, and the answer, empty for none."""

    trigger: Trigger | None
    why: str
    answer: bytes
    genuine: bool = False
    """Whether it is of this device's key, and new."""


class Recipient:
    """A HeNB's side: one security context, one replay window, for all of its paths."""

    def __init__(self, key: str, un: str) -> None:
        self._context = _Context(key, un, sender=_HENB, recipient=_HEMS)
        self._last: tuple[bytes, bytes] = (_NOTHING, _NOTHING)

    def hear(self, data: bytes, obey: Callable[[Trigger], str]) -> Heard:
        """Look at a datagram; ``obey`` says why a genuine trigger is not obeyed, empty where it is."""
        if data == self._last[0]:
            return Heard(None, "sent again", self._last[1])  # its answer was lost (RFC 7252 4.2)
        message = _protected_post(data)
        if message is None:
            return Heard(None, "it is no protected POST", _NOTHING)
        try:
            plain, request_id = self._context.opened(message)
        except oscore.ReplayError:
            return Heard(None, "repeated", _error(message, aiocoap.UNAUTHORIZED))
        except (oscore.NotAProtectedMessage, _NotOursError):
            return Heard(None, "it is not of this device's key", _error(message, aiocoap.BAD_REQUEST))
        return self._genuine(data, message, plain, request_id, obey)

    def _genuine(
        self,
        data: bytes,
        message: aiocoap.Message,
        plain: aiocoap.Message,
        request_id: oscore.RequestIdentifiers,
        obey: Callable[[Trigger], str],
    ) -> Heard:
        trigger: Trigger | None = None
        code = aiocoap.CHANGED
        if plain.code is not aiocoap.POST or plain.opt.uri_path != (_PATH,):
            why, code = "it asks for something else", aiocoap.NOT_FOUND
        else:
            try:
                trigger = parse_query(plain.payload)
                why = obey(trigger)
            except TriggerError as problem:
                why = str(problem)
            if why:
                trigger, code = None, aiocoap.FORBIDDEN
        response, _ = self._context.protect(aiocoap.Message(code=code), request_id)
        answer = _acknowledge(message, response)
        self._last = (data, answer)
        return Heard(trigger, why, answer, genuine=True)


def _protected_post(data: bytes) -> aiocoap.Message | None:
    """Return the message in a datagram where it is what a trigger looks like from outside."""
    if not 4 <= len(data) <= _LONGEST:
        return None
    try:
        message = aiocoap.Message.decode(data)
    except (error.Error, ValueError, IndexError):
        return None
    fits = message.mtype is CON and message.code is aiocoap.POST and message.opt.oscore is not None
    return message if fits else None


def _error(message: aiocoap.Message, code: aiocoap.Code) -> bytes:
    """Return an answer that nothing protects, as RFC 8613 8.2 has it."""
    return _acknowledge(message, aiocoap.Message(code=code))


def _acknowledge(message: aiocoap.Message, response: aiocoap.Message) -> bytes:
    response.mtype, response.mid, response.token = ACK, message.mid, message.token
    encoded: bytes = response.encode()
    return encoded
