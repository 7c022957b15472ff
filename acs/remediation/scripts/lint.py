"""What can be seen in the source of a playbook that a replay would not repeat. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator

__all__ = ["Problem", "find_problems"]

_CLOCK = "use case.now for the clock and case.sleep to wait"
_CHANCE = "use case.random and case.uuid"
_OUTSIDE = "between two steps nothing may be read or done; what a playbook needs comes from the case"
_WAITS = "use case.sleep to wait and case.parallel to do several things at once"
_NOTES = "use case.note, which writes into the timeline"
_MODULES = {
    "time": _CLOCK,
    "random": _CHANCE,
    "secrets": _CHANCE,
    "uuid": _CHANCE,
    "logging": _NOTES,
    **dict.fromkeys(("asyncio", "concurrent", "multiprocessing", "threading"), _WAITS),
    **dict.fromkeys(
        [
            "os",
            "sys",
            "io",
            "pathlib",
            "socket",
            "ssl",
            "subprocess",
            "http",
            "urllib",
            "requests",
            "httpx",
            "aiohttp",
            "sqlite3",
            "sqlalchemy",
            "shutil",
            "tempfile",
            "glob",
            "signal",
            "ctypes",
            "importlib",
        ],
        _OUTSIDE,
    ),
}
_CALLS = {"now": _CLOCK, "utcnow": _CLOCK, "today": _CLOCK}
_FUNCTIONS = {
    **dict.fromkeys(("open", "exec", "eval", "compile", "__import__", "globals"), _OUTSIDE),
    "input": "use case.approve to ask a person",
    "print": _NOTES,
    **dict.fromkeys(("exit", "quit"), "a playbook ends with return"),
    "id": "it differs at each replay",
    "hash": "it differs from process to process",
}


class Problem(str):
    """A sentence that begins with file and line."""

    __slots__ = ()


def find_problems(tree: ast.Module, file: str, siblings: frozenset[str]) -> list[Problem]:
    """Return what is wrong in a file: what reads the clock, chance or the world, or can't be stopped."""
    clocks = _clocks(tree)
    found = {each for node in ast.walk(tree) for each in _look(node, siblings, clocks)} | _idle_loops(tree)
    return [Problem(f"{file}:{line}: {text}") for line, text in sorted(found)]


def _clocks(tree: ast.Module) -> frozenset[str]:
    """Return by which names the file calls what can read the clock."""
    found = {"datetime", "date"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "datetime":
            found |= {each.asname for each in node.names if each.asname and each.name in found}
    return frozenset(found)


def _look(node: ast.AST, siblings: frozenset[str], clocks: frozenset[str]) -> Iterator[tuple[int, str]]:
    match node:
        case ast.Import(names=names):
            for each in names:
                yield from _module(each.name.partition(".")[0], node.lineno, siblings)
        case ast.ImportFrom(module=str(module), level=0):
            yield from _module(module.partition(".")[0], node.lineno, siblings)
        case ast.ImportFrom(level=level) if level > 1:
            yield node.lineno, "a playbook may import from its own folder alone"
        case ast.Call(func=ast.Name(id=name)) if name in _FUNCTIONS:
            yield node.lineno, f"{name}() is not for playbooks: {_FUNCTIONS[name]}"
        case ast.Call(func=ast.Attribute(value=base, attr=name)) if name in _CALLS:
            if isinstance(base, ast.Attribute) or (isinstance(base, ast.Name) and base.id in clocks):
                yield (
                    node.lineno,
                    f"{name}() reads the clock, a replay would see another time: {_CALLS[name]}",
                )
        case ast.ExceptHandler(type=None) | ast.ExceptHandler(type=ast.Name(id="BaseException")):
            yield node.lineno, "a handler for everything keeps a playbook from being stopped; name the errors"
        case ast.Global():
            yield (
                node.lineno,
                "variables of the module are lost between replays; keep what is needed in locals",
            )
        case _:
            pass


def _idle_loops(tree: ast.Module) -> set[tuple[int, str]]:
    """Find loops that only jump to themselves: of those Python tells the guard of lines nothing."""
    text = "this loop never ends; use case.sleep to wait, case.wait_for for an event"
    return {
        (node.lineno, text)
        for node in ast.walk(tree)
        if isinstance(node, ast.While)
        and isinstance(node.test, ast.Constant)
        and all(
            isinstance(each, ast.Pass | ast.Continue)
            or (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
            for each in node.body
        )
    }


def _module(name: str, line: int, siblings: frozenset[str]) -> Iterator[tuple[int, str]]:
    if name in siblings:
        yield line, f"write `from .{name} import …` to import a file of this folder"
    elif name in _MODULES:
        yield line, f"{name} is not for playbooks, a replay would see something else: {_MODULES[name]}"
