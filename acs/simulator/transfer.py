"""A file that a device was told to fetch."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Transfer"]


@dataclass(frozen=True, slots=True)
class Transfer:
    """A Download that was accepted and is not done (TR-069 A.3.2.8)."""

    command_key: str
    url: str
    file_type: str
