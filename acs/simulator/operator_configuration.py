"""How the stand-ins for an operator's network are set up: a YAML file."""

from __future__ import annotations

from pathlib import Path

import msgspec
import yaml

from acs.errors import AcsError
from acs.simulator.lists import Lists

__all__ = ["NetworkConfiguration", "SightingsConfiguration", "load_network"]


class _Lists(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who is let in at first: ``allow`` none lets in all with a certificate; ``block`` with reasons."""

    allow: list[str] | None = None
    block: dict[str, str] = {}

    def lists(self) -> Lists:
        """Return them to work with."""
        allowed = None if self.allow is None else {each.lower() for each in self.allow}
        return Lists({each.lower(): why for each, why in self.block.items()}, allowed)


class SightingsConfiguration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the HeNB-GW tells whom it sees connected; ``every`` in seconds. Paths are as the shell's."""

    url: str
    token_file: str
    ca: str
    source: str = "henb-gw"
    every: float = 60


class NetworkConfiguration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file; a port of 0 takes a free one. SeGW: by certificate name; HeNB-GW: by device key."""

    host: str = "127.0.0.1"
    measure_port: int = 0
    tunnel_port: int = 0
    segw: _Lists = _Lists()
    henb_gw: _Lists = _Lists()
    sightings: SightingsConfiguration | None = None


def load_network(path: Path | None) -> NetworkConfiguration:
    """Read a configuration; none: as it stands above. Raises ``AcsError`` naming file, place and remedy."""
    if path is None:
        return NetworkConfiguration()
    try:
        found = msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")) or {}, NetworkConfiguration)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise AcsError(f"{path}: {error}; see examples/network/network.yaml") from error
    for name in ("measure_port", "tunnel_port"):
        if not 0 <= getattr(found, name) <= 65535:
            raise AcsError(f"{path}: {name} is {getattr(found, name)}; a port is 0 to 65535")
    if found.sightings is not None and not found.sightings.every > 0:
        raise AcsError(f"{path}: sightings.every is {found.sightings.every}; a positive number is needed")
    return found
