"""The full tree of a device: every parameter of a model with a value that the model accepts. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from acs.datamodel.model import Model, pattern_of

__all__ = ["instantiate"]


def instantiate(model: Model, instances: Mapping[str, int]) -> dict[str, tuple[str, str]]:
    """Return path to (value, xsd type) for a device with ``instances`` of each multi-instance object.

    Keys of ``instances`` are ``{i}`` paths such as ``Device.Services.FAPService.{i}.``; an object that
    is not named has none. ``…NumberOfEntries`` parameters tell the counts.
    """
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
    candidate = pattern_of(path.removesuffix("NumberOfEntries")) + ".{i}."
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
