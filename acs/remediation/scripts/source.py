"""The files of operators' playbooks: read safely, with what they import of their folder; their version."""

from __future__ import annotations

import ast
import hashlib
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from acs.errors import AcsError
from acs.remediation.scripts.calls import find_misuse
from acs.remediation.scripts.lint import find_problems

__all__ = ["Bundle", "Folder", "read_folder"]

_MAX_FILE = 256 * 1024  # bytes
_MAX_FILES = 500


class Bundle(msgspec.Struct, frozen=True):
    """A file and what it imports of its folder, by name without ``.py``; each after what it imports itself.

    The unit that has a version.
    """

    entry: str
    files: dict[str, str]

    @property
    def version(self) -> str:
        """The SHA-256 of all its sources, 16 hex digits."""
        return hashlib.sha256(self.body.encode()).hexdigest()[:16]

    @property
    def body(self) -> str:
        """The whole as JSON; the same files give the same text."""
        return msgspec.json.encode([self.entry, list(self.files.items())]).decode()

    @classmethod
    def parse(cls, body: str) -> Bundle:
        """Read ``body`` again."""
        entry, files = msgspec.json.decode(body, type=tuple[str, list[tuple[str, str]]])
        return cls(entry, dict(files))


@dataclass(frozen=True, slots=True)
class Folder:
    """What a folder holds; ``problems`` are sentences that name file and line."""

    bundles: dict[str, Bundle] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def read_folder(folder: Path) -> Folder:
    """Read all files of a folder; a file with a problem keeps none of the others from being read.

    Raises ``AcsError`` where the folder itself can't be trusted or read.
    """
    try:
        _check_safe(folder)
        paths = sorted(each for each in folder.iterdir() if each.suffix == ".py")
    except OSError as error:
        raise AcsError(f"can't read the playbooks in {folder}: {error.strerror or error}") from error
    if len(paths) > _MAX_FILES:
        raise AcsError(f"{folder} holds {len(paths)} files; {_MAX_FILES} are allowed")
    names = frozenset(each.stem for each in paths)
    trees: dict[str, ast.Module] = {}
    sources: dict[str, str] = {}
    problems: dict[str, list[str]] = {}
    for path in paths:
        name = path.stem
        try:
            sources[name], trees[name] = _parse(path)
        except (AcsError, OSError) as error:
            problems[name] = [str(error)]
        else:
            found = {*find_problems(trees[name], path.name, names), *find_misuse(trees[name], path.name)}
            if found:
                problems[name] = sorted(found, key=lambda text: int(text.split(":")[1]))
    imports = {name: _imported(tree) for name, tree in trees.items()}
    bundles = {}
    for name in sorted(trees):
        needed, broken = _closure(name, imports, problems)
        if broken:
            problems.setdefault(name, []).append(broken)
        if name not in problems:
            bundles[name] = Bundle(name, {each: sources[each] for each in needed})
    return Folder(bundles, [text for name in sorted(problems) for text in problems[name]])


def _parse(path: Path) -> tuple[str, ast.Module]:
    source = _read(path)
    try:
        return source, ast.parse(source, filename=path.name)
    except (SyntaxError, ValueError) as error:  # ValueError: a null byte
        line = getattr(error, "lineno", None) or 1
        raise AcsError(f"{path.name}:{line}: {getattr(error, 'msg', None) or error}") from error


def _check_safe(path: Path) -> None:
    """Refuse what others than this user and root could have written: it is run as the node."""
    facts = path.stat()
    if facts.st_mode & stat.S_IWOTH:
        raise AcsError(f"{path} can be written by everybody, and would run in the node: chmod o-w it")
    if facts.st_uid not in (0, os.getuid()):
        raise AcsError(
            f"{path} belongs to user {facts.st_uid}; playbooks run in the node and must belong to its user or"
            " to root: chown it"
        )


def _read(path: Path) -> str:
    _check_safe(path)
    if not path.stem.isidentifier():
        raise AcsError(f"{path.name}:1: the name of the file is no name of Python; use letters, digits and _")
    if path.stat().st_size > _MAX_FILE:
        raise AcsError(f"{path.name}:1: the file is larger than {_MAX_FILE // 1024} KiB")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise AcsError(f"{path.name}:1: the file is no UTF-8 text: {error}") from error


def _imported(tree: ast.Module) -> dict[str, int]:
    """Return the files of the folder that a file imports, and in which line."""
    found: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            names = [node.module.partition(".")[0]] if node.module else [each.name for each in node.names]
            found.update(dict.fromkeys(names, node.lineno))
    return found


def _closure(
    name: str, imports: dict[str, dict[str, int]], problems: dict[str, list[str]]
) -> tuple[list[str], str]:
    """Return all files that ``name`` needs, itself last, or a sentence that says why they can't be had."""
    order: list[str] = []

    def visit(each: str, path: tuple[str, ...]) -> str:
        for needed, line in imports[each].items():
            where = f"{each}.py:{line}"
            if needed in (*path, each):
                return f"{where}: {' → '.join((*path, each, needed))} go round in circles"
            if needed not in imports or (needed in problems and needed != name):
                return f"{where}: it imports {needed}.py, which is missing or has problems of its own"
            if needed not in order:
                trouble = visit(needed, (*path, each))
                if trouble:
                    return trouble
        order.append(each)
        return ""

    trouble = visit(name, ())
    return order, trouble
