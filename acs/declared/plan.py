"""From what a device is to what it should be: the exact list of RPCs, in order, with reasons. Pure.

Order: the cell is locked first where the profile says that what changes needs it; then rows that should not
be there are deleted and missing ones added; then values are set, those that guard the device first, what
enables an object after what it is made of; AdminState comes last (TR-196: unlocked when all else is right).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from acs.cwmp import messages as m
from acs.datamodel import Profile
from acs.datamodel.canonical import place_of
from acs.datamodel.conversion import covers, set_batches
from acs.declared.compare import differs
from acs.declared.resolve import Wanted, WantedRow, WantedTable, WantedValue

__all__ = [
    "AddObject",
    "DeleteObject",
    "Plan",
    "PlannedValue",
    "Rules",
    "SetValues",
    "Step",
    "labels_of",
    "new_row",
    "plan",
    "rules_of",
]

_GUARDS = ("ManagementServer.", "SecGW", ".IPsec.", ".Users.", ".SSH.", "Firewall", ".Security.", ".Time.")
_ADMIN_STATE = ".AdminState"
_LABEL = re.compile(r"<(\d+)>")


class Rules(msgspec.Struct, frozen=True):
    """What a profile says of the order and the size of requests."""

    set_batch: int = 256
    set_alone: tuple[str, ...] = ()
    locked_for: tuple[str, ...] = ()
    admin_state: str = ""
    """The parameter that lets the cell radiate; empty: there is none."""
    unlocked: str = "1"
    locked: str = "0"
    admin_type: str = "xsd:boolean"


class PlannedValue(msgspec.Struct, frozen=True):
    """One parameter of a SetParameterValues; ``was`` is None where the device's value is not known."""

    path: str
    value: str
    type: str
    because: str
    was: str | None = None
    secret: str = ""


class AddObject(msgspec.Struct, frozen=True, tag=True):
    """Add a row. Its instance number, unknown until it is answered, stands as ``<label>`` in later paths."""

    table: str
    label: int
    because: str


class DeleteObject(msgspec.Struct, frozen=True, tag=True):
    """Delete a row."""

    path: str
    because: str


class SetValues(msgspec.Struct, frozen=True, tag=True):
    """Set parameters in one request."""

    values: tuple[PlannedValue, ...]
    because: str = ""


Step = AddObject | DeleteObject | SetValues


class Plan(msgspec.Struct, frozen=True):
    """The RPCs in their order; none of them: the device is as it should be."""

    steps: tuple[Step, ...] = ()

    @property
    def values(self) -> tuple[PlannedValue, ...]:
        """All values that are set, in their order."""
        return tuple(each for step in self.steps if isinstance(step, SetValues) for each in step.values)

    def unlocks(self, rules: Rules) -> bool:
        """Whether it lets the cell radiate."""
        return any(_unlocks(each, rules) for each in self.values)

    def kept_locked(self, rules: Rules) -> Plan:
        """Return the plan without what lets the cell radiate."""
        steps: list[Step] = []
        for step in self.steps:
            if not isinstance(step, SetValues):
                steps.append(step)
            elif values := tuple(each for each in step.values if not _unlocks(each, rules)):
                steps.append(SetValues(values, step.because))
        return Plan(tuple(steps))


def rules_of(profile: Profile, root: str) -> Rules:
    """Return what the profile says of requests to a device whose data model begins with ``root``."""
    place = place_of(profile, "cell.admin_state", root=root)
    base = Rules(profile.set_batch, profile.set_alone, profile.locked_for)
    if place is None:
        return base
    on, off = place.write("true"), place.write("false")
    return msgspec.structs.replace(
        base, admin_state=place.path, unlocked=on.value, locked=off.value, admin_type=place.type
    )


def new_row(path: str, instances: Mapping[int, int]) -> str:
    """Return a path of a plan with the instance numbers that the device gave to new rows, by label."""
    return _LABEL.sub(lambda found: str(instances[int(found[1])]), path)


def labels_of(steps: Iterable[Step]) -> set[int]:
    """Return the labels of the new rows that values of these steps are set in."""
    values = (each for step in steps if isinstance(step, SetValues) for each in step.values)
    return {int(found[1]) for each in values for found in _LABEL.finditer(each.path)}


def plan(
    wanted: Wanted,
    state: Mapping[str, str],
    rules: Rules,
    *,
    applied_secrets: Mapping[str, str] | None = None,
) -> Plan:
    """Return the RPCs that bring a device from ``state``, its values by path, to what is wanted.

    A value that ``state`` does not have is set. A secret can't be read back: it is set unless
    ``applied_secrets`` says of its path that it has this secret. Raises nothing; ``wanted`` has to be without
    problems.
    """
    given = applied_secrets or {}
    rows = _Rows()
    for table in wanted.tables:
        _plan_table(table, state, given, rows)
    deletes, adds, changes = rows.deletes, rows.adds, rows.changes
    for each in wanted.values:
        was = state.get(each.path)
        if each.secret:
            was = None  # whatever a device tells of it
        if given.get(each.path) != each.secret if each.secret else differs(each.value, was, each.type):
            changes.append(_planned(each, was))
    locks, unlocks = _locking(wanted, state, rules, changes, [*deletes, *adds])
    first = [each for each in changes if not _is_admin(each.path, rules) and _guards(each.path)]
    last = [each for each in changes if _is_admin(each.path, rules)]
    others = [each for each in changes if each not in first and each not in last]
    others.sort(key=lambda each: (each.path.endswith(".Enable"), each.path))
    steps: list[Step] = [*locks, *deletes, *adds]
    for group in (first, others, [*last, *unlocks]):
        steps += [SetValues(tuple(batch)) for batch in _batches(group, rules)]
    return Plan(tuple(steps))


