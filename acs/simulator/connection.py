"""A HeNB on real sockets: its CPE session loop over HTTP(S), its downloads, its clock."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from time import time

import aiohttp
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from yarl import URL

from acs.cwmp import DecodeError, Envelope, decode, encode
from acs.cwmp import messages as m
from acs.simulator.delivery import Delivery
from acs.simulator.firmware import ImageError, verify_image
from acs.simulator.henb import HeNB
from acs.simulator.network import Network, Routed
from acs.simulator.rpc_files import FIRMWARE
from acs.simulator.transfer import Transfer

__all__ = ["Access", "Device", "Statistics"]

_HEADERS = {"Content-Type": 'text/xml; charset="utf-8"', "SOAPAction": ""}
_MAX_STEPS = 5000
_HTTP_FAULTS = {401: 9012, 403: 9012}
_log = structlog.get_logger(__name__)


class _SessionError(Exception):
    """The session can't go on."""


def _connector(tls: ssl.SSLContext | None) -> aiohttp.TCPConnector:
    """Return a connector for one connection; the system resolves names, whatever else is installed."""
    return aiohttp.TCPConnector(ssl=tls or False, limit=1, resolver=aiohttp.ThreadedResolver())


@dataclass(frozen=True)
class Access:
    """How a device reaches the ACS and proves who it is: by the certificate in ``tls`` or by password."""

    url: str
    tls: ssl.SSLContext | None = None
    username: str = ""
    password: str = ""

    def at(self, url: str) -> Access:
        """Return the same credentials for another ACS; those for this one where there is none."""
        return replace(self, url=url) if url else self


@dataclass(slots=True)
class Statistics:
    """What a fleet has gone through; ``seconds`` are durations of sessions that succeeded."""

    sessions: int = 0
    failed: int = 0
    requests: int = 0
    downloads: int = 0
    deliveries: int = 0
    undeliverable: dict[str, int] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)

    def fail(self, error: Exception) -> None:
        """Count a failed session under its reason."""
        self.failed += 1
        reason = (str(error) or type(error).__name__)[:120]
        self.errors[reason] = self.errors.get(reason, 0) + 1

    def undelivered(self, reason: str) -> None:
        """Count a report or file that its collector did not take, under its reason."""
        self.undeliverable[reason[:120]] = self.undeliverable.get(reason[:120], 0) + 1


