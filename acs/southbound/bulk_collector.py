"""The bulk data collector: ``POST`` and ``PUT`` of ``/bulk`` and ``/bulk/<profile>`` (TR-069 Annex N).

What a device is told is stored, is committed. What can't be taken at once is refused with Retry-After rather
than queued: the device retries, and keeps what failed for the next interval.
"""

from __future__ import annotations

import asyncio
import math
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import structlog
from aiohttp import web
from sqlalchemy import Connection
from sqlalchemy.exc import InterfaceError, OperationalError

from acs import bulkdata as bd
from acs import devices as dev
from acs.cwmp import messages as m
from acs.devices import Device
from acs.errors import AcsError
from acs.files import Disk
from acs.observability import Metrics
from acs.remediation import Environment
from acs.security import Secrets
from acs.settings import Settings
from acs.southbound.admission import Admission, said_to_be
from acs.southbound.authentication import Authenticator, Peer, Proof, Refused, peer_of
from acs.southbound.guarded import guarded
from acs.southbound.impersonation import Claim, Claims, identity_claimed
from acs.southbound.intake import Intake
from acs.southbound.revocation import Revocations
from acs.southbound.vendors import Vendors
from acs.store import Store

__all__ = ["BulkCollector"]

_BIG = 64 * 1024  # bytes; parsing more than this is done in a thread
_PARSERS = 2  # threads at once: a report of many small values takes a hundred times its size in memory
_MESSAGES = 256  # at once
_PROFILE = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_QUERY = 16  # parameters that the profile adds to the URI
_DEVICE = web.RequestKey("bulk-device", str)
_REASONS = {413: "too-large", 415: "not-understood", 429: "too-many-layouts"}
_log = structlog.get_logger(__name__)


class _BulkAuthenticator(Authenticator):
    """Passwords of bulk data are derived: the user name is the device's key."""

    def __init__(self, store: Store, settings: Settings, secret: Secrets) -> None:
        super().__init__(store, settings, store_key=secret.store_key, nonce_key=secret.nonce_key)
        self._secrets = secret

    async def _password_of(self, username: str) -> tuple[str, str]:
        known = await self._store.read(dev.find, username)
        return (username, self._secrets.bulk_data_password(username)) if known is not None else ("", "")

    async def _next_password_of(self, username: str) -> str:  # noqa: ARG002 - as the one it overrides
        return ""  # it is derived, and does not change


class _Room:
    """How much is being dealt with: so many messages, and one of each device."""

    def __init__(self, messages: int) -> None:
        self._messages = messages
        self._devices: set[int] = set()

    @contextmanager
    def take(self, device_id: int) -> Iterator[None]:
        """Make room for a message. Raises ``_BusyError`` where there is none."""
        if device_id in self._devices:
            raise _BusyError("another report of this device is being stored")
        if len(self._devices) >= self._messages:
            raise _BusyError("too many reports at once")
        self._devices.add(device_id)
        try:
            yield
        finally:
            self._devices.discard(device_id)


class _BusyError(Exception):
    """There is no room for the message now."""


