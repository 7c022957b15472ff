"""C-04: does the session come out of the tunnels that the SeGW ends? Pure."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from acs.detection.checks import Verdict

__all__ = ["judge_tunnel", "network_problems"]

Network = IPv4Network | IPv6Network


def network_problems(texts: list[str]) -> list[str]:
    """Return a sentence for each text that is no network."""
    found = []
    for text in texts:
        try:
            ip_network(text)
        except ValueError as error:
            found.append(
                f"detection.tunnel_networks: {text!r} is no network, such as 10.32.0.0/12: {error}"[:300]
            )
    return found


@lru_cache(maxsize=64)
def _networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ip_network(text) for text in texts)


def judge_tunnel(address: str, networks: tuple[str, ...]) -> Verdict:
    """Judge the address that a session comes from against those that the SeGW gives to HeNBs.

    Who has a HeNB's credentials and not its IPsec ones comes from elsewhere (TS 33.320).
    """
    try:
        found = ip_address(address)
    except ValueError:
        return Verdict("C-04", "unknown", f"it comes from {address[:60]!r}, which is no address")
    mapped = getattr(found, "ipv4_mapped", None)
    found = mapped or found
    if any(found.version == each.version and found in each for each in _networks(networks)):
        return Verdict("C-04", "ok")
    told = f"its session comes from {found}, which the SeGW gives to no HeNB"
    return Verdict("C-04", "found", told, {"address": str(found)})
