"""The layers of one device put together: what each parameter should be, and which layer says so. Pure.

Order, the later over the earlier: ``*`` (all devices), ``class:`` (ProductClass), ``group:`` (tags),
``site:``, ``device:``. Two groups of one device that say different things of one parameter, and no site or
device that decides, are a problem and no guess. Of tables the most particular layer that has one holds whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from acs.cwmp import messages as m
from acs.datamodel import Model, Profile, load_model
from acs.datamodel.canonical import canonical_names, place_of
from acs.datamodel.conversion import to_device
from acs.declared.document import Entry, Layer, Table
from acs.declared.templates import render
from acs.errors import AcsError

__all__ = ["Facts", "Wanted", "WantedRow", "WantedTable", "WantedValue", "resolve", "scope_rank"]

_KINDS = ("*", "class", "group", "site", "device")
_XSD_STRING = "xsd:string"


class WantedValue(msgspec.Struct, frozen=True):
    """What one parameter should be, as the device reads it."""

    path: str
    value: str
    type: str
    name: str
    """The canonical name or path by which it was declared."""
    layer: str
    secret: str = ""
    """The name of the secret that stands for the value."""


class WantedRow(msgspec.Struct, frozen=True):
    """One row of a table: its parameters' names below the row, values and types."""

    fields: tuple[tuple[str, str, str], ...]


class WantedTable(msgspec.Struct, frozen=True):
    """The rows that a multi-instance object should have; ``path`` ends with a dot."""

    path: str
    key: tuple[str, ...]
    rows: tuple[WantedRow, ...]
    exact: bool
    layer: str


class Wanted(msgspec.Struct, frozen=True):
    """All that is declared for one device and right; ``problems`` tells what is not, and left out."""

    values: tuple[WantedValue, ...] = ()
    tables: tuple[WantedTable, ...] = ()
    problems: tuple[str, ...] = ()

    def value(self, path: str) -> WantedValue | None:
        """Return what is declared for a parameter."""
        return next((each for each in self.values if each.path == path), None)


@dataclass(frozen=True, slots=True)
class Facts:
    """What templates may ask for, and where the device's data model begins.

    ``device``: ``oui``, ``serial_number``, ``product_class``, …; ``site``: its values and ``name``;
    ``types``: the types of parameters as the device itself told them, by path.
    """

    device: Mapping[str, str]
    site: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    root: str = "Device."
    types: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> dict[str, Any]:
        """The names that a template can use."""
        return {"device": self.device, "site": self.site, "groups": list(self.groups)}


def scope_rank(scope: str) -> tuple[int, str]:
    """Return the place of a scope in the order of layers. Raises ``AcsError`` for a scope that is none."""
    kind, _, name = scope.partition(":")
    if kind not in _KINDS or (kind == "*") is not (scope == "*") or (kind != "*" and not name):
        raise AcsError(
            f"the scope {scope!r} is none; use *, class:<ProductClass>, group:<tag>, site:<site> or"
            " device:<key>"
        )
    return _KINDS.index(kind), name


def resolve(
    layers: Mapping[str, Layer], facts: Facts, profile: Profile, *, model: Model | None = None
) -> Wanted:
    """Put the layers of one device together; ``layers`` has those that hold for it, by scope.

    Names, types and values are held against ``model``; what it does not know the device may have. Without one
    it is the model that the profile names.
    """
    if model is None and profile.model:
        model = load_model(profile.model)
    return _Resolution(facts, profile, model).run(layers)


