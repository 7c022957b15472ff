"""The full tree of a device: every parameter of a model with a value that the model accepts. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from acs.datamodel.model import Model, pattern_of
from acs.errors import AcsError

__all__ = ["instantiate"]

_DEFAULTS = {"Device.Services.FAPService.{i}.": 1}
_COUNTED = {"Device.DeviceInfo.DeviceImageNumberOfEntries": "Device.DeviceInfo.DeviceImageFile.{i}."}
"""Counts that are not named after their table (TR-181 Issue 2)."""


def instantiate(model: Model, instances: Mapping[str, int]) -> dict[str, tuple[str, str]]:
    """Return path to (value, xsd type) for a device with ``instances`` of each multi-instance object.

    Keys of ``instances`` are ``{i}`` paths such as ``Device.Services.FAPService.{i}.``; an object that
    is not named has none, but FAPService has one. A nested object has its count below each parent.
    ``…NumberOfEntries`` parameters tell the counts. Raises ``AcsError`` for a key that is no
    multi-instance object of the model and for a negative count.
    """
    for key, count in instances.items():
        if key not in model.objects or not model.objects[key].multiple or count < 0:
            raise AcsError(f"the model {model.name} can't have {count} instances of {key}")
    instances = {**_DEFAULTS, **instances}
    tree: dict[str, tuple[str, str]] = {}
    for pattern in model.objects:
        for path in _paths(pattern, instances):
            for spec in model.parameters_of(pattern):
                tree[path + spec.path[len(pattern) :]] = (spec.default, spec.xsd_type)
    for path, (_, kind) in tree.items():
        if path.endswith("NumberOfEntries"):
            table = _table(model, path)
            if table is not None:
                tree[path] = (str(instances.get(table, 0)), kind)
    return dict(sorted(tree.items()))


def _table(model: Model, path: str) -> str | None:
    pattern = pattern_of(path)
    candidate = _COUNTED.get(pattern) or pattern.removesuffix("NumberOfEntries") + ".{i}."
    return candidate if candidate in model.objects else None


def _paths(pattern: str, instances: Mapping[str, int]) -> list[str]:
    """Return the instance paths of an object pattern."""
    head, marker, _ = pattern.partition("{i}.")
    if not marker:
        return [pattern]
    paths = [head]
    done = head
    rest = pattern[len(head) :]
    while rest:
        done += "{i}."
        paths = [f"{path}{number}." for path in paths for number in range(1, instances.get(done, 0) + 1)]
        rest = rest[len("{i}.") :]
        plain, marker, _ = rest.partition("{i}.")
        paths = [path + plain for path in paths]
        done += plain
        rest = rest[len(plain) :]
    return paths
