"""The STUN server on its socket, from which UDP connection requests leave too (TR-069 Annex G)."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from time import monotonic

import structlog
from sqlalchemy import Connection

from acs import devices as dev
from acs.cwmp.stun import Endpoint, StunError, decode, endpoint_text
from acs.observability import Metrics
from acs.security import Secrets
from acs.southbound.datagrams import DatagramSockets
from acs.southbound.rate import RateLimit
from acs.southbound.stun.rules import Verdict, judge
from acs.store import Store

__all__ = ["StunServer"]

_RATE, _BURST = 200.0, 400.0  # of one source: many devices may share the address of one NAT
_BINDINGS = 200_000  # that are remembered; about 300 bytes each
_TRANSACTIONS = 50_000  # proved lately, so that a copy from elsewhere is known for one
_PAUSE = 0.2  # seconds in which changes are gathered for one write
_BATCH = 500
_log = structlog.get_logger(__name__)


class StunServer:
    """Answers Binding Requests, keeps the devices' bindings, and sends what has to come from its address.

    ``port`` is known after ``start``.
    """

    def __init__(self, store: Store, secrets: Secrets, metrics: Metrics) -> None:
        self._store, self._secrets, self._metrics = store, secrets, metrics
        self._rate = RateLimit(_RATE, _BURST)
        self._sockets = DatagramSockets(self._received)
        self._bindings: OrderedDict[str, Endpoint] = OrderedDict()
        self._proved: OrderedDict[bytes, Endpoint] = OrderedDict()
        self._changed: dict[str, Endpoint] = {}
        self._news = asyncio.Event()
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Open the sockets. Raises ``AcsError`` that names the setting."""
        self.port = await self._sockets.open(host, port, "stun_port")
        _log.info("STUN server", port=self.port)

    def stop(self) -> None:
        """Close the sockets."""
        self._sockets.close()

    def send(self, data: bytes, to: Endpoint) -> bool:
        """Send a datagram from the server's own address; False where there is no socket for it."""
        return self._sockets.send(data, to)

    def _received(self, data: bytes, source: Endpoint, own: Endpoint) -> None:
        """Answer one datagram; nothing that comes in here is worth more than a count."""
        if not self._rate.take(source[0], monotonic()):
            self._metrics.stun.labels("limited").inc()
            return
        verdict = judge(
            data,
            source,
            own=own,
            password_of=self._secrets.stun_password,
            known=self._bindings.get,
        )
        if verdict.device_key and not self._first(data, source):
            verdict = Verdict("replayed")
        self._metrics.stun.labels(verdict.result).inc()
        if verdict.device_key:
            self._bound(verdict.device_key, source)
        if verdict.answer and verdict.to is not None:
            self.send(verdict.answer, verdict.to)

    def _first(self, data: bytes, source: Endpoint) -> bool:
        """Tell a device's own request, even repeated, from a copy that another sends from elsewhere."""
        try:
            transaction = decode(data).transaction
        except StunError:  # it was decoded before
            return False
        known = self._proved.setdefault(transaction, source)
        if len(self._proved) > _TRANSACTIONS:
            self._proved.popitem(last=False)
        return known == source

    def _bound(self, device_key: str, source: Endpoint) -> None:
        if self._bindings.get(device_key) == source:
            self._bindings.move_to_end(device_key)
            return
        self._bindings[device_key] = source
        if len(self._bindings) > _BINDINGS:
            self._bindings.popitem(last=False)
        self._changed[device_key] = source
        self._news.set()

    async def keep(self) -> None:
        """Store bindings that changed, until cancelled. The newest of a device counts."""
        while True:
            await self._news.wait()
            await asyncio.sleep(_PAUSE)
            self._news.clear()
            while self._changed:
                some = [self._changed.popitem() for _ in range(min(_BATCH, len(self._changed)))]
                try:
                    changed = await self._store.write(_note, some, now=self._store.clock())
                except Exception:  # noqa: BLE001 - the loop must go on; the device tells it again
                    _log.exception("bindings could not be stored; they are tried again")
                    for key, binding in some:
                        self._changed.setdefault(key, binding)
                    self._news.set()
                    break
                for key, binding in changed:
                    _log.info("UDP binding", device=key, binding=endpoint_text(binding))


def _note(conn: Connection, some: list[tuple[str, Endpoint]], *, now: float) -> list[tuple[str, Endpoint]]:
    return [
        (key, binding)
        for key, binding in sorted(some)
        if dev.note_udp_binding(conn, key, endpoint_text(binding), now=now)
    ]
