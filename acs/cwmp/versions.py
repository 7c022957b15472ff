"""Versions of CWMP: which method came when, and which version a session speaks (TR-069 A.1, 3.7.1, 3.7.2)."""

from __future__ import annotations

from typing import Final

from acs.cwmp.messages.envelope import CWMP_1_0, CWMP_1_1, CWMP_1_2

__all__ = ["INTRODUCED", "NAMESPACES", "introduced", "minor_of"]

NAMESPACES: Final = (CWMP_1_0, CWMP_1_1, CWMP_1_2)
"""The namespaces, by minor version; the last is that of CWMP 1.2, 1.3 and 1.4."""

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
