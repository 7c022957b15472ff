"""One layer of declared state as a document: values by canonical name or path, tables by their rows. Pure.

values:
cell.pci: "101"
segw.address: "segw.{{ site.region }}.example"
Device.ManagementServer.Password: { secret: cwmp }
tables:
Device.Services.FAPService.1.CellConfig.LTE.RAN.NeighborList.LTECell.:
key: [PhyCellID]
exact: true
rows:
- { PhyCellID: "12", EUTRACarrierARFCN: "6300" }
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

import msgspec

from acs.cwmp import messages as m
from acs.datamodel import Profile, load_model
from acs.datamodel.canonical import canonical_names, place_of
from acs.datamodel.secret import MASK, hidden_in, shown_value
from acs.declared.templates import check_template, is_template
from acs.documents import read_yaml
from acs.errors import AcsError

__all__ = [
    "Entry",
    "Layer",
    "Table",
    "alias_conflicts",
    "layer_of_values",
    "parse_layer",
    "refuse_plain_secrets",
]

MOST_VALUES = 2000
MOST_ROWS = 256
MOST_TEXT = 4096  # characters of one value
_PATH = re.compile(r"(?:Device|InternetGatewayDevice)\.[\w.:-]{0,240}\w\Z", re.ASCII)
_TABLE = re.compile(r"(?:Device|InternetGatewayDevice)\.[\w.:-]{0,240}\w\.\Z", re.ASCII)
_FIELD = re.compile(r"\w[\w.:-]{0,100}\w\Z|\w\Z", re.ASCII)
_SECRET = re.compile(r"[\w.-]{1,64}\Z", re.ASCII)
_SECTIONS = ("values", "tables")
_ROOTS = ("Device.", "InternetGatewayDevice.")


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What one layer says of one parameter: text, often a template, or the name of a secret."""

    value: str = ""
    type: str = ""
    """Its XML Schema type; empty: the data model's."""
    secret: str = ""
    literal: bool = False
    """The text is no template, whatever is in it."""

    @property
    def template(self) -> bool:
        """Whether the text has to be rendered."""
        return not self.literal and is_template(self.value)


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The rows that a multi-instance object should have."""

    key: tuple[str, ...]
    """The parameters by which a row is recognised on the device."""
    rows: tuple[dict[str, Entry], ...] = ()
    exact: bool = False
    """Whether rows that are not declared are deleted."""


class Layer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is declared for one scope."""

    values: dict[str, Entry] = {}
    tables: dict[str, Table] = {}

    @property
    def size(self) -> int:
        """How many values and rows it has."""
        return len(self.values) + sum(len(each.rows) for each in self.tables.values())


def layer_of_values(values: Iterable[m.ParameterValue]) -> Layer:
    """Return the layer of plain values, none of them a template."""
    return Layer({each.name: Entry(each.value, each.type, literal=True) for each in values})


def parse_layer(text: str, source: str) -> Layer:
    """Parse a layer. Every value is the text that stands there: ``00101`` is ``00101``.

    Raises ``AcsError`` naming ``source`` and the place.
    """
    raw = read_yaml(text, source, as_written=True)
    if isinstance(raw, list):
        raise AcsError(
            f"{source} is a list, as golden configurations are: acs golden set takes it. Declared state has"
            " the sections values and tables"
        )
    other = [str(each)[:40] for each in raw if each not in _SECTIONS] if isinstance(raw, dict) else [""]
    if other:
        not_this = f", not {other[0]}" if other[0] else ""
        raise AcsError(f"{source} is no declared state: it has the sections values and tables{not_this}")
    values = {str(name): _entry(each, f"{source}, {name}") for name, each in _mapping(raw, "values", source)}
    tables = {str(path): _table(each, f"{source}, {path}") for path, each in _mapping(raw, "tables", source)}
    layer = Layer(values, tables)
    _check(layer, source)
    return layer


def _mapping(raw: Mapping[str, Any], section: str, source: str) -> Iterable[tuple[Any, Any]]:
    found = raw.get(section) or {}
    if not isinstance(found, dict):
        raise AcsError(f"{source}: {section} is no mapping of names")
    return list(found.items())


def _entry(raw: Any, place: str) -> Entry:
    if isinstance(raw, dict):
        fields = {**raw, "value": _text(raw["value"], place)} if "value" in raw else dict(raw)
        try:
            entry = msgspec.convert(fields, Entry, strict=False)
        except msgspec.ValidationError as error:
            raise AcsError(f"{place}: {error}") from error
        if entry.secret and ("value" in raw or not _SECRET.match(entry.secret)):
            raise AcsError(f"{place}: a secret is a plain name and stands instead of a value")
        if not entry.secret and "value" not in raw:
            raise AcsError(f"{place}: there is neither a value nor a secret")
        return entry
    return Entry(_text(raw, place))


def _text(raw: Any, place: str) -> str:
    match raw:
        case str():
            return raw
        case None:
            raise AcsError(f'{place}: there is no value; an empty one is ""')
        case list():
            return ",".join(_text(each, place) for each in raw)
        case _:
            raise AcsError(f"{place}: {str(raw)[:40]!r} is no value; quote it")