class Device:
    """Runs one HeNB; ``slots`` bounds how many sessions of the fleet are open at once.

    ``timeout``: how many seconds it waits for an answer, a third of them for a connection.
    """

    def __init__(
        self,
        henb: HeNB,
        access: Access,
        vendor: Ed25519PublicKey | None,
        statistics: Statistics,
        slots: asyncio.Semaphore,
        *,
        clock: Callable[[], float] = time,
        timeout: float = 60,
    ) -> None:
        self.henb, self.access = henb, access
        self.network: Network | None = None
        """Its paths through the network where they can be cut; None: it connects directly."""
        self._timeout = aiohttp.ClientTimeout(total=timeout, connect=timeout / 3)
        self.emergency_access = access
        """How its fail-safe image reaches the emergency management system: limited credentials (S1 L82)."""
        self.statistics = statistics
        self._vendor, self._slots, self._clock = vendor, slots, clock
        self._wake = asyncio.Event()
        self._busy = False
        self._digest = (
            (aiohttp.DigestAuthMiddleware(access.username, access.password),) if access.username else ()
        )

    def wake(self) -> None:
        """Look at the device again: something about it was changed from outside."""
        self._wake.set()

    @property
    def resting(self) -> bool:
        """Whether it has nothing to tell and is in no session."""
        henb = self.henb
        settled = henb.boots > 0 and henb.state != "restarting" and henb.transfer_due(self._clock()) is None
        return settled and not henb.wants_to_talk and not self._busy

    async def run(self) -> None:
        """Live until cancelled."""
        henb = self.henb
        while True:
            now = self._clock()
            henb.tick(now)
            transfer = henb.transfer_due(now)
            delivery = henb.delivery_due(now)
            if henb.wants_session(now):
                await self.session()
            elif transfer is not None:
                await self._transfer(transfer)
            elif delivery is not None:
                await self._deliver(delivery)
            else:
                self._wake.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(henb.next_wake(now), 3600)):
                        await self._wake.wait()

    @property
    def _access(self) -> Access:
        """How it reaches the ACS that it is to talk to now."""
        return self.emergency_access if self.henb.fail_safe else self.access.at(self.henb.acs_url)

    def _client(self) -> aiohttp.ClientSession:
        connector = _connector(self._access.tls)
        jar = aiohttp.CookieJar(unsafe=True)
        return aiohttp.ClientSession(
            connector=connector, cookie_jar=jar, timeout=self._timeout, middlewares=self._digest
        )

    async def session(self) -> bool:
        """Hold one session with the ACS; return whether it went well."""
        self._busy = True
        try:
            return await self._session()
        finally:
            self._busy = False

    async def _session(self) -> bool:
        async with self._slots:
            started = asyncio.get_running_loop().time()
            try:
                async with self._client() as http:
                    await self._talk(http)
            except (aiohttp.ClientError, _SessionError, DecodeError, TimeoutError, OSError) as error:
                self.statistics.fail(error)
                _log.debug("session failed", device=self.henb.device_id.serial_number, why=repr(error))
                self.henb.session_failed(self._clock())
                return False
            self.statistics.sessions += 1
            self.statistics.seconds.append(asyncio.get_running_loop().time() - started)
            self.henb.session_ended(self._clock())
            return True

    async def _talk(self, http: aiohttp.ClientSession) -> None:
        henb = self.henb
        inform = henb.inform(self._clock())
        received = await self._call(http, inform, henb.header())
        if not isinstance(received.message, m.InformResponse):
            raise _SessionError(f"the ACS answered the Inform with {received.message}")
        if received.header.use_cwmp_version not in (None, *henb.header().supported_cwmp_versions):
            raise _SessionError(f"the ACS wants CWMP {received.header.use_cwmp_version}")
        henb.informed(inform)
        # While the ACS holds requests back, the device's own wait (TR-069 3.7.2.2, HoldRequests).
        held = bool(received.header.hold_requests)
        for _ in range(_MAX_STEPS):
            own = None if held else henb.next_request()
            if own is not None:
                received = await self._call(http, own, m.Header(id="1"))
                if isinstance(received.message, m.Fault):
                    raise _SessionError(f"the ACS answered {m.method_name(own)} with {received.message}")
                henb.answered(own)
                held = bool(received.header.hold_requests)
                continue
            held = await self._listen(http, held=held)
            if held or henb.next_request() is None:
                return
        raise _SessionError("the session does not come to an end")

    async def _listen(self, http: aiohttp.ClientSession, *, held: bool) -> bool:
        """Answer the ACS's requests until it has none; return whether it still holds ours back."""
        body = await self._post(http, b"")
        for _ in range(_MAX_STEPS):
            if not body:
                return held
            received = decode(body)
            held = bool(received.header.hold_requests)
            response = self.henb.handle(received.message, self._clock())
            header = m.Header(id=received.header.id)
            body = await self._post(http, encode(response, namespace=received.namespace, header=header))
        raise _SessionError("the ACS does not end the session")

    async def _call(self, http: aiohttp.ClientSession, request: m.Message, header: m.Header) -> Envelope:
        body = await self._post(http, encode(request, namespace=self.henb.namespace, header=header))
        if not body:
            raise _SessionError(f"the ACS did not answer {m.method_name(request)}")
        return decode(body)

    async def _post(self, http: aiohttp.ClientSession, body: bytes) -> bytes:
        self.statistics.requests += 1
        path = self.henb.session_path()
        if path is not None:
            name, url = path.kind, path.url
        else:
            name, url = "emergency" if self.henb.fail_safe else "standard", self._access.url
        to = await self._route(name, url)
        where = to.arguments(_HEADERS if body else None)
        async with http.post(to.url, data=body, **where) as response:
            content = await response.read()
            if response.status not in (200, 204):
                raise _SessionError(f"HTTP {response.status}: {content[:100].decode(errors='replace')}")
            return content if response.status == 200 else b""

    async def _route(self, name: str, url: str) -> Routed:
        """Return where a request for ``url`` goes so that it takes the path ``name``."""
        return Routed(URL(url)) if self.network is None else await self.network.route(name, url)

    def _path_of_file(self, url: str) -> str:
        """Return the path to a file: a distress channel where that leads to its host, else ``files``."""
        distress = self.henb.distress
        if distress.good is not None:
            path = distress.paths[distress.good]
            if URL(path.url).origin() == URL(url).origin():
                return path.kind
        return "files"

    async def _transfer(self, transfer: Transfer) -> None:
        transfer.state = 2
        await (self._download(transfer) if transfer.is_download else self._upload(transfer))

    def _credentials(self, transfer: Transfer) -> aiohttp.BasicAuth | None:
        return aiohttp.BasicAuth(transfer.username, transfer.password) if transfer.username else None

    async def _download(self, transfer: Transfer) -> None:
        """Fetch a file and hand it to the device, or say what went wrong (TR-069 A.5.1)."""
        version, code, text, content = "", 0, "", b""
        auth = self._credentials(transfer)
        try:
            to = await self._route(self._path_of_file(transfer.url), transfer.url)
            where = to.arguments()
            async with self._slots, self._client() as http, http.get(to.url, auth=auth, **where) as response:
                content = await response.read()
                if response.status != 200:
                    code, text = _HTTP_FAULTS.get(response.status, 9016), f"HTTP {response.status}"
            if not code and self._vendor is not None and transfer.file_type == FIRMWARE:
                product_class = self.henb.device_id.product_class
                version = verify_image(content, product_class, self._vendor)
        except ImageError as error:
            code, text = error.fault_code, str(error)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            code, text = 9015, f"can't contact the file server: {error}"
        self.statistics.downloads += 1
        self.henb.downloaded(transfer, version, code, text[:256], self._clock(), content=content)

    async def _upload(self, transfer: Transfer) -> None:
        """Send a file by PUT, by POST where the server wants that, or say what went wrong (TR-069 A.5.1)."""
        code, text = 0, ""
        content, auth = self.henb.upload_content(transfer, self._clock()), self._credentials(transfer)
        try:
            to = await self._route(self._path_of_file(transfer.url), transfer.url)
            where = to.arguments()
            async with self._slots, self._client() as http:
                for method in ("PUT", "POST"):
                    async with http.request(method, to.url, data=content, auth=auth, **where) as response:
                        status = response.status
                    if status != 405:
                        break
            if not 200 <= status < 300:
                code, text = _HTTP_FAULTS.get(status, 9011), f"HTTP {status}"
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            code, text = 9015, f"can't contact the file server: {error}"
        self.henb.uploaded(transfer, code, text[:256], self._clock())

    async def _deliver(self, delivery: Delivery) -> None:
        """Send a report to its collector; what it was not thanked for is not delivered."""
        credentials = (aiohttp.DigestAuthMiddleware(delivery.username, delivery.password),)
        stored = False
        try:
            connector = _connector(self.access.tls)
            async with (
                self._slots,
                aiohttp.ClientSession(
                    connector=connector,
                    timeout=self._timeout,
                    middlewares=credentials if delivery.username else (),
                ) as http,
                http.request(
                    delivery.method, delivery.url, data=delivery.body, headers=delivery.headers
                ) as response,
            ):
                await response.read()
                stored = response.status in (200, 201, 202, 204)
                if not stored:
                    self.statistics.undelivered(f"HTTP {response.status}")
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            self.statistics.undelivered(str(error) or type(error).__name__)
        self.statistics.deliveries += stored
        self.henb.delivered(delivery, self._clock(), stored=stored)
