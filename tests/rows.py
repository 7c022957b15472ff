"""Which test proves which row of a list of requirements: collected, checked, written into the docs.

A test says what it proves with ``@pytest.mark.row("1.http")`` (on a function, a class or a module's
``pytestmark``), or in its name: ``test_2_6_and_2_8_…`` proves 2.6 and 2.8, ``test_L39_2_…`` proves the second
sentence of line 39 of S1. ``python -m tests.rows`` writes the tables; ``tests/test_rows.py`` fails where a
row has no test, a test names no row, or a table is stale.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
_NAMED = re.compile(r"test_((?:\d+_\d+_(?:and_)?)+)")
_NUMBER = re.compile(r"\d+_\d+")
_SENTENCE = re.compile(r"test_L(\d+)(?:_(\d)(?=_))?_")
_SKIPS = re.compile(r"pytest\.(?:mark\.)?(?:skip|skipif|importorskip)\b")


def _row_alone(row: str) -> tuple[str, ...]:
    return (row,)


@dataclass(frozen=True)
class Table:
    """A list of requirements: the page it becomes, the folders whose tests prove it, its rows.

    ``prefix`` is what its rows begin with, where its folders hold the tests of other tables too. ``must_run``
    says that tests that may be skipped are not counted, and gives the page a column of results. ``open`` are
    rows that nothing proves yet, and why. ``heads`` and ``cells`` say what stands before the requirement.
    """

    page: str
    title: str
    intro: str
    folders: tuple[str, ...]
    rows: dict[str, str]
    prefix: str = ""
    must_run: bool = False
    open: Mapping[str, str] = field(default_factory=dict)
    heads: tuple[str, ...] = ("",)
    cells: Callable[[str], tuple[str, ...]] = _row_alone

    @property
    def groups(self) -> set[str]:
        """What several rows have in common, S1 L39 of S1 L39.2: a test may name it, which proves no row."""
        return {row.rpartition(".")[0] for row in self.rows if "." in row} if self.prefix else set()

    @property
    def proofs(self) -> list[Proof]:
        """What the tests of its folders say that they prove of it."""
        return [each for each in proofs(self.folders) if each.row.startswith(self.prefix)]

    @property
    def proved(self) -> dict[str, list[Proof]]:
        """The proofs that count, by row."""
        found: dict[str, list[Proof]] = {}
        for proof in self.proofs:
            if not (self.must_run and proof.skips):
                found.setdefault(proof.row, []).append(proof)
        return found


@dataclass(frozen=True)
class Proof:
    """A test and the row that it proves; ``skips``: it may be skipped."""

    row: str
    file: str
    test: str
    skips: bool = False


def _marks(node: ast.AST) -> Iterator[str]:
    """Yield the rows in the decorators or the ``pytestmark`` under ``node``."""
    for each in ast.walk(node):
        if isinstance(each, ast.Call) and ast.unparse(each.func).endswith("mark.row"):
            yield from (arg.value for arg in each.args if isinstance(arg, ast.Constant))


def _decorated(node: ast.stmt) -> list[str]:
    found = [row for each in getattr(node, "decorator_list", ()) for row in _marks(each)]
    name = getattr(node, "name", "")
    if named := _NAMED.match(name):
        found += [each.replace("_", ".") for each in _NUMBER.findall(named[1])]
    if cited := _SENTENCE.match(name):
        found.append("S1 L" + ".".join(filter(None, cited.groups())))
    return found


def _tests(body: list[ast.stmt], inherited: list[str], prefix: str = "") -> Iterator[tuple[str, list[str]]]:
    for node in body:
        rows = inherited + _decorated(node)
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield from _tests(node.body, rows, f"{node.name}::")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield prefix + node.name, list(dict.fromkeys(rows))


@cache
def proofs(folders: tuple[str, ...]) -> tuple[Proof, ...]:
    """Return what the tests under ``folders`` say that they prove, in the order of files and lines."""
    found = []
    for file in sorted(path for folder in folders for path in (ROOT / folder).rglob("test_*.py")):
        source = file.read_text(encoding="utf-8")
        tree, skips = ast.parse(source), bool(_SKIPS.search(source))
        module = [row for node in tree.body if _is_pytestmark(node) for row in _marks(node)]
        name = file.relative_to(ROOT).as_posix()
        found += [Proof(row, name, test, skips) for test, rows in _tests(tree.body, module) for row in rows]
    return tuple(found)


def _is_pytestmark(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and any(ast.unparse(each) == "pytestmark" for each in node.targets)


def page(table: Table) -> str:
    """Return the page of ``table`` in Markdown."""
    heads = (*table.heads, "Requirement", "Tests", *(["Result"] if table.must_run else []))
    lines = [f"# {table.title}", "", table.intro, "", f"| {' | '.join(heads)} |".replace("|  |", "| |")]
    lines.append("|---" * len(heads) + "|")
    proved = table.proved
    for row, text in table.rows.items():
        tests = "<br>".join(map(_link, proved.get(row, ()))) or "**none**"
        result = (
            f"**open**: {table.open[row]}" if row in table.open else "passes" if row in proved else "**none**"
        )
        cells = (*table.cells(row), text, tests, *([result] if table.must_run else []))
        lines.append(f"| {' | '.join(cells)} |")
    whole = [each for each in table.proofs if each.row in table.groups]
    if whole:
        lines += ["", "Tests that bear on a whole line, and are counted for none of its sentences:", ""]
        lines += [f"- {each.row.removeprefix(table.prefix)}: {_link(each)}" for each in whole]
    return "\n".join(lines) + "\n"


def _link(proof: Proof) -> str:
    return f"[`{proof.test}`](../{proof.file})"


def main() -> None:
    """Write every page."""
    from tests.requirements import TABLES

    for table in TABLES:
        (ROOT / table.page).write_text(page(table), encoding="utf-8")
        sys.stdout.write(f"{table.page}: {len(table.rows)} rows\n")


if __name__ == "__main__":
    main()
