"""Lightweight notifications (TR-069 Annex M): datagrams with values, believed when their signature holds."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from time import monotonic

import structlog
from sqlalchemy import Connection

from acs import alarms as al
from acs import commands as cm
from acs import devices as dev
from acs.cwmp.lightweight import MAX_DATAGRAM, NotificationError, SignedNotification, parse_notification
from acs.cwmp.stun import Endpoint
from acs.observability import Metrics
from acs.security import Sealer, SealError, Secrets
from acs.southbound.authentication import open_device_password
from acs.southbound.datagrams import DatagramSockets
from acs.southbound.rate import RateLimit
from acs.store import Store

__all__ = ["NotificationServer", "apply"]

_RATE, _BURST = 20.0, 100.0  # of one source
_QUEUE = 1000
_AUDITED = 10_000  # devices of which is remembered when an unverified one was last audited
_SELDOM = 3600.0
_log = structlog.get_logger(__name__)


class NotificationServer:
    """Receives notifications; nothing is ever answered, so nobody can be made to flood another.

    The key is the password with which the device answers the ACS's Digest challenge (its
    ManagementServer.Password); a device without one can't sign. ``port`` is known after ``start``.
    """

    def __init__(self, store: Store, secrets: Secrets, metrics: Metrics) -> None:
        self._store, self._metrics = store, metrics
        self._sealer = Sealer(secrets.store_key)
        self._rate = RateLimit(_RATE, _BURST)
        self._waiting: asyncio.Queue[tuple[bytes, str]] = asyncio.Queue(_QUEUE)
        self._audited: OrderedDict[str, float] = OrderedDict()
        self._sockets = DatagramSockets(self._received)
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Open the sockets. Raises ``AcsError`` that names the setting."""
        self.port = await self._sockets.open(host, port, "notification_port")
        _log.info("lightweight notifications", port=self.port)

    def stop(self) -> None:
        """Close the sockets."""
        self._sockets.close()

    def _received(self, data: bytes, source: Endpoint, _own: Endpoint) -> None:
        """Put a datagram aside to be read; what there is no room for is lost, as UDP may lose it."""
        address = source[0]
        if not self._rate.take(address, monotonic()):
            self._metrics.notifications.labels("limited").inc()
        elif len(data) > MAX_DATAGRAM or self._waiting.full():
            self._metrics.notifications.labels("too-large" if len(data) > MAX_DATAGRAM else "overflow").inc()
        else:
            self._waiting.put_nowait((data, address))

    async def work(self) -> None:
        """Read what waits, until cancelled."""
        while True:
            data, address = await self._waiting.get()
            try:
                result = await self._take(data, address)
            except Exception:  # noqa: BLE001 - one datagram must not take more than itself down
                _log.exception("a lightweight notification failed", address=address)
                result = "error"
            self._metrics.notifications.labels(result).inc()

    async def _take(self, data: bytes, address: str) -> str:
        try:
            signed = parse_notification(data)
        except NotificationError as error:
            _log.info("lightweight notification refused", why=str(error), address=address)
            return "malformed"
        told = signed.notification
        key = dev.device_key(told.oui, told.serial_number)
        found = await self._store.read(dev.credentials_by_username, told.username)
        if found is None or found.secret_sealed is None or found.device_key != key:
            await self._suspect(key, "its Username is not this device's, or it has no password", address)
            return "unverified"
        sealed = [each for each in (found.secret_sealed, found.next_sealed) if each is not None]
        if not any(self._signed(signed, each) for each in sealed):
            await self._suspect(key, "the signature is wrong", address)
            return "unverified"
        changed = await self._store.write(apply, found.device_id, signed, now=self._store.clock())
        if changed is None:
            _log.info("lightweight notification came late or twice", device=key, address=address)
            return "replayed"
        _log.info("lightweight notification", device=key, changed=sorted(changed)[:10], address=address)
        return "applied"

    def _signed(self, signed: SignedNotification, sealed: bytes) -> bool:
        try:
            return signed.signed_with(open_device_password(self._sealer, sealed))
        except SealError:
            return False

    async def _suspect(self, key: str, why: str, address: str) -> None:
        """Tell the log, and now and then the audit, that somebody speaks in a device's name."""
        _log.warning("lightweight notification not verified", device=key, why=why, address=address)
        now = self._store.clock()
        if now - self._audited.get(key, -_SELDOM) < _SELDOM:
            return
        self._audited[key] = now
        self._audited.move_to_end(key)
        if len(self._audited) > _AUDITED:
            self._audited.popitem(last=False)
        if await self._store.read(dev.find, key) is not None:  # strangers have no place in the audit
            detail = f"{why}; it came from {address}"
            await self._store.write(
                dev.audit_seldom, "unknown sender", "notification not verified", key, detail, now=now
            )


def apply(
    conn: Connection, device_id: int, signed: SignedNotification, *, now: float
) -> dict[str, str] | None:
    """Store what a verified notification told. What it told of alarms is a reason to read the alarm list.

    An alarm itself is not taken from a datagram: it would lack what the list has around it.
    """
    changed = dev.apply_notification(conn, device_id, signed.notification, now=now)
    if changed is None:
        return None
    if any(".FaultMgmt." in each.name for each in signed.notification.parameters):
        device = dev.get(conn, device_id)
        waiting = cm.open_commands(conn, device_id)
        if not any(each.purpose == al.RESYNC and each.state == "queued" for each in waiting):
            key = f"n{device_id}-{signed.notification.ts}"
            request = al.resync_request(device)
            cm.enqueue(conn, device_id, request, command_key=key, purpose=al.RESYNC, priority=1, now=now)
    return changed
