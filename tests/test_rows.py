"""Every requirement has a test, every test that names one names one that exists, and the docs say so."""

from __future__ import annotations

import re

import pytest

from tests.requirements import TABLES
from tests.rows import ROOT, page, proofs
from tests.sentences import HEADINGS, S1

pages = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.page)
SPECIFICATION = ROOT.parent / "shared/seeds/S1-distress-and-remediation.txt"


@pages
def test_every_row_has_a_test(table):
    proved = table.proved
    assert [row for row in table.rows if row not in proved and row not in table.open] == []


@pages
def test_what_is_open_is_a_row_without_a_test(table):
    assert [row for row in table.open if row not in table.rows or row in table.proved] == []


@pages
def test_every_row_that_a_test_names_exists(table):
    known = {row for each in TABLES for row in (*each.rows, *each.groups)}
    assert [proof for proof in proofs(table.folders) if proof.row not in known] == []


def test_every_acceptance_test_names_a_sentence():
    named = {(proof.file, proof.test) for proof in S1.proofs}
    files = (ROOT / "tests/seed").glob("test_*.py")
    found = [(file.relative_to(ROOT).as_posix(), name) for file in files for name in _names(file.read_text())]
    assert [each for each in found if each not in named] == []


def test_every_sentence_has_an_acceptance_test():
    accepted = {proof.row for proof in S1.proofs if proof.file.startswith("tests/seed/") and not proof.skips}
    assert [row for row in S1.rows if row not in accepted and row not in S1.open] == []


def _names(source):
    return re.findall(r"^(?:async )?def (test_\w+)", source, re.MULTILINE)


def test_every_sentence_of_the_specification_is_a_row():
    if not SPECIFICATION.is_file():
        pytest.skip(f"the specification is not at {SPECIFICATION}")
    lines = dict(enumerate(SPECIFICATION.read_text(encoding="utf-8").splitlines(), 1))
    rows = []
    for number in range(6, 98):
        text = re.sub(r"\b(e\.g|i\.e|etc)\.", r"\1", lines[number].strip())
        count = len(re.split(r"(?<=[.)])\s+(?=[A-Z(])", text)) if text and number not in HEADINGS else 0
        ends = [""] if count == 1 else [f".{each + 1}" for each in range(count)]
        rows += [f"S1 L{number}{end}" for end in ends]
    assert rows == list(S1.rows)


@pages
def test_the_page_is_what_the_tests_say(table):
    written = (ROOT / table.page).read_text(encoding="utf-8")
    assert written == page(table), "stale; write it anew with: python -m tests.rows"
