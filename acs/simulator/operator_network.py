"""The operator's network as stand-ins: SeGW, HeNB-GW or MME, what informs subscribers; their certificates.

They are told by the HeMS what to do about devices, and really refuse those that are blocked.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from pathlib import Path
from urllib.parse import quote

import aiohttp
import structlog

from acs.errors import AcsError
from acs.security import Authority, private_directory, write_private
from acs.simulator.henb_gw import HenbGateway
from acs.simulator.lists import Lists
from acs.simulator.measure_listener import Credentials, MeasureListener, System
from acs.simulator.segw import SecurityGateway
from acs.simulator.subscribers import SubscriberInformation

__all__ = ["SYSTEMS", "OperatorNetwork", "SightingReporter"]

SYSTEMS = {"segw": "SEGW", "henb-gw": "GATEWAY", "subscribers": "SUBSCRIBER"}
"""The stand-ins by name, and which kind of system each is for the HeMS."""
_TIMEOUT = aiohttp.ClientTimeout(total=10)
_log = structlog.get_logger(__name__)


class OperatorNetwork:
    """The stand-ins, and in ``directory`` what they need and what the HeMS needs for them.

    ``ca.pem`` vouches for them, ``hems.pem`` is the HeMS's key and certificate, which they demand,
    ``NAME.bearer`` a token for each. The secret that signs, which the HeMS makes, belongs into
    ``NAME.secret``. ``letters.jsonl`` are the letters to subscribers. ``vendor_ca``: whose HeNBs get in.
    """

    def __init__(
        self,
        directory: Path,
        vendor_ca: Path,
        *,
        host: str = "127.0.0.1",
        segw: Lists | None = None,
        gateway: Lists | None = None,
    ) -> None:
        self.directory, self.host = private_directory(directory), host
        self._vendor_ca = vendor_ca
        self._authority = Authority.load_or_create(directory, "femto-acs simulated operator CA")
        self.gateway = HenbGateway(gateway)
        self.segw = SecurityGateway((host, 0), segw)
        self.subscribers = SubscriberInformation(directory / "letters.jsonl")
        self.measures = MeasureListener()
        self._make_client_certificate()
        self.credentials: dict[str, Credentials] = {}
        systems: tuple[System, ...] = self.segw, self.gateway, self.subscribers
        for name, system in zip(SYSTEMS, systems, strict=True):
            self.credentials[name] = Credentials(bearer=self._bearer(name), folder=directory)
            self.measures.add(name, system, self.credentials[name])

    @property
    def ca_path(self) -> Path:
        """The CA of its certificates."""
        return self.directory / "ca.pem"

    @property
    def client_path(self) -> Path:
        """The key and certificate that the HeMS shows to it."""
        return self.directory / "hems.pem"

    def url(self, name: str) -> str:
        """Where a stand-in takes measures."""
        return f"https://localhost:{self.measures.port}/{name}/measures"

    def _make_client_certificate(self) -> None:
        if not self.client_path.exists():
            issued = self._authority.issue_client("hems.femto.example")
            write_private(self.client_path, issued.key + issued.certificate)

    def _bearer(self, name: str) -> str:
        path = self.directory / f"{name}.bearer"
        if not path.exists():
            write_private(path, secrets.token_urlsafe(32).encode())
        return path.read_text(encoding="ascii").strip()

    def _tls(self, client_ca: Path) -> ssl.SSLContext:
        """Return the context of a listener that demands certificates of one CA."""
        issued = self._authority.issue_server(["localhost", self.host])
        path = self.directory / "server.pem"
        write_private(path, issued.key + issued.certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(path)
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_verify_locations(cafile=client_ca)
        except (OSError, ssl.SSLError) as error:
            raise AcsError(f"{client_ca} holds no CA certificate in PEM: {error}") from error
        return context

    async def start(self, *, measure_port: int = 0, tunnel_port: int = 0) -> None:
        """Listen; 0 takes a free port."""
        await self.gateway.start(self.host, 0)
        self.segw.inner = (self.host, self.gateway.port)
        await self.segw.start(self.host, tunnel_port, self._tls(self._vendor_ca))
        await self.measures.start(self.host, measure_port, self._tls(self.ca_path))

    async def stop(self) -> None:
        """Close everything."""
        await self.measures.stop()
        await self.segw.stop()
        await self.gateway.stop()


class SightingReporter:
    """Tells the HeMS which HeNBs a HeNB-GW sees connected (S1 L72), by its REST interface.

    ``url`` is that of the REST interface, ``token`` needs the scope sightings:write.
    """

    def __init__(
        self,
        gateway: HenbGateway,
        url: str,
        token: str,
        ca: Path,
        *,
        source: str = "henb-gw",
        every: float = 60,
    ) -> None:
        self._gateway, self._url, self._token, self._ca = gateway, url.rstrip("/"), token, ca
        self._source, self._every = source, every

    async def report(self) -> None:
        """Report once. What fails is logged, and reported the next time."""
        connector = aiohttp.TCPConnector(
            ssl=ssl.create_default_context(cafile=self._ca), resolver=aiohttp.ThreadedResolver()
        )
        headers = {"Authorization": f"Bearer {self._token}"}
        async with aiohttp.ClientSession(connector=connector, headers=headers, timeout=_TIMEOUT) as http:
            for key in list(self._gateway.connected):
                url = f"{self._url}/v1/devices/{quote(key, safe='')}/sightings"
                try:
                    async with http.post(url, json={"source": self._source}) as answer:
                        if answer.status != 200:
                            _log.warning("a sighting was refused", device=key, status=answer.status)
                            continue
                except (aiohttp.ClientError, OSError, TimeoutError) as error:
                    _log.warning("the HeMS can't be told", why=str(error))
                    return

    async def run(self) -> None:
        """Report now and then, until cancelled."""
        while True:
            await self.report()
            await asyncio.sleep(self._every)
