"""Connection requests: devices for which something waits are called (TR-069 3.2.2)."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from typing import Any

import aiohttp
import structlog
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from acs import devices as dev
from acs.devices import ConnectionRequestTarget
from acs.observability import Metrics
from acs.security import Sealer, Secrets
from acs.store import Store

__all__ = ["Dispatcher", "TargetError", "allowed"]

USERNAME = "acs"
_PAUSE = 0.5
_BATCH = 64
_TIMEOUT = aiohttp.ClientTimeout(total=10, connect=5)
_CONTEXT = b"connection-request-password"
_log = structlog.get_logger(__name__)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class TargetError(Exception):
    """A ConnectionRequestURL that must not or can't be called, and why."""


def allowed(address: Address, networks: Iterable[Network]) -> bool:
    """Tell whether a device may make the ACS call this address."""
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    wanted = list(networks)
    if wanted:
        return any(address in each for each in wanted if each.version == address.version)
    forbidden = (
        address.is_loopback,
        address.is_link_local,
        address.is_multicast,
        address.is_unspecified,
        address.is_reserved,
    )
    return not any(forbidden)


class _GuardedResolver(AbstractResolver):
    """Resolves names, but only to addresses that may be called: rebinding a name does not help."""

    def __init__(self, networks: list[Network]) -> None:
        self._networks, self._inner = networks, ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        good = [each for each in found if allowed(ipaddress.ip_address(each["host"]), self._networks)]
        if not good:
            raise OSError(f"{host} resolves to no address that may be called")
        return good

    async def close(self) -> None:
        await self._inner.close()


class Dispatcher:
    """Calls the devices whose call is due. Several nodes may run one each; a call too many does no harm."""

    def __init__(
        self, store: Store, secrets: Secrets, metrics: Metrics, *, networks: Iterable[str] = ()
    ) -> None:
        self._store, self._secrets, self._metrics = store, secrets, metrics
        self._sealer = Sealer(secrets.store_key)
        self._networks: list[Network] = [ipaddress.ip_network(each) for each in networks]

    async def run(self) -> None:
        """Call whoever is due, until cancelled."""
        connector = aiohttp.TCPConnector(
            limit=_BATCH, resolver=_GuardedResolver(self._networks), force_close=True
        )
        jar = aiohttp.DummyCookieJar()
        async with aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT, cookie_jar=jar) as http:
            while True:
                try:
                    await self._round(http)
                except Exception:  # noqa: BLE001 - the loop must go on
                    _log.exception("a round of connection requests failed; it is tried again")
                await asyncio.sleep(_PAUSE)

    async def _round(self, http: aiohttp.ClientSession) -> None:
        now = self._store.clock()
        due = await self._store.read(dev.due_connection_requests, now=now, limit=_BATCH)
        await asyncio.gather(*(self._call(http, target) for target in due))

    async def _call(self, http: aiohttp.ClientSession, target: ConnectionRequestTarget) -> None:
        try:
            await self._request(http, target)
        except Exception as error:  # noqa: BLE001 - one device, whatever it does, keeps no other from being called
            why = str(error) or type(error).__name__
            self._metrics.connection_requests.labels("failed").inc()
            _log.info("connection request failed", device=target.device_key, why=why)
            await self._store.write(
                dev.connection_request_failed, target.device_id, why, now=self._store.clock()
            )
        else:
            self._metrics.connection_requests.labels("accepted").inc()
            await self._store.write(dev.connection_request_sent, target.device_id, now=self._store.clock())

    def _check(self, url: str) -> URL:
        """Return the URL to call: what is checked is what is called, a parser's whims included."""
        if not url:
            raise TargetError("the device told no ConnectionRequestURL")
        parts = URL(url)
        if parts.scheme != "http":
            raise TargetError(f"a ConnectionRequestURL of scheme {parts.scheme!r} is not called; http is")
        if not parts.raw_host or parts.raw_user is not None:
            raise TargetError("the ConnectionRequestURL has no host, or credentials in it")
        try:
            address = ipaddress.ip_address(parts.raw_host)
        except ValueError:
            return parts  # a name: the resolver checks its addresses
        if not allowed(address, self._networks):
            raise TargetError(f"{address} may not be called; see the setting connection_request_networks")
        return parts

    async def _request(self, http: aiohttp.ClientSession, target: ConnectionRequestTarget) -> None:
        url = self._check(target.url)
        username, password = USERNAME, self._secrets.connection_request_password(target.device_key)
        if target.secret_sealed is not None:
            username = target.username
            password = self._sealer.open(target.secret_sealed, _CONTEXT).decode()
        digest: Any = aiohttp.DigestAuthMiddleware(username, password)
        async with http.get(url, middlewares=(digest,), allow_redirects=False) as response:
            if response.status == 401:
                raise TargetError("the device refused the credentials")
            if response.status == 503:
                raise TargetError("the device has no room for another connection request")
            if response.status not in (200, 204):
                raise TargetError(f"the device answered {response.status}")
