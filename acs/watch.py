"""What a node watches over beside its work: the audit's end is signed, certificates do not expire unseen."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import msgspec
import structlog
from sqlalchemy import Connection, exists, select

from acs import alarms as al
from acs import devices as dev
from acs import remediation as rm
from acs.loops import tried_again
from acs.observability import Metrics
from acs.remediation import Environment
from acs.security import Secrets, load_pem
from acs.security.signing import SigningKey
from acs.settings import Settings
from acs.southbound import Southbound
from acs.southbound.rotation import due_for_rotation, rotate_secrets
from acs.store import Store
from acs.store.tables import alarms, devices

__all__ = ["AuditKeeper", "Watch"]

EXPIRING = "HeMS:certificate-expiring"
"""The identifier of the alarm at a device whose certificate expires."""
_HOUR, _DAY = 3600.0, 86400.0
_LOOK = 60.0  # seconds between two looks at certificates and secrets
_AT_ONCE = 100  # devices in one look
_SIGN = 300.0  # seconds between two checkpoints
_log = structlog.get_logger(__name__)


class AuditKeeper:
    """Signs the end of the audit now and then, in the database and in a file beside the node's data."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._key = SigningKey.load_or_create(settings.data / "pki" / "audit.key")
        self._file = settings.data / "audit-checkpoints.jsonl"

    async def sign(self) -> dev.Checkpoint | None:
        """Make a checkpoint where the audit has grown; return it."""
        made = await self._store.write(dev.make_checkpoint, self._key, now=self._store.clock())
        if made is not None:
            await asyncio.to_thread(_append, self._file, msgspec.json.encode(made))
            # A log collector keeps it where nobody here can reach it.
            _log.info("audit checkpoint", entry=made.entry, hash=made.hash, signature=made.signature)
        return made

    async def run(self) -> None:
        """Sign now and then until cancelled, and once more at the end."""
        try:
            while True:
                await asyncio.sleep(_SIGN)
                with tried_again(_log, "the audit could not be signed"):
                    await self.sign()
        finally:
            await self.sign()


class Watch:
    """Warns before certificates expire, renews the node's own, and rotates the secrets of devices."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        secrets: Secrets,
        *,
        southbound: Southbound,
        env: Environment,
        metrics: Metrics,
    ) -> None:
        self._store, self._settings, self._secrets = store, settings, secrets
        self._southbound, self.env, self._metrics = southbound, env, metrics
        self._warned: set[str] = set()
        self._told: set[tuple[str, str]] = set()
        self._looked = 0.0

    async def look(self) -> None:
        """Look once at everything."""
        now = self._store.clock()
        await self._own(now)
        self._authorities(now)
        if now - self._looked >= _HOUR:
            # Reading all devices is no work for the writer: it gets what has to be done.
            found = await self._store.read(_expiring, now + self._settings.expiry_warning_days * _DAY)
            if max(map(len, found)) < _AT_ONCE:  # else there may be more, and their turn is the next look
                self._looked = now
            if any(found):
                changes = await self._store.write(_tell, *found, self._settings, self.env, now=now)
                for change in changes:
                    self._metrics.alarms.labels(change.kind, change.alarm.known_event_type).inc()
        days = self._settings.secret_max_age_days
        due = await self._store.read(
            due_for_rotation, before=now - days * _DAY if days else None, limit=_AT_ONCE
        )
        if due:
            await self._store.write(_rotate, due, self._secrets, now=now)
            _log.info("secrets are being rotated", devices=len(due))

    async def _own(self, now: float) -> None:
        """Renew the server certificate before it expires, without a restart; warn of the operator's."""
        certificate = self._southbound.certificate
        until = await asyncio.to_thread(lambda: certificate.until)
        soon = until - now < self._settings.expiry_warning_days * _DAY
        if soon and not certificate.own:
            self._warn_of_own(until, round((until - now) / _DAY))
        elif soon:
            until = await asyncio.to_thread(self._southbound.renew_certificate)
            _log.info("the server certificate was renewed", days=round((until - now) / _DAY))
        self._metrics.certificate_expiry.labels("server", "server.pem").set(until)

    def _warn_of_own(self, until: float, days: int) -> None:
        """Tell once of each certificate of the operator's that it expires."""
        if f"server {until}" not in self._warned:
            self._warned.add(f"server {until}")
            file = str(self._settings.server_certificate)
            _log.warning("the server certificate expires; renew it in its file", file=file, days=days)

    def _authorities(self, now: float) -> None:
        """Tell when CAs and CRL files end (the first of a file); warn: of CAs before, of CRLs after it."""
        found = [
            ("vendor", ca.file.name, each) for ca in self._southbound.vendors for each in ca.certificates
        ]
        own = self._settings.data / "pki" / "server" / "ca.pem"
        found += [("own", "ca.pem", each) for each in load_pem(own.read_bytes())]
        ends = {("crl", name): until for name, until in self._southbound.crl_files.items()}
        for (_, name), until in ends.items():
            if until < now and f"{name} {until}" not in self._warned:
                self._warned.add(f"{name} {until}")
                _log.warning("a CRL is too old: who is not in it is unknown, not good", file=name)
        for kind, name, each in found:
            ends[kind, name] = min(each.not_after, ends.get((kind, name), each.not_after))
            days = (each.not_after - now) / _DAY
            if days < self._settings.expiry_warning_days and each.fingerprint not in self._warned:
                self._warned.add(each.fingerprint)
                _log.warning("a CA expires", file=name, subject=each.subject, days=round(days))
        for key, until in ends.items():
            self._metrics.certificate_expiry.labels(*key).set(until)
        for gone in self._told - ends.keys():
            self._metrics.certificate_expiry.remove(*gone)
        self._told = set(ends)

    async def run(self) -> None:
        """Look now and then, until cancelled."""
        while True:
            with tried_again(_log, "certificates and secrets could not be looked at"):
                await self.look()
            await asyncio.sleep(_LOOK)


