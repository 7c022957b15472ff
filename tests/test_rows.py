"""Every requirement has a test, every test that names one names one that exists, and the docs say so."""

from __future__ import annotations

import pytest

from tests.requirements import TABLES
from tests.rows import ROOT, page, proofs

pages = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.page)


@pages
def test_every_row_has_a_test(table):
    proved = {proof.row for proof in proofs(table.folders)}
    assert [row for row in table.rows if row not in proved] == []


@pages
def test_every_row_that_a_test_names_exists(table):
    known = {row for each in TABLES for row in each.rows}
    assert [proof for proof in proofs(table.folders) if proof.row not in known] == []


@pages
def test_the_page_is_what_the_tests_say(table):
    written = (ROOT / table.page).read_text(encoding="utf-8")
    assert written == page(table), "stale; write it anew with: python -m tests.rows"
