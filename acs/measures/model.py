"""What a measure is, and who carries it out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

__all__ = [
    "MEASURES",
    "SYSTEMS",
    "SYSTEM_OF",
    "Action",
    "Carrier",
    "Measure",
    "MeasureName",
    "Order",
    "Target",
    "operation_of",
]

MeasureName = Literal["SEGW_BLOCK", "SEGW_REMOVE", "GATEWAY_BLOCK", "SUBSCRIBER_REPLACE", "OTHER"]
Action = Literal["apply", "undo"]
SYSTEMS = ("SEGW", "GATEWAY", "SUBSCRIBER", "OTHER")
"""Security gateway; HeNB-GW or MME; what informs subscribers; any other."""

MEASURES: dict[str, str] = {
    "SEGW_BLOCK": "put the HeNB on the black list of a SeGW (S1 L90)",
    "SEGW_REMOVE": "delete the HeNB from the white list of a SeGW (S1 L90)",
    "GATEWAY_BLOCK": "block the HeNB at the HeNB-GW or MME (S1 L92)",
    "SUBSCRIBER_REPLACE": "inform the subscriber, who is to replace the HeNB (S1 L94)",
    "OTHER": "whatever else a system of the operator does about it (S1 L95)",
}
assert set(MEASURES) == set(get_args(MeasureName))

SYSTEM_OF: dict[str, str] = {
    "SEGW_BLOCK": "SEGW",
    "SEGW_REMOVE": "SEGW",
    "GATEWAY_BLOCK": "GATEWAY",
    "SUBSCRIBER_REPLACE": "SUBSCRIBER",
    "OTHER": "OTHER",
}
"""Which kind of system carries a measure out."""

_OPERATIONS: dict[str, tuple[str, str]] = {
    "SEGW_BLOCK": ("blockListAdd", "blockListRemove"),
    "SEGW_REMOVE": ("allowListRemove", "allowListAdd"),
    "GATEWAY_BLOCK": ("block", "unblock"),
    "SUBSCRIBER_REPLACE": ("replace", "withdraw"),
    "OTHER": ("apply", "undo"),
}


def operation_of(measure: str, action: str) -> str:
    """Return what a system is told to do, for a measure that is applied or undone."""
    return _OPERATIONS[measure][action == "undo"]


@dataclass(frozen=True, slots=True)
class Target:
    """A system that carries measures out; its secrets are not in here. Times in seconds since the epoch."""

    id: int
    name: str
    system: str
    url: str
    ca: str
    created_at: float
    failures: int
    retry_at: float | None
    last_error: str


@dataclass(frozen=True, slots=True)
class Carrier:
    """A system with what it takes to talk to it: signing secret, token, our key and certificate (PEM)."""

    target: Target
    secret: str
    bearer: str
    client: bytes


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that one system is told about one device.

    ``action``: apply or undo; ``state``: waiting, done, or dead, which is given up until a person says retry.
    """

    id: int
    device_id: int
    device_key: str
    target_id: int
    target: str
    measure: str
    action: str
    state: str
    case_id: int | None
    who: str
    because: str
    attempts: int
    error: str
    created_at: float
    settled_at: float | None


@dataclass(frozen=True, slots=True)
class Order:
    """A measure with what a system has to know of the device."""

    measure: Measure
    oui: str
    product_class: str
    serial_number: str
    certificate_name: str
