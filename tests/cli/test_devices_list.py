"""``acs devices list``: what an operator of many devices asks."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from acs import devices as dev
from acs.cli.devices_list import Admission, By, Having

KEY = "0005B9-0005B9423901"
OTHER = "0005B9-never"


@pytest.fixture
def ask(acs, data):
    def ask(*words: object) -> list[str]:
        return [each["device_key"] for each in acs("devices", "list", *words, "--data", data, "--json").json]

    return ask


def test_the_words_are_those_of_the_registry() -> None:
    assert [each.value for each in Admission] == list(dev.ADMISSIONS)
    assert [each.value for each in Having] == list(dev.CONDITIONS)
    assert [each.name for each in By] == list(dev.COUNTED_BY)


def test_each_option_narrows_the_list(ask, acs, data):
    assert ask() == [KEY, OTHER]
    assert ask("NEVER") == [OTHER]
    assert ask("--class", "henb-*") == ask("--class", "HeNB-LTE") == [KEY]
    assert ask("--software", "1.*") == ask("--not-software", "")[:1] == [KEY]
    assert ask("--not-software", "1.*") == [OTHER]
    assert ask("--blocked") == ask("--admission", "blocked") == [KEY]
    assert ask("--admission", "blocked", "--admission", "allowed") == [KEY, OTHER]
    assert ask("--with", "contact") == [KEY]
    assert ask("--without", "contact", "--without", "case") == [OTHER]
    assert acs("devices", "tag", OTHER, "--group", "pilot", "--site", "london/1", "--data", data).code == 0
    assert ask("--group", "pilot") == ask("--site", "london/*") == ask("--oui", "0005b9", "Lond") == [OTHER]


def test_silence_is_counted_from_now(ask, data, monkeypatch):
    with closing(sqlite3.connect(data / "acs.db")) as db:
        [(last,)] = db.execute("SELECT last_inform_at FROM devices WHERE device_key = ?", [KEY])
    monkeypatch.setattr("time.time", lambda: last + 7200)
    assert ask("--silent-for", "90m") == ask("--seen-within", "3h") == [KEY]
    assert ask("--silent-for", "3h") == ask("--seen-within", "90m") == []


def test_a_page_tells_how_many_there_are_and_how_to_go_on(ask, acs, data):
    page = acs("devices", "list", "--data", data, "--json", "--limit", 1)
    assert [each["device_key"] for each in page.json] == [KEY]
    assert f"1 of 2 devices are shown; on with: --after {KEY}, or --limit" in page.err
    last = acs("devices", "list", "--data", data, "--json", "--limit", 1, "--after", KEY)
    assert [each["device_key"] for each in last.json] == [OTHER]
    assert last.err == ""


def test_devices_are_counted(acs, data):
    counted = acs("devices", "list", "--count-by", "software", "--data", data, "--json").json
    assert {"software_version": "1.0.0", "devices": 1} in counted
    shown = acs("devices", "list", "--count-by", "admission", "--blocked", "--data", data).out
    assert "blocked" in shown
    assert "allowed" not in shown


def test_a_word_that_is_none_is_told_with_those_that_are(acs, data):
    done = acs("devices", "list", "--with", "alarms", "--data", data)
    assert done.code == 2
    assert "untreated-alarm" in done.text
