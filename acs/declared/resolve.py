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
from acs.datamodel import Model, Profile, load_model, packaged_names
from acs.datamodel.canonical import canonical_names, place_of
from acs.datamodel.conversion import spelled, to_device
from acs.datamodel.secret import is_hidden
from acs.declared.document import Entry, Layer, Table
from acs.declared.templates import Known, render
from acs.errors import AcsError

__all__ = ["Facts", "Wanted", "WantedRow", "WantedTable", "WantedValue", "resolve", "scope_rank"]

_KINDS = ("*", "class", "group", "site", "device")
_XSD_STRING = "xsd:string"
_NO_SITE = "the device is at no site, so there is no {}; see: acs devices tag DEVICE --site"


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
    secrets: tuple[tuple[str, str, str], ...] = ()
    """Those that are secrets: name, the secret's name, type."""


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

    @property
    def secrets(self) -> tuple[tuple[str, str], ...]:
        """What is declared to be a secret, as it is named to people, and the secret's name."""
        values = [(f"{each.name} in {each.layer}", each.secret) for each in self.values if each.secret]
        rows = [
            (f"{table.path} {name} in {table.layer}", secret)
            for table in self.tables
            for row in table.rows
            for name, secret, _ in row.secrets
        ]
        return (*values, *rows)

    def value(self, path: str) -> WantedValue | None:
        """Return what is declared for a parameter."""
        return next((each for each in self.values if each.path == path), None)


@dataclass(frozen=True, slots=True)
class Facts:
    """What templates may ask for, and where the device's data model begins.

    ``device``: ``oui``, ``serial_number``, ``product_class``, …; ``site``: its values and ``name``;
    ``types``: of parameters that the device itself told of, by path; empty where it told only the name.
    """

    device: Mapping[str, str]
    site: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    root: str = "Device."
    types: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> dict[str, Any]:
        """The names that a template can use."""
        name = self.site.get("name", "")
        of_site = f"the site {name} has no {{}}; see: acs config site" if name else _NO_SITE
        of_device = f"a device has no {{}}, it has {', '.join(self.device)}"
        return {
            "device": Known(self.device, of_device),
            "site": Known(self.site, of_site),
            "groups": list(self.groups),
        }


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
    if model is None and profile.model in packaged_names():
        model = load_model(profile.model)
    return _Resolution(facts, profile, model).run(layers)


class _Resolution:
    """One run of ``resolve``."""

    def __init__(self, facts: Facts, profile: Profile, model: Model | None) -> None:
        self.facts, self.profile, self.model = facts, profile, model
        self.problems: list[str] = []
        self._aliased = {self._rooted(each.path) for each in profile.aliases.values()}

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
        if not self._right(value, where, secret=bool(entry.secret)):
            return None
        return WantedValue(value.name, value.value, value.type, name, scope, entry.secret)

    def _placed(self, name: str, text: str, entry: Entry, where: str) -> m.ParameterValue:
        if name in canonical_names():
            place = place_of(self.profile, name, root=self.facts.root, model=self.model)
            if place is None:
                raise AcsError(f"{where}: a device of the profile {self.profile.name} has no {name}")
            if entry.secret:
                return m.ParameterValue(place.path, "", place.type)
            try:
                value = place.write(text)
            except AcsError as error:
                raise AcsError(str(error).replace(name, where, 1)) from error
        else:
            path = self._rooted(name)
            value = m.ParameterValue(path, text, entry.type or self._type(path))
            value = to_device(self.profile, value)
        return spelled(self.profile, value)  # as it will be sent

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
        return spec.xsd_type if spec is not None else self.facts.types.get(path) or _XSD_STRING

    def _right(self, value: m.ParameterValue, where: str, *, secret: bool = False) -> bool:
        """Check a value against the data model; of a secret only where it goes.

        What the model does not know the device may have, unless the model knows the object that it is in.
        """
        problem = self._problem(value, secret=secret)
        if problem:
            self.problems.append(f"{where}: {problem}")
        return not problem

    def _problem(self, value: m.ParameterValue, *, secret: bool) -> str:
        mark = m.PLACEHOLDER_MARK
        if mark in value.value:  # a device must not make us send it a secret
            return f"a value can't have the character {mark}"
        if self.model is None:
            return ""
        path = self._modelled(value.name)
        spec = self.model.spec(path)
        if spec is None:
            return self._missed(self.model, value.name)
        if secret:
            return "" if spec.writable else f"{path} can't be written (fault 9008)"
        if is_hidden(spec):
            return f"{path} is hidden and reads back empty; declare it as {{ secret: NAME }}"
        found = self.model.check(path, value.value, value.type)
        return f"{found.text} (fault {found.fault_code})" if found is not None else ""

    def _missed(self, model: Model, path: str) -> str:
        if path in self.facts.types or path in self._aliased or not model.misses(path):
            return ""
        near = model.nearest(path, anywhere=False)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        return f"the model {model.name} has no {path}{hint}"

    def _table(self, path: str, table: Table, scope: str) -> WantedTable:
        base = self._rooted(path)
        rows: list[WantedRow] = []
        keys: set[tuple[str, ...]] = set()
        for number, row in enumerate(table.rows, 1):
            where = f"{path} row {number} in {scope}"
            fields, secrets = [], []
            for name, entry in sorted(row.items()):
                try:
                    text = render(entry.value, self.facts.names, where) if entry.template else entry.value
                except AcsError as error:
                    self.problems.append(str(error))
                    continue
                value = m.ParameterValue(f"{base}1.{name}", text, entry.type or self._type(f"{base}1.{name}"))
                value = spelled(self.profile, value)
                if not self._right(value, f"{where}: {name}", secret=bool(entry.secret)):
                    continue
                if entry.secret:
                    secrets.append((name, entry.secret, value.type))
                else:
                    fields.append((name, value.value, value.type))
            key = tuple(value for name, value, _ in fields if name in table.key)
            if key in keys:
                self.problems.append(f"{where}: another row has the same key")
            keys.add(key)
            rows.append(WantedRow(tuple(fields), tuple(secrets)))
        return WantedTable(base, table.key, tuple(rows), table.exact, scope)


def _both_groups(one: str, other: str) -> bool:
    return one.startswith("group:") and other.startswith("group:") and one != other


def _says_other(one: WantedValue, other: WantedValue) -> bool:
    return (one.value, one.secret) != (other.value, other.secret)
