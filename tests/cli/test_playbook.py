"""``acs playbook`` and the approval of cases, as operators type them."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.world import SERIAL

EXAMPLES = Path(__file__).parents[2] / "examples" / "playbooks"
KEY = f"0005B9-{SERIAL}"


@pytest.fixture
def folder(tmp_path) -> Path:
    copy = tmp_path / "playbooks"
    shutil.copytree(EXAMPLES, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


@pytest.fixture
def data(acs, filled, tmp_path) -> Path:
    """A data directory whose one device is free again."""
    copy = tmp_path / "acs-data"
    shutil.copytree(filled, copy)
    assert acs("cases", "instruct", 3, "RELEASE", "--because", "inspected", "--data", copy).code == 0
    with contextlib.closing(sqlite3.connect(copy / "acs.db")) as database:  # its readmission is over
        database.execute("UPDATE devices SET readmission = ''")
        database.execute("UPDATE cases SET state = 'closed', wake_at = NULL WHERE state <> 'closed'")
        database.execute("UPDATE commands SET state = 'cancelled' WHERE state IN ('queued', 'sent')")
        database.commit()
    return copy


def test_the_list_tells_what_there_is_and_what_is_wrong(acs, folder):
    listed = acs("playbook", "list", "--playbooks", folder, "--json").json
    assert [each["name"] for each in listed["playbooks"]][:3] == ["ask_for_vip", "canary", "fetch_logs"]
    (folder / "bad.py").write_text("import time\n")
    told = acs("playbook", "list", "--playbooks", folder)
    assert told.code == 1
    assert "✗ bad.py:1: time is not for playbooks" in told.text
    assert "reboot_at_night" in told.text
    assert "has problems" in acs("playbook", "show", "bad", "--playbooks", folder).text
    assert "no folder of playbooks is set" in acs("playbook", "list").text


def test_a_playbook_is_shown_and_drawn(acs, folder):
    shown = acs("playbook", "show", "reboot_at_night", "--playbooks", folder)
    assert "async def until_night" in shown.out
    drawn = acs("playbook", "graph", "ask_for_vip", "--playbooks", folder).out
    assert drawn.startswith("flowchart TD\n")
    for words in ("'vip' in device['groups']", "approve question", '|"yes"|', '|"no"|', "reboot", "verify"):
        assert words in drawn


def test_what_branches_is_drawn(acs, tmp_path):
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "branching.py").write_text(
        """
async def branching(case):
    try:
        match case.utc.weekday():
            case 5 | 6:
                await case.sleep(60, because="weekend")
            case day if day > 6:
                return "never"
        while True:
            if await case.approve("go on?", because="x"):
                break
    finally:
        await case.note("ended")
