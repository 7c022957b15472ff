"""What stands in examples/ works."""

from __future__ import annotations

from pathlib import Path

import pytest

from acs.datamodel import Profiles, load_profiles
from acs.datamodel.examples import check_examples
from acs.datamodel.profiles import read_profile
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


@pytest.mark.parametrize("path", sorted(ROOT.glob("profiles/*.yaml")), ids=lambda path: path.name)
def test_an_example_profile_is_right(path):
    shipped = [each.file for each in load_profiles().all]
    profiles = Profiles([*shipped, read_profile(path)])
    assert check_examples(profiles.get(path.stem), profiles) == []