class BulkCollector:
    """The handler of bulk data, on the listener of the devices."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        secret: Secrets,
        *,
        env: Environment,
        metrics: Metrics,
        vendors: Vendors,
        revocations: Revocations,
        admission: Admission,
    ) -> None:
        self._store, self._settings, self.env = store, settings, env
        self._metrics, self._vendors, self._revocations = metrics, vendors, revocations
        self._admission = admission
        self._claims = Claims()
        self._authenticator = _BulkAuthenticator(store, settings, secret)
        self._limits = bd.Limits(bytes=settings.bulk_max_body)
        self._quota = bd.Quota(bytes=settings.bulk_device_quota)
        self._room = _Room(_MESSAGES)
        here = settings.database_url.startswith("sqlite")  # a database elsewhere has a disk of its own
        self._disk = Disk(settings.data, settings.disk_reserve if here else 0)
        self._intake = Intake(settings)  # of its own: reports never push messages of CWMP out
        self._parsers = asyncio.Semaphore(_PARSERS)

    def register(self, app: web.Application) -> None:
        """Add the routes."""
        for path in ("/bulk", "/bulk/{profile}"):
            app.router.add_post(path, self.handle)
            app.router.add_put(path, self.handle)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one message. Whatever goes wrong, the device gets an answer and the log a line."""
        peer = peer_of(request.transport, self._vendors)
        try:
            return await self._answer(request, peer)
        except Refused as refused:
            return self._refusal(refused, request, peer)
        except bd.BulkDataError as error:
            return self._refusal(
                Refused(error.status, _REASONS.get(error.status, "malformed"), str(error)), request, peer
            )
        except _BusyError as error:
            return self._later("busy", str(error))
        except (TimeoutError, AcsError, OperationalError, InterfaceError) as error:
            _log.warning("a bulk data report could not be stored", why=str(error)[:300], address=peer.address)
            return self._later("busy", "the ACS is busy; the report was not stored")
        except ConnectionError:
            raise
        except Exception:  # noqa: BLE001 - one bad report must not take more than itself down
            _log.exception("a bulk data report failed", address=peer.address)
            return self._later("error", "the ACS failed; the report was not stored")

    async def _answer(self, request: web.Request, peer: Peer) -> web.Response:
        header = request.headers.get("Authorization", "")
        proof = await self._authenticator.prove(peer, header, method=request.method, path=request.path)
        if proof.vouched is not None:
            await self._revocations.refuse(proof.vouched)
        profile = request.match_info.get("profile", "")
        if profile and not _PROFILE.fullmatch(profile):
            raise Refused(404, "no-profile", "a profile's name has 1 to 64 letters, digits, '_', '.' or '-'")
        device, dialect = await self._store.read(_identify, proof, profile)
        request[_DEVICE] = device.device_key
        who = m.DeviceId("", device.oui, device.product_class, device.serial_number)
        self._admission.decide(who, peer.address)
        guarded(request).proved(device.device_key)
        await self._same_device(device, request, peer)
        self._demand_room()
        with self._room.take(device.id):
            return await self._store_message(request, device, profile, dialect)

    def _demand_room(self) -> None:
        """Leave what room there is on the disk to sessions."""
        try:
            self._disk.demand_room()
        except OSError as error:
            _log.error("bulk data is not taken", why=str(error))
            raise _BusyError("the ACS has no room for reports now; it was not stored") from error

    async def _store_message(
        self, request: web.Request, device: Device, profile: str, dialect: bd.Dialect | None
    ) -> web.Response:
        # aiohttp decompresses piece by piece, so the limit is that of the plain body.
        async with self._intake.body(request, device.device_key, self._limits.bytes) as body:
            batch, packed = await self._parse(body, request, profile, dialect)
        now = self._store.clock()
        stored = await self._store.write(bd.store_packed, device.id, packed, quota=self._quota, now=now)
        self._metrics.bulk_messages.labels("stored").inc()
        self._metrics.bulk_reports.labels("stored").inc(stored.new)
        self._metrics.bulk_reports.labels("repeated").inc(stored.repeated)
        self._metrics.bulk_values.inc(batch.samples)
        if batch.repairs:
            _log.info("a bulk data report was repaired", device=device.device_key, repairs=batch.repairs)
        return web.Response(status=200, text=f"{stored.new} stored, {stored.repeated} there already\n")

    async def _same_device(self, device: Device, request: web.Request, peer: Peer) -> None:
        """Refuse a report that the URI says is another device's (``oui`` and ``sn`` of Annex N)."""
        oui, serial = request.query.get("oui", device.oui), request.query.get("sn", device.serial_number)
        if oui.upper() == device.oui and serial == device.serial_number:
            return
        claimed, now = dev.device_key(oui, serial)[:200], self._store.clock()
        text = f"{device.device_key} may not report in the name of {claimed[:100]}"
        if claimed.isprintable() and self._claims(claimed, device.device_key, now):
            await self._store.write(
                identity_claimed,
                Claim(claimed, (), device.device_key, text, peer.address),
                detector=f"HeMS:{self._settings.realm}",
                env=self.env,
                now=now,
            )
        raise Refused(403, "identity-of-another", text)

    async def _parse(
        self, body: bytes, request: web.Request, profile: str, dialect: bd.Dialect | None
    ) -> tuple[bd.Batch, list[bd.Packed]]:
        headers = {name.lower(): value for name, value in request.headers.items()}
        encoding = headers.get("content-encoding", "").strip().lower()
        if encoding not in ("", "identity", "gzip", "deflate"):  # aiohttp leaves what it doesn't know
            body = bd.decompress(body, encoding, limit=self._limits.bytes)
        now, extra = self._store.clock(), _uri_parameters(request)

        def read() -> tuple[bd.Batch, list[bd.Packed]]:
            batch = bd.parse_message(body, headers, now=now, limits=self._limits, dialect=dialect)
            reports = [replace(each, samples=(*each.samples, *extra)) for each in batch.reports]
            return batch, bd.pack_reports(profile, reports)

        if len(body) < _BIG:
            return read()
        async with self._parsers:
            return await asyncio.to_thread(read)

    def _refusal(self, refused: Refused, request: web.Request, peer: Peer) -> web.Response:
        self._metrics.bulk_messages.labels(refused.reason).inc()
        if not refused.expected:
            who = request.get(_DEVICE) or said_to_be(peer, request.headers.get("Authorization", ""))
            self._admission.refused(who, peer.address, refused, sent="bulk data")
        log = _log.debug if refused.expected else _log.warning
        log("a bulk data report was refused", reason=refused.reason, why=refused.text, address=peer.address)
        response = web.Response(status=refused.status, text=refused.text + "\n")
        for each in refused.challenges:
            response.headers.add("WWW-Authenticate", each)
        if refused.status in (429, 503):
            wait = refused.retry_after or (300 if refused.status == 429 else _soon())
            response.headers["Retry-After"] = str(math.ceil(wait))
        if refused.status == 413:
            response.force_close()
        return response

    def _later(self, reason: str, text: str) -> web.Response:
        self._metrics.bulk_messages.labels(reason).inc()
        return web.Response(status=503, text=text + "\n", headers={"Retry-After": str(_soon())})


