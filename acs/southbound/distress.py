"""Sends the triggers of distress channels (S1 L54): which media there are, and the loop that uses them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from functools import partial
from secrets import token_hex
from typing import Protocol

import structlog

from acs.cwmp.stun import StunError, parse_endpoint
from acs.distress import (
    CLAIM,
    DueTrigger,
    Trigger,
    build_trigger,
    claim_triggers,
    due_triggers,
    trigger_sent,
)
from acs.loops import tried_again
from acs.observability import Metrics
from acs.security import Secrets
from acs.southbound.connection_requests import Guard, XmppWay
from acs.southbound.connection_requests.dispatcher import USERNAME
from acs.southbound.connection_requests.guard import CallError
from acs.southbound.connection_requests.ways import Target
from acs.store import Store

__all__ = ["Medium", "TriggerSender", "UdpMedium", "XmppMedium", "coap_medium"]

_PAUSE = 0.5
_BATCH = 32  # triggers begun at once, and so 64 a second: many cases together make no flood
_MOST = 512  # under way at once: a device that does not answer holds up no other's
_COPIES = 3  # datagrams get lost; the HeNB obeys one of them
_TIMEOUT = 20.0
_EXTRAS = ("COAP", "XMPP")
assert _TIMEOUT < CLAIM  # nobody sends what another node still sends
_RESULTS = ("sent", "accepted", "acknowledged", "not taken", "no answer", "not sent")
_log = structlog.get_logger(__name__)


class Medium(Protocol):
    """A way to carry triggers; ``method`` is what a path's trigger method calls it."""

    method: str

    async def send(self, due: DueTrigger, trigger: Trigger, key: str) -> str:
        """Send one trigger; return what came of it, in a few words."""


class UdpMedium:
    """The signed datagram."""

    method = "UDP"

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def send(self, due: DueTrigger, trigger: Trigger, key: str) -> str:
        """Send the datagram, more than once."""
        try:
            host, port = parse_endpoint(due.address)
            address = (await self._guard.resolve(host, port))[0]
        except (StunError, CallError) as error:
            return f"not sent: {error}"
        data = build_trigger(trigger, key, host=due.address)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            try:
                for _ in range(_COPIES):
                    sender.sendto(data, (address, port))
            except OSError as error:
                return f"not sent: {error}"
        return "sent"


class XmppMedium:
    """A connection request over XMPP (TR-069 annex K), with the credentials of any connection request."""

    method = "XMPP"

    def __init__(self, way: XmppWay, secrets: Secrets) -> None:
        self._way, self._secrets = way, secrets

    async def send(self, due: DueTrigger, trigger: Trigger, key: str) -> str:  # noqa: ARG002 - as Medium's
        """Call the device."""
        password = self._secrets.connection_request_password(due.device_key)
        target = Target(due.device_key, USERNAME, password, jabber_id=due.address)
        outcome = await self._way.call(target)
        return outcome.reason.value if outcome.reason.good else f"not sent: {outcome.text}"


def coap_medium(guard: Guard, store: Store) -> Medium | None:
    """Return what carries triggers as protected CoAP requests; None without the extra ``coap``."""
    try:
        from acs.southbound.distress_coap import CoapMedium
    except ImportError:
        return None
    return CoapMedium(guard, store)


def _counted(result: str) -> str:
    """Return the word by which a result is counted."""
    word = result.partition(":")[0]
    return word if word in _RESULTS else "other"


class TriggerSender:
    """Sends what is due. Several nodes may run one each: a row is claimed by the one that sends it."""

    def __init__(
        self, store: Store, secrets: Secrets, media: Sequence[Medium], metrics: Metrics | None = None
    ) -> None:
        self._store, self._secrets = store, secrets
        self._metrics = metrics or Metrics()
        self._media = {each.method: each for each in media}
        self._under_way: dict[int, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Send until cancelled."""
        try:
            while True:
                with tried_again(_log, "triggers could not be sent"):
                    await self.begin_due()
                await asyncio.sleep(_PAUSE)
        finally:
            for task in self._under_way.values():
                task.cancel()
            await self.idle()

    async def begin_due(self) -> None:
        """Begin to send the triggers that are due now, as many as may be under way."""
        room = min(_BATCH, _MOST - len(self._under_way))
        if room <= 0:
            return
        if not await self._store.read(due_triggers, now=self._store.clock(), limit=1):
            return  # the steady state costs no write
        for each in await self._store.write(claim_triggers, now=self._store.clock(), limit=room):
            task = asyncio.create_task(self._send(each), name=f"trigger {each.id}")
            self._under_way[each.id] = task
            task.add_done_callback(partial(self._ended, each.id))

    async def idle(self) -> None:
        """Wait until nothing that was begun is under way."""
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    def _ended(self, number: int, task: asyncio.Task[None]) -> None:
        self._under_way.pop(number, None)
        if not task.cancelled() and task.exception() is not None:
            _log.error("what came of a trigger could not be kept", trigger=number, why=repr(task.exception()))

    async def _send(self, due: DueTrigger) -> None:
        medium = self._media.get(due.method)
        trigger = Trigger(int(self._store.clock()), due.id, due.device_key, token_hex(8))
        if medium is None:
            extra = f"; install femto-acs[{due.method.lower()}]" if due.method in _EXTRAS else ""
            result = f"not sent: this node has no {due.method}{extra}"
        else:
            try:
                async with asyncio.timeout(_TIMEOUT):
                    result = await medium.send(due, trigger, self._secrets.distress_key(due.device_key))
            except TimeoutError:
                result = f"not sent: no end after {_TIMEOUT:g} s"
            except Exception as error:  # noqa: BLE001 - one trigger's, and it is not to be tried for ever
                _log.exception("a trigger could not be sent", device=due.device_key)
                result = f"not sent: {type(error).__name__}"
        _log.info("distress trigger", device=due.device_key, path=due.kind, result=result)
        self._metrics.distress_triggers.labels(due.kind, due.method, _counted(result)).inc()
        await self._store.write(trigger_sent, due.id, result, now=self._store.clock())
