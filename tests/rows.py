"""Which test proves which row of a list of requirements: collected, checked, written into the docs.

A test says what it proves with ``@pytest.mark.row("1.http")`` (on a function, a class or a module's
``pytestmark``), or in its name: ``test_2_6_and_2_8_…`` proves 2.6 and 2.8. ``python -m tests.rows`` writes
the tables; ``tests/test_rows.py`` fails where a row has no test, a test names no row, or a table is stale.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
_NAMED = re.compile(r"test_((?:\d+_\d+_(?:and_)?)+)")
_NUMBER = re.compile(r"\d+_\d+")


@dataclass(frozen=True)
class Table:
    """A list of requirements: the page it becomes, the folders whose tests prove it, its rows."""

    page: str
    title: str
    intro: str
    folders: tuple[str, ...]
    rows: dict[str, str]


@dataclass(frozen=True)
class Proof:
    """A test and the row that it proves."""

    row: str
    file: str
    test: str


def _marks(node: ast.AST) -> Iterator[str]:
    """Yield the rows in the decorators or the ``pytestmark`` under ``node``."""
    for each in ast.walk(node):
        if isinstance(each, ast.Call) and ast.unparse(each.func).endswith("mark.row"):
            yield from (arg.value for arg in each.args if isinstance(arg, ast.Constant))


def _decorated(node: ast.stmt) -> list[str]:
    found = [row for each in getattr(node, "decorator_list", ()) for row in _marks(each)]
    named = _NAMED.match(getattr(node, "name", ""))
    return found + [each.replace("_", ".") for each in _NUMBER.findall(named[1])] if named else found


def _tests(body: list[ast.stmt], inherited: list[str], prefix: str = "") -> Iterator[tuple[str, list[str]]]:
    for node in body:
        rows = inherited + _decorated(node)
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield from _tests(node.body, rows, f"{node.name}::")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield prefix + node.name, list(dict.fromkeys(rows))


def proofs(folders: tuple[str, ...]) -> list[Proof]:
    """Return what the tests under ``folders`` say that they prove, in the order of files and lines."""
    found = []
    for file in sorted(path for folder in folders for path in (ROOT / folder).rglob("test_*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        module = [row for node in tree.body if _is_pytestmark(node) for row in _marks(node)]
        name = file.relative_to(ROOT).as_posix()
        found += [Proof(row, name, test) for test, rows in _tests(tree.body, module) for row in rows]
    return found


def _is_pytestmark(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and any(ast.unparse(each) == "pytestmark" for each in node.targets)


def page(table: Table) -> str:
    """Return the page of ``table`` in Markdown."""
    by_row: dict[str, list[Proof]] = {}
    for proof in proofs(table.folders):
        by_row.setdefault(proof.row, []).append(proof)
    lines = [f"# {table.title}", "", table.intro, "", "| | Requirement | Tests |", "|---|---|---|"]
    for row, text in table.rows.items():
        tests = [f"[`{each.test}`](../{each.file})" for each in by_row.get(row, ())]
        lines.append(f"| {row} | {text} | {'<br>'.join(tests) or '**none**'} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write every page."""
    from tests.requirements import TABLES

    for table in TABLES:
        (ROOT / table.page).write_text(page(table), encoding="utf-8")
        sys.stdout.write(f"{table.page}: {len(table.rows)} rows\n")


if __name__ == "__main__":
    main()
