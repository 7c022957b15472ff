"""The routes of the file server: who may fetch or send what, in how many transfers at once."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import hdrs, web
from sqlalchemy import Connection
from sqlalchemy.exc import InterfaceError, OperationalError

from acs import devices as dev
from acs.cwmp import messages as m
from acs.devices import Device
from acs.distress import EMERGENCY
from acs.errors import AcsError
from acs.files import (
    FIRMWARE,
    CatalogueFile,
    Claim,
    FileGrant,
    FileUrls,
    Integrity,
    Storage,
    TransferRefused,
    UploadGrant,
    UploadLimits,
    claim_upload,
)
from acs.observability import Metrics
from acs.remediation import Environment
from acs.settings import Settings
from acs.southbound.admission import Admission, said_to_be
from acs.southbound.authentication import Peer, Refused, peer_of
from acs.southbound.files.fetch import find_content, send
from acs.southbound.files.login import Login
from acs.southbound.files.receive import FORM, accepted, media_type_of, receive
from acs.southbound.files.transfers import Transfers
from acs.southbound.guarded import guarded
from acs.southbound.revocation import Revocations
from acs.southbound.vendors import Vendors
from acs.store import Store

__all__ = ["FileServer"]

_GRANTED_TO = web.RequestKey("granted-to", int)
_BUSY = 30  # seconds after which a device comes again when the store gave no answer
_log = structlog.get_logger(__name__)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FileServer:
    """Serves ``/files/`` and takes in at ``/uploads/``."""

    def __init__(
        self,
        store: Store,
        storage: Storage,
        urls: FileUrls,
        *,
        settings: Settings,
        integrity: Integrity,
        nonce_key: bytes,
        env: Environment,
        vendors: Vendors,
        revocations: Revocations,
        admission: Admission,
        metrics: Metrics,
    ) -> None:
        self._store, self._storage, self._urls = store, storage, urls
        self._revocations, self._admission = revocations, admission
        self._settings, self._vendors, self._metrics = settings, vendors, metrics
        self._integrity, self.env = integrity, env
        self._login = Login(urls, realm=settings.realm, nonce_key=nonce_key)
        self._limits = UploadLimits(settings.upload_size, settings.upload_device_quota, settings.upload_quota)
        self.transfers = Transfers(
            total=settings.file_transfers,
            per_device=settings.file_device_transfers,
            rate=settings.file_rate,
            rate_total=settings.file_rate_total,
        )

    def routes(self) -> list[web.RouteDef]:
        """Return what is to be added to the listener's application."""
        made, take = self.fetch_routes(), self._guard(self._take)
        for path in ("/uploads/{token}", "/uploads/{token}/{name}"):
            made += [web.route(method, path, take, expect_handler=_later) for method in ("PUT", "POST")]
        return made

    def fetch_routes(self) -> list[web.RouteDef]:
        """Return those that only fetch: a distress channel carries Download and no Upload (S1 L54)."""
        fetch = self._guard(self._fetch)
        return [web.get("/files/{token}/{name}", fetch), web.get("/files/{name}", self._guard(self._log_in))]

    def _guard(self, handler: _Handler) -> _Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except (TransferRefused, Refused) as refused:
                await self._note(request, refused)
                return self._refuse(request, refused)
            except (TimeoutError, AcsError, OperationalError, InterfaceError) as error:
                _log.warning("a file transfer could not be served", why=str(error)[:300])
                busy = TransferRefused(503, "busy", "the ACS is busy; come again", retry_after=_BUSY)
                return self._refuse(request, busy)

        return handle

    async def _note(self, request: web.Request, refused: TransferRefused | Refused) -> None:
        """Have it shown who was refused, where that is known; not those who only come too early."""
        if refused.status in (401, 503):
            return
        peer = peer_of(request.transport, self._vendors)
        key = ""
        if _GRANTED_TO in request:
            with contextlib.suppress(TimeoutError, AcsError, OperationalError, InterfaceError):
                key = (await self._store.read(dev.get, request[_GRANTED_TO])).device_key
        who = key or said_to_be(peer, request.headers.get(hdrs.AUTHORIZATION, ""))
        if who:
            self._admission.refused(who, peer.address, refused, sent="file")

    def _refuse(self, request: web.Request, refused: TransferRefused | Refused) -> web.Response:
        self._metrics.files.labels(refused.reason).inc()
        _log.warning("file transfer refused", reason=refused.reason, why=refused.text, method=request.method)
        response = web.Response(status=refused.status, text=refused.text + "\n")
        for challenge in refused.challenges:
            response.headers.add(hdrs.WWW_AUTHENTICATE, challenge)
        if refused.retry_after:
            response.headers[hdrs.RETRY_AFTER] = str(math.ceil(refused.retry_after))
        if not request.content.is_eof():
            response.force_close()
        return response

    async def _peer(self, request: web.Request) -> Peer:
        peer = peer_of(request.transport, self._vendors)
        if peer.vouched is not None and not peer.names:
            raise TransferRefused(
                403, "bad-certificate", "no trusted CA vouches for this certificate any more"
            )
        if not peer.names and self._settings.file_certificate == "required":
            raise TransferRefused(403, "no-certificate", "files are for devices that show their certificate")
        if peer.vouched is not None:
            await self._revocations.refuse(peer.vouched)
        return peer

    async def _fetch(self, request: web.Request) -> web.StreamResponse:
        peer = await self._peer(request)
        grant = self._urls.open(request.match_info["token"])
        if grant is None or grant.name != request.match_info["name"]:
            raise TransferRefused(404, "no-grant", "there is no such file")
        return await self._serve(request, peer, grant)

    async def _log_in(self, request: web.Request) -> web.StreamResponse:
        peer = await self._peer(request)
        grant = self._login.grant(
            request.headers.get(hdrs.AUTHORIZATION, ""),
            request.match_info["name"],
            path=request.raw_path,
            method=request.method,
            secure=peer.secure,
            now=self._store.clock(),
        )
        return await self._serve(request, peer, grant)

    async def _serve(self, request: web.Request, peer: Peer, grant: FileGrant) -> web.StreamResponse:
        request[_GRANTED_TO] = grant.device_id
        if grant.expires_at < self._store.clock():
            raise TransferRefused(
                410, "expired", "this URL has expired; the ACS has to be asked for a new one"
            )

        def look(conn: Connection) -> tuple[Device, CatalogueFile]:
            device = self._device(conn, grant.device_id, peer)
            found = find_content(conn, device, grant, self.env.policy.minimal_versions)
            if peer.fail_safe and found.file_type != FIRMWARE:
                raise TransferRefused(
                    403, "fail-safe-credentials", "a fail-safe image is given software alone"
                )
            return device, found

        device, found = await self._store.read(look)
        guarded(request).proved(device.device_key)
        await self._examine(found)
        response = await send(request, found, self._storage, self.transfers, device.id)
        self._metrics.files.labels("served").inc()
        return response

    async def _examine(self, file: CatalogueFile) -> None:
        """Raise ``TransferRefused`` when the content is not what was released."""
        try:
            problem = await self._integrity.problem(file)
        except (OSError, AcsError) as error:
            problem = f"it can't be read: {error}"
        if problem:
            _log.error("a file of the catalogue is not given away", file=file.name, why=problem)
            raise TransferRefused(500, "bad-content", "the ACS can't vouch for the content of this file")

    def _device(self, conn: Connection, device_id: int, peer: Peer) -> Device:
        """Return the device of a grant, if it may be the peer and is not blocked."""
        try:
            device = dev.get(conn, device_id)
        except AcsError:
            raise TransferRefused(404, "no-grant", "there is no such file") from None
        realm = self._settings.realm
        name = device.certificate_name or dev.certificate_name(device.oui, device.serial_number, realm)
        if device.channel == EMERGENCY and peer.fail_safe:
            name = dev.fail_safe_name(device.oui, device.serial_number, realm)
        elif device.blocked:
            raise TransferRefused(403, "refused", "this device may neither fetch nor send files")
        else:
            who = m.DeviceId("", device.oui, device.product_class, device.serial_number)
            self._admission.decide(who, peer.address)
        if peer.names and name.lower() not in peer.names:
            raise TransferRefused(403, "identity-of-another", "this URL was made for another device")
        return device

    async def _take(self, request: web.Request) -> web.StreamResponse:
        peer = await self._peer(request)
        grant = self._urls.open_upload(request.match_info["token"])
        if grant is None:
            raise TransferRefused(404, "no-grant", "nothing is to be sent here")
        request[_GRANTED_TO] = grant.device_id
        if grant.expires_at < self._store.clock():
            raise TransferRefused(
                410, "expired", "this URL has expired; the ACS has to ask for the file again"
            )
        if hdrs.CONTENT_RANGE in request.headers:  # RFC 9110 14.5: a part is not to be taken for the whole
            raise TransferRefused(400, "part-of-a-file", "a part of a file is not taken; send the whole file")
        types = self._settings.upload_types
        media_type = media_type_of(request)
        if not accepted(media_type, [*types, FORM]):
            raise TransferRefused(415, "wrong-type", f"{media_type[:60]} is not taken here")
        with self.transfers.slot(grant.device_id):
            claim, device = await self._store.write(self._claim, grant, request, peer, media_type)
            guarded(request).proved(device.device_key)
            await _go_on(request)
            timeout = self._settings.upload_timeout
            size = await receive(request, claim, self._store, self._storage, types=types, timeout=timeout)
        self._metrics.files.labels("received").inc()
        _log.info("upload", device=device.device_key, upload=claim.upload_id, kind=grant.kind, size=size)
        return web.Response(status=201 if request.method == "PUT" else 200)

    def _claim(
        self, conn: Connection, grant: UploadGrant, request: web.Request, peer: Peer, media_type: str
    ) -> tuple[Claim, Device]:
        if peer.fail_safe:
            raise TransferRefused(403, "fail-safe-credentials", "a fail-safe image sends no files")
        device = self._device(conn, grant.device_id, peer)
        packed = hdrs.CONTENT_ENCODING in request.headers  # its length says nothing of what is in it
        claim = claim_upload(
            conn,
            grant,
            limits=self._limits,
            declared=None if packed else request.content_length,
            name=request.match_info.get("name", ""),
            media_type=media_type,
            address=peer.address,
            now=self._store.clock(),
        )
        return claim, device


async def _later(_: web.Request) -> None:
    """Put ``Expect: 100-continue`` off until it is known whether the body is wanted."""


async def _go_on(request: web.Request) -> None:
    if request.headers.get(hdrs.EXPECT, "").lower() == "100-continue" and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await asyncio.sleep(0)
