"""Golden configurations as YAML: name, value and type of each parameter."""

from __future__ import annotations

from collections import Counter

import msgspec

import device_models
from acs.documents import read_yaml
from acs.errors import AcsError

__all__ = ["golden_configuration", "parse_golden"]


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    value: str
    type: str = "xsd:string"


def golden_configuration(name: str) -> list[tuple[str, str, str]]:
    """Return a packaged golden configuration, for example ``henb``, as (name, value, type).

    Raises ``AcsError`` for an unknown name.
    """
    try:
        text = device_models.read(f"golden-{name}.yaml")
    except FileNotFoundError:
        raise AcsError(f"there is no golden configuration {name!r} in this package") from None
    return parse_golden(text, f"the golden configuration {name}")


def parse_golden(text: str, source: str) -> list[tuple[str, str, str]]:
    """Parse a golden configuration. Raises ``AcsError`` naming ``source`` and the place."""
    try:
        entries = msgspec.convert(read_yaml(text, source, as_written=True), list[_Entry])
    except msgspec.ValidationError as error:
        raise AcsError(f"{source}: {error}") from error
    twice = [name for name, count in Counter(each.name for each in entries).items() if count > 1]
    if twice:
        raise AcsError(f"{source}: {twice[0]} is there more than once")
    return [(each.name, each.value, each.type) for each in entries]
