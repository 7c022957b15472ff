"""A fixture that tells on the terminal how many points were gone through."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.model.everything import ALL


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Return what prints a line, where all points are gone through."""

    def tell(line: str) -> None:
        with capsys.disabled():
            print(f"\n{line}" if ALL else "", end="", flush=True)

    return tell
