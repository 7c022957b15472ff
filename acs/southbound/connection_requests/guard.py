"""Whom a device may make the ACS call: an address comes from the device, and devices are hostile."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from acs.southbound.connection_requests.ways import Reason

__all__ = ["Address", "CallError", "Guard", "Network", "allowed"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_DNS_TIMEOUT = 5.0
_RESOLVERS = 8  # names that answer late keep no more threads than these
_MOST_ADDRESSES = 3  # of one name
_WEB_PORTS = (80, 443)
_LOWEST_PORT = 1024  # below are the services of others; a listener of a CPE has 7547 or a port of its own
_SERVICES = [
    ipaddress.ip_network(each)
    for each in (
        "0.0.0.0/8",  # "this network"
        "100.100.100.200/32",  # instance metadata of a cloud, inside the shared address space
        "192.0.0.0/24",  # IETF protocol assignments, instance metadata of a cloud
        "255.255.255.255/32",
        "fd00:ec2::/32",  # instance metadata of a cloud
        "fec0::/10",  # site-local, deprecated
        "100::/64",  # discard
    )
]
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class CallError(Exception):
    """An address that must not or can't be called: the reason, and a sentence for the operator."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason, self.text = reason, text


def _inner(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for, by whatever way it is carried."""
    if not isinstance(address, ipaddress.IPv6Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address.teredo is not None:
        return address.teredo[1]
    compatible = int(address) >> 32 == 0 and int(address) > 1
    inner = address.ipv4_mapped or address.sixtofour
    return inner or (ipaddress.IPv4Address(int(address)) if compatible else address)


def _plain(address: Address) -> Address:
    """Return a mapped IPv4 address (``::ffff:…``) as one: IPv4 is how it is reached."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return address if mapped is None else mapped


def allowed(address: Address, networks: Iterable[Network]) -> bool:
    """Tell whether a device may make the ACS call this address.

    With ``networks`` those alone; else all but loopback, link-local (the metadata address of clouds among
    it), multicast, broadcast, unspecified and reserved ones. An IPv4 address inside an IPv6 one counts as
    what it is.
    """
    address = _inner(address)
    wanted = list(networks)
    if wanted:
        return any(address in each for each in wanted if each.version == address.version)
    forbidden = (
        address.is_loopback,
        address.is_link_local,
        address.is_multicast,
        address.is_unspecified,
        address.is_reserved,
        any(address in each for each in _SERVICES if each.version == address.version),
    )
    return not any(forbidden)


class Guard:
    """Turns a host that a device named into addresses that may be called; ``setting`` names ``networks``.

    Resolved once: the caller connects to what is returned and asks no more, so a name that changes its mind
    (DNS rebinding) gains nothing.
    """

    def __init__(self, networks: Iterable[str] = (), *, setting: str = "connection_request_networks") -> None:
        self._setting = setting
        self._networks: list[Network] = [ipaddress.ip_network(each) for each in networks]
        self._threads = ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="resolver")

    async def resolve(self, host: str, port: int) -> list[str]:
        """Return the addresses of ``host`` as text, all of them allowed. Raises ``CallError``."""
        if not 0 < port <= 65535 or (port < _LOWEST_PORT and port not in _WEB_PORTS):
            raise CallError(
                Reason.REFUSED_ADDRESS, f"port {port} is not called; 80, 443 and those from 1024 on are"
            )
        try:
            found: list[Address] = [ipaddress.ip_address(host)]
        except ValueError:
            found = await self._look_up(host)
        good = [str(_plain(each)) for each in found if allowed(each, self._networks)]
        if not good:
            shown = host if str(found[0]) == host else f"{host} ({found[0]})"
            remedy = f"see the setting {self._setting}"
            raise CallError(Reason.REFUSED_ADDRESS, f"{shown[:200]} may not be called; {remedy}")
        return good[:_MOST_ADDRESSES]

    async def _look_up(self, host: str) -> list[Address]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_DNS_TIMEOUT):
                rows = await loop.run_in_executor(self._threads, self._query, host)
        except TimeoutError:
            text = f"no answer from DNS about {host[:200]!r} within {_DNS_TIMEOUT:g} s"
            raise CallError(Reason.DNS, text) from None
        except (OSError, UnicodeError) as error:
            raise CallError(Reason.DNS, f"{host[:200]!r} can't be resolved: {error}") from error
        # A scope ("%eth0") is of link-local addresses alone; the rest of the text says all.
        texts = dict.fromkeys(str(row[4][0]).partition("%")[0] for row in rows)
        found = [ipaddress.ip_address(each) for each in texts]
        if not found:
            raise CallError(Reason.DNS, f"{host[:200]!r} has no address")
        return found

    @staticmethod
    def _query(host: str) -> Sequence[Any]:
        return socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)

    def close(self) -> None:
        """Let go of the threads; look-ups that hang end on their own."""
        self._threads.shutdown(wait=False, cancel_futures=True)
