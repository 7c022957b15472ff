"""Alias-based addressing on the device's side: ``Table.[alias].`` for an instance (TR-069 3.6.1)."""

from __future__ import annotations

import re
from collections.abc import Callable

from acs.simulator.tree import ParameterTree

__all__ = ["aliased", "resolve"]

INSTANCE_MODE = "Device.ManagementServer.InstanceMode"
AUTO_CREATE = "Device.ManagementServer.AutoCreateInstances"
_BRACKET = re.compile(r"\[([^\]]*)\]")
_NUMBER = re.compile(r"\.(\d+)\.")


def resolve(tree: ParameterTree, path: str, create: Callable[[str, str], bool] | None = None) -> str | None:
    """Return a path with instance numbers in place of aliases; None when there is no such alias.

    ``create(table, alias)`` is asked to make an instance that is missing, where the device may do that.
    """
    while (found := _BRACKET.search(path)) is not None:
        table = path[: found.start()]
        number = _number(tree, table, found[1])
        if number is None:
            if create is None or not create(table, found[1]):
                return None
            number = _number(tree, table, found[1])
        path = f"{table}{number}{path[found.end() :]}"
    return path


def _number(tree: ParameterTree, table: str, alias: str) -> int | None:
    for name in tree.below(table):
        number, _, rest = name[len(table) :].partition(".")
        if rest == "Alias" and number.isdigit() and tree.value(name) == alias:
            return int(number)
    return None


def aliased(tree: ParameterTree, path: str) -> str:
    """Return a path as ``InstanceMode`` wants it told: with aliases where the instances have one."""
    if (tree.get(INSTANCE_MODE) or ("",))[0] != "InstanceAlias":
        return path
    start = 0
    told = path
    for found in _NUMBER.finditer(path):
        row = path[: found.end()]
        alias = (tree.get(f"{row}Alias") or ("",))[0]
        if alias:
            offset = len(told) - len(path)
            begin = found.start(1) + offset
            told = f"{told[:begin]}[{alias}]{told[begin + len(found[1]) :]}"
            start = found.end()
    return told if start else path
