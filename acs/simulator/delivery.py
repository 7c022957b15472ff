"""Something that a HeNB sends to a collector by HTTP on its own: a bulk data report, a PM file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Delivery"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One HTTP request; ``what`` names what it is of, and is how the answer finds its way back."""

    what: str
    url: str
    body: bytes
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    username: str = ""
    password: str = ""
