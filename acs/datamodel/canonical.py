"""Canonical names: one name for what every femtocell has, wherever its data model keeps it. Pure.

A name such as ``cell.admin_state`` has one meaning, type and unit on all devices; a ``Place`` is where one
kind of device keeps it and how its value reads there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, Literal

import msgspec
import yaml

import device_models
from acs.cwmp import messages as m
from acs.datamodel.conversion import covers, is_true
from acs.datamodel.model import Model, load_model, packaged_names
from acs.datamodel.profile import Alias, Profile, Tree
from acs.errors import AcsError

__all__ = ["CanonicalName", "Place", "Reading", "canonical_name", "canonical_names", "place_of", "view"]

_FAP = "Device.Services.FAPService.1."
_TREES: dict[Tree, str] = {"tr-196-2-lte": "lte", "tr-196-2-umts": "umts", "tr-196-1": "issue-1"}
_XSD = {"boolean": "xsd:boolean", "integer": "xsd:unsignedInt", "number": "xsd:int", "text": "xsd:string"}
Kind = Literal["boolean", "integer", "number", "text"]


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"issue_1": "issue-1"}):
    what: str
    type: Kind = "text"
    unit: str = ""
    scale: float = 1.0
    values: dict[str, str] = {}
    path: str = ""
    lte: str = ""
    umts: str = ""
    issue_1: str = ""


@dataclass(frozen=True, slots=True)
class CanonicalName:
    """A name, what it means, and the type and unit of its value.

    Values are text: a boolean is ``true`` or ``false``, a number is decimal, a list is separated by commas.
    """

    name: str
    what: str
    type: Kind
    unit: str
    scale: float
    values: Mapping[str, str]
    paths: Mapping[str, str]

    @property
    def words(self) -> tuple[str, ...]:
        """The words that its value may be; empty: any text of its type."""
        return tuple(self.values.values())


@cache
def canonical_names() -> Mapping[str, CanonicalName]:
    """Return all canonical names."""
    raw: Any = yaml.safe_load(device_models.read("canonical.yaml"))
    found = {}
    for name, entry in msgspec.convert(raw, dict[str, _Entry]).items():
        paths = {
            tree: path.replace("FAP.", _FAP, 1) if path.startswith("FAP.") else path
            for tree in _TREES.values()
            if (path := getattr(entry, tree.replace("-", "_")) or entry.path)
        }
        found[name] = CanonicalName(
            name, entry.what, entry.type, entry.unit, entry.scale, entry.values, paths
        )
    return found


def canonical_name(name: str) -> CanonicalName:
    """Return what a canonical name means. Raises ``AcsError`` when it is none."""
    found = canonical_names().get(name)
    if found is None:
        raise AcsError(f"{name!r} is no canonical name; see: acs model canonical")
    return found


@dataclass(frozen=True, slots=True)
class Place:
    """Where a device keeps what a canonical name means: the parameter, and how its value reads there."""

    name: CanonicalName
    path: str
    type: str
    inverted: bool
    scale: float
    values: Mapping[str, str]

    def read(self, raw: str) -> str | None:
        """Return the canonical value of what the device tells; None where it makes no sense."""
        match self.name.type:
            case "boolean":
                truth = is_true(self.values.get(raw, raw))
                return None if truth is None else ("true" if truth is not self.inverted else "false")
            case "integer" | "number":
                return _scaled(self.values.get(raw, raw), self.scale)
            case _:
                return self.values.get(raw, raw) if self.values else raw

    def write(self, value: str) -> m.ParameterValue:
        """Return what to set so that the canonical value becomes ``value``.

        Raises ``AcsError`` for a value that is none of this name.
        """
        return m.ParameterValue(self.path, self._written(value.strip()), self.type)

    def _written(self, value: str) -> str:
        words = {ours: theirs for theirs, ours in self.values.items()}
        if self.name.type == "boolean":
            truth = is_true(value)
            if truth is None:
                raise AcsError(f"{self.name.name} is true or false, not {value[:40]!r}")
            text = "1" if truth is not self.inverted else "0"
            return words.get("true" if truth else "false", text)
        if words:
            if value not in words:
                raise AcsError(f"{self.name.name} is one of {', '.join(words)}, not {value[:40]!r}")
            return words[value]
        if self.name.type == "text":
            return value
        number = _number(value)
        if number is None or (self.name.type == "integer" and number != number.to_integral_value()):
            raise AcsError(f"{self.name.name} is a number of type {self.name.type}, not {value[:40]!r}")
        raw = number / Decimal(str(self.scale))
        return _plain(raw.to_integral_value() if self.type in _WHOLE else raw)


_WHOLE = frozenset({"xsd:int", "xsd:unsignedInt", "xsd:long", "xsd:unsignedLong"})


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text.strip()) if len(text) <= 40 else None
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() and abs(number.adjusted()) <= 30 else None


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _scaled(raw: str, scale: float) -> str | None:
    number = _number(raw)
    return None if number is None else _plain(number * Decimal(str(scale)))


@cache
def _packaged(name: str) -> Model:
    """Return the model of a profile; of one that was imported, and is not at hand, what is packaged."""
    return load_model(name if name in packaged_names() else "femto")


def place_of(
    profile: Profile, name: str, *, root: str = "Device.", model: Model | None = None
) -> Place | None:
    """Return where a device of this profile keeps ``name``, None when it has no place for it.

    ``root`` is the root of its data model, ``model`` that model where it is at hand: an imported one is in
    the store. Raises ``AcsError`` when ``name`` is no canonical name.
    """
    meaning = canonical_name(name)
    alias = profile.aliases.get(name)
    if alias is None:
        path = meaning.paths.get(_TREES[profile.tree], "")
        alias = Alias(path=path, scale=meaning.scale, values=dict(meaning.values))
    if not alias.path:
        return None
    path = (root or "Device.") + alias.path.removeprefix("Device.")
    spec = model.spec(path) if model is not None else None
    if spec is None and profile.model:
        spec = _packaged(profile.model).spec(alias.path)
    kind = alias.type or (spec.xsd_type if spec is not None else _XSD[meaning.type])
    inverted = alias.inverted or covers(profile.inverted, alias.path)
    return Place(meaning, path, kind, inverted, alias.scale, alias.values)


@dataclass(frozen=True, slots=True)
class Reading:
    """A canonical value with the parameter it was read from; ``value`` None: the raw text makes no sense."""

    name: str
    value: str | None
    unit: str
    path: str
    raw: str


def view(
    profile: Profile, parameters: Mapping[str, m.ParameterValue], *, root: str = "Device."
) -> dict[str, Reading]:
    """Return what is known of a device under canonical names; without those of unknown parameters."""
    found = {}
    for name in canonical_names():
        place = place_of(profile, name, root=root)
        stored = parameters.get(place.path) if place is not None else None
        if place is not None and stored is not None:
            value = place.read(stored.value)
            found[name] = Reading(name, value, place.name.unit, place.path, stored.value)
    return found
