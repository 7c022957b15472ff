"""Versions of CWMP: which method came when, and which version a session speaks (TR-069 A.1, 3.7.1, 3.7.2)."""

from __future__ import annotations

from typing import Final

from acs.cwmp.messages.envelope import CWMP_1_0, CWMP_1_1, CWMP_1_2

__all__ = ["INTRODUCED", "NAMESPACES", "SUPPORTED", "incompatible", "introduced", "minor_of", "negotiate"]

NAMESPACES: Final = (CWMP_1_0, CWMP_1_1, CWMP_1_2)
"""The namespaces, by minor version; the last is that of CWMP 1.2, 1.3 and 1.4."""

SUPPORTED: Final = ("1.0", "1.1", "1.2", "1.3", "1.4")
"""The versions that this ACS speaks."""

INTRODUCED: Final[dict[str, int]] = {
    "GetAllQueuedTransfers": 1,
    "AutonomousTransferComplete": 1,
    "ScheduleDownload": 2,
    "CancelTransfer": 2,
    "ChangeDUState": 2,
    "DUStateChangeComplete": 2,
    "AutonomousDUStateChangeComplete": 2,
}
"""The minor version in which a method first appears, where it is not 0."""


def introduced(method: str) -> int:
    """Return the minor version of CWMP in which a method, or its response, first appears."""
    return INTRODUCED.get(method.removesuffix("Response"), 0)


def minor_of(namespace: str) -> int:
    """Return 0 to 2 for a CWMP namespace; the newest for one that is not known."""
    return NAMESPACES.index(namespace) if namespace in NAMESPACES else 2


def _common(told: tuple[str, ...]) -> list[str]:
    return [each for each in SUPPORTED if each in told]


def negotiate(told: tuple[str, ...]) -> str | None:
    """Return UseCWMPVersion for an Inform whose SupportedCWMPVersions are ``told``: the highest in common.

    None for a device that does not tell: before CWMP 1.4 the namespace alone says which version it is.
    """
    common = _common(told)
    return common[-1] if common else None


def incompatible(told: tuple[str, ...]) -> bool:
    """Tell whether a device speaks none of the versions that this ACS does (fault 8006, TR-069 A.5.2)."""
    return bool(told) and not _common(told)
