"""``acs alarms silence`` and what ``acs alarms list`` shows of it."""

from __future__ import annotations

import contextlib
import sqlite3
import time

import pytest

from acs import alarms as al
from acs import devices as dev
from acs.cli.node import read, settings_of, write

KEY = "0005B9-never"


@pytest.fixture
def alarmed(data):
    """Return a data directory in which the device that never came has a minor and a critical alarm."""

    def act(conn) -> None:
        device = dev.find(conn, KEY)
        facts = {"event_type": "INTEGRITY_VIOLATION", "probable_cause": "UNEXPECTED_INFORMATION"}
        facts |= {"specific_problem": "X", "additional_text": "", "detector": "HeMS:x", "now": time.time()}
        for identifier, severity in (("minor", "MINOR"), ("critical", "CRITICAL")):
            al.raise_alarm(conn, device, identifier=identifier, perceived_severity=severity, **facts)

    write(settings_of(data, None), act)
    return data


def about(acs, data, *options) -> list[str]:
    found = acs("alarms", "silence", "check", "-m", f"device={KEY}", *options, "--json", "--data", data).json
    return [each["alarm_identifier"] for each in found]


def review(data) -> None:
    def act(conn) -> None:
        al.review(conn, dev.find(conn, KEY).id, now=time.time())

    write(settings_of(data, None), act)


def test_a_silence_is_made_shown_and_ended(acs, alarmed):
    where = ("--data", alarmed)
    assert about(acs, alarmed) == ["minor"]
    done = acs("alarms", "silence", "add", "-m", f"device={KEY}", "--because", "known", "--for", "2h", *where)
    assert done.code == 0, done.err
    assert done.text.startswith("silence 1 ends 20")
    assert done.text.endswith("; 1 alarms that are active now fit it")
    [found] = acs("alarms", "silence", "list", "--json", *where).json
    assert (found["state"], found["matchers"], found["why"]) == ("active", [f"device={KEY}"], "known")
    assert found["ends_at"] - found["starts_at"] == 7200
    assert "goes on" in acs("alarms", "silence", "list", *where).text
    review(alarmed)
    shown = {
        each["alarm_identifier"]: each["held_back"] for each in acs("alarms", "list", "--json", *where).json
    }
    assert shown["minor"]["by"] == "silence 1"
    assert shown["critical"] is None
    assert "silence 1: " in acs("alarms", "list", *where).text
    assert acs("alarms", "silence", "expire", 1, "--because", "over", *where).text == "silence 1 has ended"
    review(alarmed)
    assert "silence 1" not in acs("alarms", "list", *where).text
    assert acs("alarms", "silence", "list", "--json", *where).json == []
    assert len(acs("alarms", "silence", "list", "--all", "--json", *where).json) == 1
    assert acs("audit", "verify", *where).code == 0


def test_a_critical_security_alarm_takes_a_second_person(acs, alarmed):
    where = ("--data", alarmed)
    assert about(acs, alarmed, "--grave") == ["minor", "critical"]
    options = ("-m", f"device={KEY}", "--because", "drill", "--grave", "--hold-remediation")
    done = acs("alarms", "silence", "add", *options, *where)
    assert "acs alarms silence approve 1" in done.text
    same = acs("alarms", "silence", "approve", 1, "--because", "yes", *where)
    assert (same.code, "second person" in same.err) == (2, True)
    assert [each["state"] for each in acs("alarms", "silence", "list", "--json", *where).json] == ["asked"]
    settings = settings_of(alarmed, None)
    assert read(settings, lambda conn: al.silences_in_force(conn, now=time.time())) == []
    with contextlib.closing(sqlite3.connect(alarmed / "acs.db")) as conn:
        conn.execute("UPDATE silences SET who = 'somebody-else@cli'")
        conn.commit()
    assert acs("alarms", "silence", "approve", 1, "--because", "yes", *where).code == 0
    assert len(read(settings, lambda conn: al.silences_in_force(conn, now=time.time()))) == 1


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("-m", "site!=x"), "every alarm"),
        (("-m", "colour=red"), "no attribute"),
        (("-m", "site=x", "--for", "60d"), "at most 30 days"),
        (("-m", "site=x", "--for", "soon"), "no duration"),
        (("-m", "site=x", "--until", "soon"), "--until 'soon' is no time"),
        (("-m", "site=x", "--until", "2001-01-01T00:00Z"), "ends after it begins"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(acs, data, options, why):
    done = acs("alarms", "silence", "add", *options, "--because", "known", "--data", data)
    assert (done.code, why in done.err) == (2, True), done.err


def test_what_is_not_there_is_named(acs, data):
    for action in (("expire", 7), ("approve", 7, "--because", "x")):
        done = acs("alarms", "silence", *action, "--data", data)
        assert (done.code, "there is no silence 7" in done.err) == (2, True)
