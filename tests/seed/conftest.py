"""A provisioned HeNB for every acceptance test that needs nothing more."""

from __future__ import annotations

import pytest

from tests.seed.scene import Scene, provisioned


@pytest.fixture
def scene() -> Scene:
    """Return a HeMS and its provisioned HeNB, without distress channels."""
    return provisioned()
