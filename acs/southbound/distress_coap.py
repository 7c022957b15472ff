"""Carries triggers as CoAP requests protected by OSCORE (RFC 7252, RFC 8613); needs the extra ``coap``."""

from __future__ import annotations

import aiocoap
from aiocoap import error
from aiocoap.numbers.constants import TransportTuning

from acs.cwmp.stun import StunError, parse_endpoint
from acs.distress import DueTrigger, Trigger, TriggerError, reserve_number
from acs.distress.coap import CoapSender
from acs.southbound.connection_requests import Guard
from acs.southbound.connection_requests.guard import CallError
from acs.store import Store

__all__ = ["CoapMedium"]


class _Tuning(TransportTuning):  # type: ignore[misc] # the library has no types
    """It gives up within the time that a trigger may take."""

    ACK_TIMEOUT = 1.5
    MAX_RETRANSMIT = 2


class CoapMedium:
    """Confirmable POSTs: sent again until the device acknowledges; its answer is verified."""

    method = "COAP"

    def __init__(self, guard: Guard, store: Store, *, tuning: TransportTuning | None = None) -> None:
        self._guard, self._store, self._tuning = guard, store, tuning or _Tuning()

    async def send(self, due: DueTrigger, trigger: Trigger, key: str) -> str:
        """Send the request under a number that was stored before; say whether the device took it."""
        try:
            host, port = parse_endpoint(due.address)
            address = (await self._guard.resolve(host, port))[0]
            number = await self._store.write(reserve_number, due.device_id, now=self._store.clock())
            literal = f"[{address}]" if ":" in address else address
            sender = CoapSender(trigger, key, number=number, host=f"{literal}:{port}")
        except (StunError, CallError, TriggerError) as problem:
            return f"not sent: {problem}"
        # A context of its own for each: nothing of one device's answers is near another's.
        context = await aiocoap.Context.create_client_context(transports=["simple6"])
        try:
            sender.request.transport_tuning = self._tuning
            response = await context.request(sender.request, handle_blockwise=False).response
        except error.TimeoutError:
            return "no answer"
        except (error.Error, OSError) as problem:
            return f"not sent: {type(problem).__name__}"
        finally:
            await context.shutdown()
        return sender.answered(response)