class _Resolution:
    """One run of ``resolve``."""

    def __init__(self, facts: Facts, profile: Profile, model: Model | None) -> None:
        self.facts, self.profile, self.model = facts, profile, model
        self.problems: list[str] = []

    def run(self, layers: Mapping[str, Layer]) -> Wanted:
        ordered = sorted(layers.items(), key=lambda item: scope_rank(item[0]))
        values = self._values(ordered)
        tables: dict[str, WantedTable] = {}
        for scope, layer in ordered:
            for path, table in layer.tables.items():
                before = len(self.problems)
                wanted = self._table(path, table, scope)
                tables.pop(wanted.path, None)
                if len(self.problems) == before:  # half a table could delete the rows of the other half
                    tables[wanted.path] = wanted
        for path in tables:
            inside = [each for each in [*values, *tables] if each != path and each.startswith(path)]
            if inside:
                self.problems.append(f"{inside[0]} is part of the table {path}; declare it in a row of it")
        return Wanted(
            tuple(values[path] for path in sorted(values)),
            tuple(tables[path] for path in sorted(tables)),
            tuple(self.problems),
        )

    def _values(self, ordered: Iterable[tuple[str, Layer]]) -> dict[str, WantedValue]:
        found: dict[str, WantedValue] = {}
        rivals: dict[str, WantedValue] = {}
        for scope, layer in ordered:
            here: dict[str, WantedValue] = {}
            for name, entry in layer.values.items():
                wanted = self._value(name, entry, scope)
                if wanted is None:  # what a more general layer says is not what is meant either
                    found.pop(self._path(name), None)
                    continue
                twin = here.get(wanted.path) or found.get(wanted.path)
                if twin is not None and twin.name != wanted.name:
                    self.problems.append(
                        f"{twin.name} in {twin.layer} and {wanted.name} in {scope} are the same parameter"
                        f" {wanted.path}; use one name for it"
                    )
                here[wanted.path] = wanted
            for path, wanted in here.items():
                before = found.get(path)
                rivals.pop(path, None)
                if before is not None and _both_groups(before.layer, scope) and _says_other(before, wanted):
                    rivals[path] = before
                found[path] = wanted
        for path, before in rivals.items():
            other = found.pop(path)
            self.problems.append(
                f"{before.layer} and {other.layer} say different things of {other.name};"
                " decide it for the site or the device"
            )
        return found

    def _path(self, name: str) -> str:
        """Return the parameter that a canonical name or a path means on this device; empty: none."""
        if name not in canonical_names():
            return self._rooted(name)
        place = place_of(self.profile, name, root=self.facts.root)
        return place.path if place is not None else ""

    def _value(self, name: str, entry: Entry, scope: str) -> WantedValue | None:
        """Return one value as the device reads it, None where there is a problem with it."""
        where = f"{name} in {scope}"
        try:
            text = render(entry.value, self.facts.names, where) if entry.template else entry.value
            value = self._placed(name, text, entry, where)
        except AcsError as error:
            self.problems.append(str(error))
            return None
        if not entry.secret and not self._right(value, where):
            return None
        return WantedValue(value.name, value.value, value.type, name, scope, entry.secret)

    def _placed(self, name: str, text: str, entry: Entry, where: str) -> m.ParameterValue:
        if name in canonical_names():
            place = place_of(self.profile, name, root=self.facts.root)
            if place is None:
                raise AcsError(f"{where}: a device of the profile {self.profile.name} has no {name}")
            return m.ParameterValue(place.path, "", place.type) if entry.secret else place.write(text)
        path = self._rooted(name)
        return to_device(self.profile, m.ParameterValue(path, text, entry.type or self._type(path)))

    def _rooted(self, path: str) -> str:
        """Return a path below the root that this device has."""
        return self.facts.root + path.removeprefix("Device.") if path.startswith("Device.") else path

    def _modelled(self, path: str) -> str:
        """Return the path as the model has it, which may be below the other root; empty: it has none."""
        if self.model is None:
            return ""
        rest = path.removeprefix(self.facts.root)
        paths = (path, f"Device.{rest}", f"InternetGatewayDevice.{rest}")
        return next((each for each in paths if self.model.spec(each) is not None), "")

    def _type(self, path: str) -> str:
        spec = self.model.spec(self._modelled(path)) if self.model is not None else None
        return spec.xsd_type if spec is not None else self.facts.types.get(path, _XSD_STRING)

    def _right(self, value: m.ParameterValue, where: str) -> bool:
        """Check a value against the data model; what the model does not know the device may have."""
        mark = m.PLACEHOLDER_MARK
        if mark in value.value:  # a device must not make us send it a secret
            self.problems.append(f"{where}: a value can't have the character {mark}")
            return False
        path = self._modelled(value.name)
        if self.model is None or not path:
            return True
        problem = self.model.check(path, value.value, value.type)
        if problem is not None:
            self.problems.append(f"{where}: {problem.text} (fault {problem.fault_code})")
        return problem is None

    def _table(self, path: str, table: Table, scope: str) -> WantedTable:
        base = self._rooted(path)
        rows: list[WantedRow] = []
        keys: set[tuple[str, ...]] = set()
        for number, row in enumerate(table.rows, 1):
            where = f"{path} row {number} in {scope}"
            fields = []
            for name, entry in sorted(row.items()):
                try:
                    text = render(entry.value, self.facts.names, where) if entry.template else entry.value
                except AcsError as error:
                    self.problems.append(str(error))
                    continue
                kind = entry.type or self._type(f"{base}1.{name}")
                if self._right(m.ParameterValue(f"{base}1.{name}", text, kind), f"{where}: {name}"):
                    fields.append((name, text, kind))
            key = tuple(value for name, value, _ in fields if name in table.key)
            if key in keys:
                self.problems.append(f"{where}: another row has the same key")
            keys.add(key)
            rows.append(WantedRow(tuple(fields)))
        return WantedTable(base, table.key, tuple(rows), table.exact, scope)


def _both_groups(one: str, other: str) -> bool:
    return one.startswith("group:") and other.startswith("group:") and one != other


def _says_other(one: WantedValue, other: WantedValue) -> bool:
    return (one.value, one.secret) != (other.value, other.secret)