def _expiring(conn: Connection, limit: float) -> tuple[list[str], list[str]]:
    """Return the devices to be warned about, and those whose warning has come to nothing."""
    warned = exists(
        select(alarms.c.id).where(
            alarms.c.device_id == devices.c.id,
            alarms.c.alarm_identifier == EXPIRING,
            alarms.c.state == "active",
        )
    )
    soon = devices.c.certificate_not_after < limit
    keys = select(devices.c.device_key).where(devices.c.certificate_not_after.is_not(None)).limit(_AT_ONCE)
    fresh = list(conn.execute(keys.where(soon, ~warned)).scalars())
    return fresh, list(conn.execute(keys.where(~soon, warned)).scalars())


def _tell(
    conn: Connection,
    expiring: list[str],
    renewed: list[str],
    settings: Settings,
    env: Environment,
    *,
    now: float,
) -> list[al.AlarmChange]:
    """Raise an alarm at devices whose certificate expires, clear it at those that have a new one."""
    changes = []
    for key in [*expiring, *renewed]:
        device = dev.find(conn, key, lock=True)
        if device is None or device.certificate_not_after is None:
            continue
        alarm = al.find_alarm(conn, device.id, EXPIRING)
        if key in expiring:
            change = _warn(conn, device, device.certificate_not_after - now, settings, now=now)
        elif alarm is not None:
            change = al.clear_alarm(conn, device, alarm.id, "the certificate was renewed", now=now)
        else:
            continue
        if change is not None:
            rm.alarms_changed(conn, device, [change], env=env, now=now)
            changes.append(change)
    return changes


def _warn(
    conn: Connection, device: dev.Device, left: float, settings: Settings, *, now: float
) -> al.AlarmChange | None:
    days = f"expires in {left / _DAY:.0f} days" if left > 0 else "has expired"
    return al.raise_alarm(
        conn,
        device,
        identifier=EXPIRING,
        event_type="TIME_DOMAIN_VIOLATION",
        probable_cause="KEY_EXPIRED",
        perceived_severity="WARNING",
        specific_problem="CERTIFICATE_EXPIRING",
        additional_text=f"its certificate {days}",
        detector=f"HeMS:{settings.realm}",
        now=now,
    )


def _rotate(conn: Connection, due: list[int], secrets: Secrets, *, now: float) -> None:
    for device_id in due:
        rotate_secrets(conn, dev.get(conn, device_id), secrets, who="rotation", now=now)


def _append(path: Path, line: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
