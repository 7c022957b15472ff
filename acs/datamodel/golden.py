"""Golden configurations as YAML: name, value and type of each parameter."""

from __future__ import annotations

from typing import Any

import msgspec
import yaml

import device_models
from acs.errors import AcsError

__all__ = ["golden_configuration", "parse_golden"]


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    value: str
    type: str = "xsd:string"


def golden_configuration(name: str) -> list[tuple[str, str, str]]:
    """Return a packaged golden configuration, for example ``henb``, as (name, value, type)."""
    return parse_golden(device_models.read(f"golden-{name}.yaml"), f"the golden configuration {name}")


def parse_golden(text: str, source: str) -> list[tuple[str, str, str]]:
    """Parse a golden configuration. Raises ``AcsError`` naming ``source`` and the place."""
    try:
        raw: Any = yaml.safe_load(text)
        entries = msgspec.convert(raw, list[_Entry])
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise AcsError(f"{source}: {error}") from error
    return [(each.name, each.value, each.type) for each in entries]