"""
    )
    drawn = acs("playbook", "graph", "branching", "--playbooks", tmp_path / "p").out.splitlines()
    for line in (
        '    n2{"case.utc.weekday()"}',
        '    n2 -->|"5 | 6"| n3',
        '    n2 -->|"day if day > 6"| n4',
        '    n2 -->|"no"| n5',
        '    n5{{"while True"}}',
        '    n7 -->|"yes"| n8',
        "    n8[\"note 'ended'\"]",
    ):
        assert line in drawn, drawn


def test_a_dry_run_shows_the_steps_and_keeps_nothing(acs, folder, data):
    before = acs("cases", "list", "--data", data, "--json").json
    options = ("--playbooks", folder, "--data", data)
    told = acs("playbook", "dry-run", "reboot_at_night", KEY, *options, "--json").json
    names = [each["name"] for each in told["steps"] if each["name"] != "sleep"]
    assert names == ["GetParameterValues", "Reboot", "GetParameterValues"]
    assert told["outcome"] == "REBOOTED"
    failing = acs("playbook", "dry-run", "reboot_at_night", KEY, *options, "--fail", "Reboot")
    assert "FAILED: reboot_at_night.py:23: Reboot: fault 9002 assumed" in failing.text
    assert acs("cases", "list", "--data", data, "--json").json == before
    assert acs("commands", "list", "--data", data, "--json", "--state", "queued").json == []


@pytest.mark.parametrize(
    ("body", "why"),
    [("return 1 / 0", "ZeroDivisionError"), ("while True:\n        x = 1", "it computes for too long")],
)
def test_a_dry_run_says_where_a_playbook_fails(acs, folder, data, body, why):
    (folder / "broken.py").write_text(f"async def broken(case):\n    {body}\n")
    told = acs("playbook", "dry-run", "broken", KEY, "--playbooks", folder, "--data", data)
    assert told.code == 2
    assert "the playbook broken failed at broken.py:2: " in told.err or "at broken.py:3: " in told.err
    assert why in told.err


def test_a_run_asks_and_is_approved(acs, folder, data, tmp_path):
    (folder / "ask.py").write_text(
        "async def ask(case):\n"
        "    said = await case.approve('may it?', because='who knows')\n"
        "    return f'{bool(said)}: {said.why}'\n"
    )
    options = ("--playbooks", folder, "--data", data)
    assert "missing" not in acs("playbook", "run", "ask", KEY, *options, "--why", "a test").text
    (case,) = [
        each for each in acs("cases", "list", "--data", data, "--json").json if each["kind"] == "playbook"
    ]
    assert (case["state"], case["playbook"]) == ("waiting", "ask")
    assert "may it?" in acs("cases", "show", case["id"], "--data", data).text
    again = acs("playbook", "run", "ask", KEY, *options, "--why", "once more")
    assert "waits until the open case" in again.text
    assert acs("cases", "approve", case["id"], "--because", "go on", "--data", data).code == 0
    found = {each["id"]: each for each in acs("cases", "list", "--data", data, "--json").json}
    assert (found[case["id"]]["outcome"], found[case["id"]]["because"]) == ("DONE", "True: go on")
    assert found[max(found)]["state"] == "waiting"  # the second began when the first had ended
    assert acs("cases", "deny", max(found), "--because", "enough", "--data", data).code == 0
    assert acs("playbook", "run", "ask", KEY, *options, "--why", " ").code == 2


def test_a_file_is_tried(acs, folder):
    scenario = folder / "scenarios" / "ask_for_vip.yaml"
    told = acs("playbook", "test", folder / "ask_for_vip.py", "--scenario", scenario)
    assert told.code == 0, told.text
    assert "closed, LEFT_ALONE" in told.text
    assert acs("playbook", "test", folder / "reboot_at_night.py").code == 0
    scenario.write_text("{playbook: ask_for_vip, expect: {outcome: LEFT_ALONE}}")
    told = acs("playbook", "test", folder / "ask_for_vip.py", "--scenario", scenario)
    assert told.code == 1
    assert "✗ the outcome is REMEDIATED, not LEFT_ALONE" in told.text


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("while True: pass", "bad.py:2: this loop never ends; use case.sleep to wait"),
        (
            "await case.group(['nobody'], 'bad', because='x')",
            "failed at bad.py:2: there is no device 'nobody'",
        ),
        ("raise ValueError('no')", "failed at bad.py:2: ValueError: no"),
    ],
)
def test_a_dry_run_tells_what_fails_and_where(acs, folder, data, line, problem):
    (folder / "bad.py").write_text(f"async def bad(case):\n    {line}\n")
    told = acs("playbook", "dry-run", "bad", KEY, "--playbooks", folder, "--data", data)
    assert told.code == 2
    assert problem in told.text
    assert "Traceback" not in told.text


def test_a_failure_that_is_assumed_of_what_never_comes_is_told(acs, folder, data):
    options = ("--playbooks", folder, "--data", data, "--fail", "Rebot")
    told = acs("playbook", "dry-run", "reboot_at_night", KEY, *options)
    assert "--fail Rebot: no step of this name came; there were GetParameterValues, Reboot" in told.text