def _soon() -> int:
    """Return after how many seconds to come again: not all at once."""
    return random.randint(20, 60)  # noqa: S311 - it keeps no secret


def _identify(conn: Connection, proof: Proof, profile: str) -> tuple[Device, bd.Dialect | None]:
    """Return the device that proved itself, and how CSV of its profile is read. Raises ``Refused``."""
    key = proof.device_key
    for name in proof.names:
        key = key or dev.certificate_holder(conn, name) or ""
    device = dev.find(conn, key) if key else None
    if device is None:
        raise Refused(403, "unknown-device", "this certificate is bound to no device; it informs first")
    name = device.certificate_name or ""
    why = proof.vouched.refusal(device.oui, name, device.product_class) if proof.vouched else ""
    if why:
        raise Refused(403, "out-of-scope", f"the certificate does not make it {device.device_key}: {why}")
    if device.blocked:
        raise Refused(403, "blocked", f"{device.device_key} is blocked: {device.admission_reason}")
    return device, bd.dialect_of(conn, device.id, profile) if profile else None


def _uri_parameters(request: web.Request) -> tuple[bd.Sample, ...]:
    """Return what RequestURIParameter of the profile adds to the URI, as parameters of the report."""
    known = ("oui", "pc", "sn")
    extra = [(name, value) for name, value in request.query.items() if name not in known]
    return tuple(
        bd.Sample(f"uri.{name[:64]}", value[:256]) for name, value in dict(extra[:_QUERY]).items() if name
    )
