"""Trials of playbooks: what is wrong with a scenario or a file is told, and nothing else gets in the way."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from acs.errors import AcsError
from acs.lab import Lab, gist, load_scenarios, try_scenario


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "good.py").write_text(
        "async def good(case):\n    said = await case.approve('?', because='x', timeout=600)\n"
        "    return f'{case.utc:%H:%M}, {bool(said)}'\n"
    )
    return tmp_path


def scenarios(folder, text: str):
    path = folder / "trial.yaml"
    path.write_text(text)
    return load_scenarios(path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "[{playbook: good}, {name: night, playbok: good}]",
            "scenario 2, night: .*unknown field `playbok`; a scenario has name, playbook",
        ),
        ("[]", "there is no scenario in it"),
        ("{playbook: good, faults: [{method: Rebot}]}", "'Rebot' is no method of a CPE; known are AddObject"),
        ("{playbook: good, faults: [{method: Reboot, code: 5}]}", "a fault has a code of 9000 to 9899"),
        ("{playbook: good, others: {roof: 0}}", "others"),
        ("{playbook: good, seconds: 0}", "seconds"),
        (
            "{playbook: good, policy: {ladders: {reconfiguration: [kick]}}}",
            "policy: ladders.reconfiguration: the rung 'kick' is",
        ),
        ("{tamper: magic}", "tamper 'magic' is unknown; known are "),
    ],
)
def test_what_is_wrong_with_a_scenario_is_told_with_its_place(folder, text, problem):
    with pytest.raises(AcsError, match=rf"trial\.yaml: .*{problem}"):
        scenarios(folder, text)


def test_a_diagnostic_test_that_hangs_is_a_fault(folder):
    [found] = scenarios(folder, "{playbook: good, faults: [{method: SelfTestDiagnostics, hang: true}]}")
    assert found.faults[0].hang


def test_a_start_without_a_zone_is_in_utc(folder, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    [found] = scenarios(folder, "{playbook: good, start: 2027-01-15T12:00:00, answers: [DENY]}")
    tried, _ = try_scenario(folder / "good.py", found)
    assert tried.because == "12:02, False"


def test_an_answer_that_nobody_asked_for_is_missed(folder):
    text = "{playbook: good, answers: [APPROVE, DENY], expect: {outcome: DONE}}"
    _, missed = try_scenario(folder / "good.py", *scenarios(folder, text))
    assert missed == ["it asked 1 times, and there are 2 answers"]


def test_a_file_is_tried_whatever_else_the_folder_holds(folder, monkeypatch):
    (folder / "nogood.py").write_text("import time\n")
    monkeypatch.chdir(folder)
    assert Lab("good.py").names == ["good"]
    assert Lab(folder / "good.py").names == ["good"]
    with pytest.raises(AcsError, match="time is not for playbooks"):
        Lab(".")


def test_what_keeps_a_file_from_being_tried_is_told_wherever_it_stands(folder):
    (folder / "one.py").write_text("from .two import x\nasync def one(case): ...\n")
    (folder / "two.py").write_text("from .one import y\n")
    with pytest.raises(AcsError, match="go round in circles"):
        Lab(folder / "one.py")


def test_an_alarm_without_a_case_is_told(folder):
    lab = Lab(folder / "good.py")
    assert lab.tamper("configuration-modified", until="factory_reset", seconds=1).case.state == "active"
    with pytest.raises(AcsError, match="the alarm of clock-modified opened no case"):
        lab.tamper("clock-modified")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, ""),
        (True, "it came"),
        (False, "it did not come in time"),
        ({"state": "failed", "fault_code": 9001}, "failed, fault 9001"),
        ({"action": "APPROVE", "who": "noc"}, "APPROVE by noc"),
        (["a"] * 40, "[" + '"a",' * 14 + '"a"…'),
    ],
)
def test_a_result_in_a_few_words(value, words):
    assert gist(value) == words


def test_an_answer_did_not_come(folder):
    assert (gist(True, asked=True), gist(False, asked=True)) == ("yes", "no")
    tried = Lab(folder / "good.py", policy="extends: default\nname: test\n").tamper("software-modified")
    [line] = [each for each in tried.timeline if " admission " in each]
    assert line.endswith("(because nothing is asked of a blocked device) → yes")


def test_a_loop_that_takes_no_time_is_told(folder):
    source = "async def spin(case):\n    while True:\n        await case.sleep(0, because='x')\n"
    (folder / "spin.py").write_text(source)
    with pytest.raises(AcsError, match="does a playbook sleep for 0 s in a loop"):
        Lab(folder / "spin.py").play("spin")


def test_an_answer_may_come_too_late(folder):
    source = (folder / "good.py").read_text().replace("600", "30")
    (folder / "hasty.py").write_text(source.replace("good", "hasty"))
    assert Lab(folder / "hasty.py").play("hasty", answers=["APPROVE"]).because == "08:00, False"


def test_virtual_time_is_where_a_trial_says(folder):
    lab = Lab(folder / "good.py", start=datetime(2027, 1, 15, 8, tzinfo=UTC).timestamp())
    assert lab.play("good", answers=["APPROVE"]).because == "08:01, True"
