"""The examples of operators' playbooks do what their scenarios expect of them; the harness tells when not."""

from __future__ import annotations

from pathlib import Path

import pytest

from acs.errors import AcsError
from acs.lab import Lab, load_scenarios, try_scenario

ROOT = Path(__file__).parents[2] / "examples" / "playbooks"
SCENARIOS = [
    pytest.param(path, each, id=f"{path.stem}: {each.name}")
    for path in sorted(ROOT.glob("scenarios/*.yaml"))
    for each in load_scenarios(path)
]


def test_every_example_has_scenarios():
    assert {each.stem for each in ROOT.glob("*.py")} == {each.stem for each in ROOT.glob("scenarios/*.yaml")}


@pytest.mark.parametrize(("path", "scenario"), SCENARIOS)
def test_an_example_does_what_its_scenario_expects(path, scenario):
    assert scenario.expect is not None
    _, missed = try_scenario(ROOT / f"{path.stem}.py", scenario)
    assert missed == []


def test_a_canary_that_fails_is_the_only_one_touched():
    lab = Lab(ROOT / "canary.py")
    for number in range(3):
        lab.join("stadium", lab.world.add(f"cell{number}").key)
    lab.world.run(60)
    canary, *others = lab.world.neighbours
    canary.reachable = False
    tried = lab.play("canary")
    assert tried.outcome == "STOPPED"
    assert "ended with FAILED; no other was touched" in tried.because
    assert all(
        each.henb.tree.get("Device.ManagementServer.PeriodicInformInterval") != "600" for each in others
    )


def test_what_is_not_as_expected_is_told(tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text("playbook: fetch_logs\nexpect: {outcome: RESET, steps: [FactoryReset]}\n")
    (scenario,) = load_scenarios(path)
    tried, missed = try_scenario(ROOT / "fetch_logs_then_reset.py", scenario)
    assert tried.timeline[0].startswith(
        "+0:00:00 Upload 2 Vendor Log File (because the next rung may destroy it)"
    )
    assert missed[0].startswith("the outcome is DONE, not RESET")
    assert missed[1] == "the step FactoryReset did not come where it was expected"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{}", "say either `playbook` or `tamper`"),
        ("{playbook: a, tamper: b}", "say either"),
        ("{tamper: magic}", "tamper 'magic' is unknown"),
        ("{tamper: configuration-modified, until: noon}", "until: 'noon' is unknown"),
        ("{playbook: a, answers: [PERHAPS]}", "answers"),
        ("[", "while parsing"),
    ],
)
def test_a_wrong_scenario_is_told(tmp_path, text, problem):
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(AcsError, match=problem):
        load_scenarios(path)


def test_a_file_with_a_problem_is_not_tried(tmp_path):
    (tmp_path / "bad.py").write_text("import time\n")
    (tmp_path / "good.py").write_text("async def good(case): ...\n")
    with pytest.raises(AcsError, match=r"bad.py:1: time is not for playbooks"):
        Lab(tmp_path / "bad.py")
    assert Lab(tmp_path / "good.py").names == ["good"]
    with pytest.raises(AcsError, match="there is no file"):
        Lab(tmp_path / "none.py")
