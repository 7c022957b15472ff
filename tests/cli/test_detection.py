"""``acs detection``: the checks, what they came to at a device, who sees it, what a person accepts."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import select

from acs import detection as dt
from acs import devices as dev
from acs.cli.node import read, settings_of, write
from acs.detection.memory import memory_of
from acs.detection.outcome import Circumstances, conclude, remember
from acs.store.tables import sightings

KEY = "0005B9-0005B9423901"
OTHER = "0005B9-never"


@pytest.fixture
def found(data):
    """Return a data directory in which C-11 finds something at the device that never came."""

    def act(conn) -> None:
        device = dev.find(conn, OTHER)
        how = Circumstances(dt.Thresholds(), "p1", "HeMS:x", time.time())
        verdict = dt.Verdict("C-11", "found", "GPS is 9000 m from the registered place", {"metres": 9000})
        start = memory_of(device.detection)
        memory, _ = conclude(conn, device, start, [verdict], how)
        remember(conn, device, memory, start)

    write(settings_of(data, None), act)
    return data


def test_the_checks_are_listed_with_what_the_policy_makes_of_them(acs, tmp_path):
    listed = {each["check"]: each for each in acs("detection", "list", "--json").json}
    assert set(listed) == set(dt.CHECKS)
    assert listed["C-07"]["procedure"] == "P2S"
    assert listed["C-18"]["SpecificProblem"] == "SILENT_BUT_CONNECTED"
    assert {each["made"] for each in listed.values()} == {"yes"}
    policy = tmp_path / "policy.yaml"
    policy.write_text("extends: default\nname: mine\ndetection: {skip: [C-12]}\n", encoding="utf-8")
    mine = {each["check"]: each for each in acs("detection", "list", "--policy", policy, "--json").json}
    assert (mine["C-12"]["made"], mine["C-11"]["made"]) == ("no", "yes")
    assert "the clock is right and runs at its speed" in acs("detection", "list").text


def test_what_each_check_came_to_is_explained_with_facts_and_thresholds(acs, found):
    told = acs("detection", "explain", OTHER, "--data", found, "--json").json
    [known] = told["checks"]
    assert (known["check"], known["state"], known["facts"]) == ("C-11", "found", {"metres": 9000})
    assert told["thresholds"]["max_distance"] == 500
    shown = acs("detection", "explain", OTHER, "--data", found).text
    assert "GPS is 9000 m from the registered place" in shown
    assert "metres=9000" in shown
    assert "max_distance=500" in shown


def test_a_device_that_was_there_has_results(acs, data):
    told = acs("detection", "explain", KEY, "--data", data, "--json").json
    assert {"C-07", "C-12"} <= {each["check"] for each in told["checks"]}


def test_that_the_network_sees_a_device_is_noted(acs, data):
    assert acs("detection", "seen", OTHER, "--by", "mme-1", "--data", data).code == 0
    rows = read(
        settings_of(data, None), lambda conn: conn.execute(select(sightings.c.source)).scalars().all()
    )
    assert list(rows) == ["mme-1"]


def test_a_finding_is_accepted_with_a_reason_that_is_kept(acs, found):
    where = ("--data", found)
    assert acs("detection", "accept", OTHER, "C-11", *where).code == 2  # without a reason
    done = acs("detection", "accept", OTHER, "C-11", "--why", "moved with our consent", *where)
    assert done.code == 0, done.err
    assert acs("alarms", "list", "--device", OTHER, "--json", *where).json == []
    [known] = acs("detection", "explain", OTHER, "--json", *where).json["checks"]
    assert known["state"] == "ok"
    assert known["text"].endswith(": moved with our consent")
    assert acs("audit", "verify", *where).code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("explain", "0005B9-X"), "there is no device '0005B9-X'; see: acs devices list"),
        (("seen", "0005B9-X", "--by", "mme-1"), "there is no device '0005B9-X'"),
        (("accept", OTHER, "C-99", "--why", "y"), "there is no check 'C-99'; see: acs detection list"),
        (("accept", OTHER, "C-12", "--why", "y"), f"C-12 finds nothing at {OTHER}"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(acs, data, arguments, message):
    done = acs("detection", *arguments, "--data", data)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