def _table(raw: Any, place: str) -> Table:
    rows = raw.get("rows") if isinstance(raw, dict) else None
    if not isinstance(raw, dict) or not isinstance(rows, list | None):
        raise AcsError(f"{place}: a table has key, rows and exact")
    entries = []
    for number, row in enumerate(rows or [], 1):
        if not isinstance(row, dict):
            raise AcsError(f"{place}: row {number} is no mapping of parameters")
        entries.append(
            {str(name): _entry(each, f"{place} row {number} {name}") for name, each in row.items()}
        )
    try:
        rest = msgspec.convert({**raw, "rows": []}, Table, strict=False)
    except msgspec.ValidationError as error:
        raise AcsError(f"{place}: {error}") from error
    return msgspec.structs.replace(rest, rows=tuple(entries))


def _check(layer: Layer, source: str) -> None:
    if layer.size > MOST_VALUES:
        raise AcsError(f"{source}: {layer.size} values and rows; at most {MOST_VALUES} are allowed")
    known = canonical_names()
    refuse_plain_secrets(layer, source)
    for name, entry in layer.values.items():
        if name not in known and not _PATH.match(name):
            near = get_close_matches(name.lower(), known, n=2, cutoff=0.7)
            hint = f"did you mean {' or '.join(near)}?" if near else "see: acs model canonical"
            raise AcsError(f"{source}: {name[:80]!r} is no canonical name and no parameter's path; {hint}")
        _check_entry(entry, f"{source}, {name}")
    for path, table in layer.tables.items():
        _check_table(path, table, source)


def _check_table(path: str, table: Table, source: str) -> None:
    place = f"{source}, {path}"
    if not _TABLE.match(path):
        raise AcsError(f"{source}: {path[:80]!r} is no object's path; it ends with a dot")
    if not table.key:
        raise AcsError(f"{place}: name in key the parameters by which a row is recognised")
    if len(table.rows) > MOST_ROWS:
        raise AcsError(f"{place}: {len(table.rows)} rows; at most {MOST_ROWS} are allowed")
    for number, row in enumerate(table.rows, 1):
        missing = [name for name in table.key if name not in row]
        if missing:
            raise AcsError(f"{place} row {number}: the key {missing[0]} is missing")
        for name, entry in row.items():
            if not _FIELD.match(name):
                raise AcsError(f"{place} row {number}: {name[:80]!r} is no parameter of a row")
            if entry.secret and name in table.key:
                raise AcsError(
                    f"{place} row {number}: {name} is of the key; a secret can't be, it reads back empty"
                )
            _check_entry(entry, f"{place} row {number} {name}")


def _check_entry(entry: Entry, place: str) -> None:
    if len(entry.value) > MOST_TEXT:
        raise AcsError(f"{place}: {len(entry.value)} characters; at most {MOST_TEXT} are allowed")
    if entry.template:
        check_template(entry.value, place)


def plain_secrets(layer: Layer) -> list[str]:
    """Return the parameters of a layer whose values are secrets that stand there in the clear.

    They would be in the store, the history and every plan; and what reads back empty is set for ever.
    """
    given = [(path, path, entry) for path, entry in layer.values.items()]
    given += [
        (f"{path}1.{name}", f"{path}{name}", entry)
        for path, table in layer.tables.items()
        for row in table.rows
        for name, entry in row.items()
    ]
    hidden = hidden_in(None)
    models = (load_model("femto"), load_model("henb-igd"))

    def secret(path: str, entry: Entry) -> bool:
        known = any(each.spec(path) is not None for each in models)
        return hidden(path) if known else shown_value(path, entry.value, entry.type) == MASK

    found = (shown for path, shown, each in given if not each.secret and "." in path and secret(path, each))
    return list(dict.fromkeys(found))


def refuse_plain_secrets(layer: Layer, source: str) -> None:
    """Raise ``AcsError`` for a layer that has a secret in the clear, naming ``source`` and the remedy."""
    found = plain_secrets(layer)
    if found:
        remedy = (
            "declare it as { secret: NAME } (acs config set), and say what it is with: acs config secret NAME"
        )
        raise AcsError(f"{source}: {found[0]} is a secret and stands there in the clear; {remedy}")


def alias_conflicts(layers: Mapping[str, Layer], profiles: Iterable[Profile]) -> list[str]:
    """Return where one layer names a parameter and the same or another names it by a canonical name.

    Which of two names for one thing holds should never depend on their order, so this is refused. Only layers
    that may hold for one device are compared.
    """
    meant: dict[str, set[str]] = {}
    canonical = {name for layer in layers.values() for name in layer.values if name in canonical_names()}
    holding = list(profiles)
    for name in sorted(canonical):
        places = (place_of(profile, name) for profile in holding)
        for path in {place.path for place in places if place is not None}:
            meant.setdefault(path, set()).add(name)
    return [
        f"{name} in {one} and {_plain(path)} in {other} may be the same parameter; use one name for it"
        for other, layer in layers.items()
        for path in layer.values
        for name in sorted(meant.get(_plain(path), ()))
        for one, its in layers.items()
        if name in its.values and _may_meet(one, other)
    ]


def _plain(path: str) -> str:
    """Return a path below the root ``Device.``, whatever root it has."""
    return next(("Device." + path[len(root) :] for root in _ROOTS if path.startswith(root)), path)


def _may_meet(one: str, other: str) -> bool:
    """Tell whether two scopes may hold for one device: not two classes, two sites or two devices."""
    kind, other_kind = one.partition(":")[0], other.partition(":")[0]
    return one == other or kind != other_kind or kind == "group"
