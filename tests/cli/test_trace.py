"""``acs trace``."""

from __future__ import annotations

import contextlib
import json
import sqlite3

import pytest

from acs import traces as tr

KEY = "0005B9-0005B9423901"


@pytest.fixture
def traced(data):
    """One trace, number 7, of a device that plays with terminals."""
    content, count = tr.pack(
        [
            tr.Message(
                at=10.0, direction="in", method="Inform", body="<a><b>\x9b31mred</b></a>", address="::1"
            ),
            tr.Message(at=10.5, direction="out", status=200, method="InformResponse", body="<c/>"),
        ]
    )
    with contextlib.closing(sqlite3.connect(data / "acs.db")) as db:
        (device,) = db.execute("SELECT id FROM devices WHERE device_key = ?", (KEY,)).fetchone()
        values = (7, device, "s", "fault 9005", 10.0, 10.5, count, len(content), content)
        db.execute("INSERT INTO traces VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        db.commit()
    return data


def test_a_trace_is_started_and_stopped(acs, data):
    assert f"{KEY} is traced until" in acs("trace", "start", KEY, "--for", "30m", "--data", data).text
    assert "is no longer traced" in acs("trace", "stop", KEY, "--data", data).text
    assert "is not traced" in acs("trace", "stop", KEY, "--data", data).text


@pytest.mark.parametrize(
    ("duration", "told"), [("soon", "no duration"), ("8d", "7 days"), ("0s", "1 second")]
)
def test_a_duration_that_is_none_is_told(acs, data, duration, told):
    done = acs("trace", "start", KEY, "--for", duration, "--data", data)
    assert (done.code, told in done.text) == (2, True)


def test_traces_are_listed_and_shown(acs, traced):
    (listed,) = acs("trace", "list", KEY, "--data", traced, "--json").json
    assert (listed["id"], listed["device"], listed["reason"], listed["messages"]) == (7, KEY, "fault 9005", 2)
    assert "fault 9005" in acs("trace", "list", "--data", traced).out
    shown = acs("trace", "show", 7, "--data", traced).out
    assert "1970-01-01T00:00:10.000Z <-- Inform from ::1" in shown
    assert "\x9b" not in shown
    assert r"\x9b31mred" in shown
    missing = acs("trace", "show", 8, "--data", traced)
    assert (missing.code, "no trace 8" in missing.text) == (2, True)


def test_a_trace_is_exported(acs, traced, tmp_path):
    lines = acs("trace", "export", 7, "--data", traced).out.splitlines()
    assert [json.loads(line)["direction"] for line in lines] == ["in", "out"]
    har = acs("trace", "export", 7, "--format", "har", "--data", traced).json
    assert har["log"]["entries"][0]["time"] == 500.0
    page = acs("trace", "export", 7, 7, "--format", "html", "--data", traced).out
    assert "<title>Conversation with 0005B9-0005B9423901</title>" in page
    assert "fault 9005" in page
    assert page.count("<pre>") == 2
    assert "&lt;b&gt;" in page
    assert r"\u{9b}31mred" in page
    assert "<script" not in page
    out = tmp_path / "trace.txt"
    assert acs("trace", "export", 7, "--format", "text", "--out", out, "--data", traced).code == 0
    assert "InformResponse" in out.read_text()
    assert out.stat().st_mode & 0o777 == 0o600
    again = acs("trace", "export", 7, "--out", out, "--data", traced)
    assert (again.code, "exists" in again.text) == (2, True)
