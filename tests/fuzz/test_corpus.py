"""Every input that fuzzing kept, run again: what was mended stays mended."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_the_corpus_finds_nothing(name):
    inputs = sorted((CORPUS / name).iterdir())
    assert inputs
    with TARGETS[name]() as run:
        for path in inputs:
            run(path.read_bytes())
