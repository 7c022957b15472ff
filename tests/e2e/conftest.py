"""A node and a fleet as most tests here want them."""

from __future__ import annotations

import pytest

from acs.simulator import Vendor
from tests.nodes import running_fleet, running_node


@pytest.fixture
async def node(tmp_path):
    async with running_node(tmp_path / "acs", Vendor(tmp_path / "vendor")) as node:
        yield node


@pytest.fixture
async def fleet(node, tmp_path):
    async with running_fleet(node, Vendor(tmp_path / "vendor")) as fleet:
        yield fleet
