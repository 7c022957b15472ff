"""The example that docs/playbooks.md teaches by works as it says."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from acs.lab import Lab, load_scenarios, try_scenario

PAGE = Path(__file__).parents[2] / "docs" / "playbooks.md"


@pytest.mark.parametrize(
    ("hour", "answers", "outcome"),
    [
        (12, ["DENY"], "LEFT_ALONE"),
        (12, ["APPROVE"], "REBOOTED"),
        (12, [], "LEFT_ALONE"),
        (23, [], "REBOOTED"),
    ],
)
def test_the_example_of_the_page(tmp_path, hour, answers, outcome):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "reboot_kindly.py").write_text(blocks[0])
    lab = Lab(tmp_path / "reboot_kindly.py", start=datetime(2027, 1, 15, hour, tzinfo=UTC).timestamp())
    tried = lab.play("reboot_kindly", answers=answers)
    assert tried.outcome == outcome
    assert ("Reboot" in tried.steps) == (outcome == "REBOOTED")


def test_the_scenario_of_the_page(tmp_path):
    [source] = re.findall(r"```python\n(# playbooks.*?)```", PAGE.read_text(), re.DOTALL)
    [text] = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "reboot_kindly.py").write_text(source)
    (tmp_path / "scenario.yaml").write_text(text)
    [scenario] = load_scenarios(tmp_path / "scenario.yaml")
    tried, missed = try_scenario(tmp_path / "reboot_kindly.py", scenario)
    assert (tried.outcome, missed) == ("LEFT_ALONE", [])
