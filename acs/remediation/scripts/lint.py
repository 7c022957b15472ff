"""What can be seen in the source of a playbook that a replay would not repeat. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator

__all__ = ["Problem", "find_problems"]

_CLOCK = "use case.now for the clock and case.sleep to wait"
_CHANCE = "use case.random and case.uuid"
_OUTSIDE = "between two steps nothing may be read or done; what a playbook needs comes from the case"
_MODULES = {
    "time": _CLOCK,
    "random": _CHANCE,
    "secrets": _CHANCE,
    "uuid": _CHANCE,
    **dict.fromkeys(
        [
            "os",
            "sys",
            "io",
            "pathlib",
            "socket",
            "ssl",
            "subprocess",
            "threading",
            "multiprocessing",
            "asyncio",
            "concurrent",
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
            "logging",
        ],
        _OUTSIDE,
    ),
}
_CALLS = {"now": _CLOCK, "utcnow": _CLOCK, "today": _CLOCK}
_FUNCTIONS = {
    **dict.fromkeys(("open", "input", "exec", "eval", "compile", "__import__", "globals"), _OUTSIDE),
    "print": "use case.note, which writes into the timeline",
    "id": "it differs at each replay",
    "hash": "it differs from process to process",
}


class Problem(str):
    """A sentence that begins with file and line."""

    __slots__ = ()


def find_problems(tree: ast.Module, file: str, siblings: frozenset[str]) -> list[Problem]:
    """Return what is wrong in a file: what reads the clock, chance or the world, or can't be stopped."""
    found = [
        Problem(f"{file}:{line}: {text}") for node in ast.walk(tree) for line, text in _look(node, siblings)
    ]
    return sorted(found, key=lambda text: int(text.split(":")[1]))


def _look(node: ast.AST, siblings: frozenset[str]) -> Iterator[tuple[int, str]]:
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
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="datetime" | "date") | ast.Attribute(), attr=name)
        ):
            if name in _CALLS:
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


def _module(name: str, line: int, siblings: frozenset[str]) -> Iterator[tuple[int, str]]:
    if name in siblings:
        yield line, f"write `from .{name} import …` to import a file of this folder"
    elif name in _MODULES:
        yield line, f"{name} is not for playbooks, a replay would see something else: {_MODULES[name]}"