def _planned(wanted: WantedValue, was: str | None) -> PlannedValue:
    named = f"{wanted.name} in " if wanted.name != wanted.path else ""
    because = f"{named}{wanted.layer}"
    return PlannedValue(wanted.path, wanted.value, wanted.type, because, was, wanted.secret)


def _guards(path: str) -> bool:
    return any(word in path for word in _GUARDS)


def _is_admin(path: str, rules: Rules) -> bool:
    return path == rules.admin_state or path.endswith(_ADMIN_STATE)


def _unlocks(each: PlannedValue, rules: Rules) -> bool:
    return _is_admin(each.path, rules) and not differs(rules.unlocked, each.value, rules.admin_type)


def _batches(values: list[PlannedValue], rules: Rules) -> list[list[PlannedValue]]:
    profile = Profile(name="", set_batch=rules.set_batch, set_alone=rules.set_alone)
    by_path = {each.path: each for each in values}
    named = [m.ParameterValue(each.path, each.value, each.type) for each in values]
    return [[by_path[each.name] for each in batch] for batch in set_batches(profile, named)]


def _locking(
    wanted: Wanted,
    state: Mapping[str, str],
    rules: Rules,
    changes: list[PlannedValue],
    rows: list[Any],
) -> tuple[list[SetValues], list[PlannedValue]]:
    """Return the request that locks the cell before what changes, and what unlocks it again."""
    touched = [each.path for each in changes if not _is_admin(each.path, rules)]
    touched += [each.table if isinstance(each, AddObject) else each.path for each in rows]
    reasons = [path for path in touched if covers(rules.locked_for, _LABEL.sub("1", path))]
    now = state.get(rules.admin_state)
    if not rules.admin_state or not reasons or differs(rules.unlocked, now, rules.admin_type):
        return [], []
    because = f"{reasons[0]} changes only while the cell is locked"
    lock = PlannedValue(rules.admin_state, rules.locked, rules.admin_type, because, now)
    declared = wanted.value(rules.admin_state)
    if declared is not None and not differs(declared.value, rules.locked, rules.admin_type):
        changes[:] = [each for each in changes if each.path != rules.admin_state]
        return [SetValues((lock,))], []
    value, because = rules.unlocked, "the cell was locked for the change"
    unlock = PlannedValue(rules.admin_state, value, rules.admin_type, because, rules.locked)
    return [SetValues((lock,))], [unlock]


@dataclasses.dataclass(slots=True)
class _Rows:
    """What is to be done about tables, as it is found."""

    deletes: list[DeleteObject] = dataclasses.field(default_factory=list)
    adds: list[AddObject] = dataclasses.field(default_factory=list)
    changes: list[PlannedValue] = dataclasses.field(default_factory=list)


def _plan_table(
    table: WantedTable,
    state: Mapping[str, str],
    given: Mapping[str, str],
    found: _Rows,
) -> None:
    """Match the rows of a table with those that the device has."""
    there = _rows(table.path, state)
    for wanted in table.rows:
        number = next((n for n, row in there.items() if _matches(wanted, table.key, row)), None)
        if number is None:
            label = len(found.adds) + 1
            key = ", ".join(f"{name}={value}" for name, value, _ in wanted.fields if name in table.key)
            found.adds.append(AddObject(table.path, label, f"no row has {key}; {table.layer}"))
            row: Mapping[str, str] = {}
            base = f"{table.path}<{label}>."
        else:
            row = there.pop(number)
            base = f"{table.path}{number}."
        found.changes.extend(
            PlannedValue(base + name, value, kind, table.layer, row.get(name))
            for name, value, kind in wanted.fields
            if differs(value, row.get(name), kind)
        )
        found.changes.extend(
            PlannedValue(base + name, "", kind, table.layer, None, secret)
            for name, secret, kind in wanted.secrets
            if given.get(base + name) != secret
        )
    if table.exact:
        because = f"no row of {table.layer} is like it"
        found.deletes.extend(DeleteObject(f"{table.path}{number}.", because) for number in sorted(there))


def _rows(path: str, state: Mapping[str, str]) -> dict[int, dict[str, str]]:
    """Return the rows of a table with their values, by instance number."""
    found: dict[int, dict[str, str]] = {}
    for name, value in state.items():
        if name.startswith(path):
            number, _, field = name[len(path) :].partition(".")
            if number.isascii() and number.isdecimal() and len(number) <= 9 and field:
                found.setdefault(int(number), {})[field] = value
    return dict(sorted(found.items()))


def _matches(wanted: WantedRow, key: tuple[str, ...], row: Mapping[str, str]) -> bool:
    return all(
        name not in key or not differs(value, row.get(name), kind) for name, value, kind in wanted.fields
    )
