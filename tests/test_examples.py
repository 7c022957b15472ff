"""What stands in examples/ works."""

from __future__ import annotations

from pathlib import Path

import pytest

from acs.remediation import load_policy
from acs.settings import load_settings
from acs.simulator import load_scenario

ROOT = Path(__file__).parent.parent / "examples"


@pytest.mark.parametrize("path", sorted(ROOT.glob("policies/*.yaml")), ids=lambda path: path.name)
def test_an_example_policy_is_right(path):
    assert load_policy(path).rules


@pytest.mark.parametrize("path", sorted(ROOT.glob("scenarios/*.yaml")), ids=lambda path: path.name)
def test_an_example_scenario_is_right(path):
    assert load_scenario(path).devices


def test_the_example_settings_are_right():
    assert load_settings(ROOT / "settings.toml", {}, {}).realm == "femto.example"
