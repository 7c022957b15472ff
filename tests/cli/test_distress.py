"""``acs distress`` and ``acs devices reach``."""

from __future__ import annotations

NEVER = "0005B9-never"


def test_paths_are_added_listed_and_removed(acs, data):
    assert acs("distress", "paths", "add", NEVER, "Internet", "192.0.2.1:7550", "--data", data).code == 0
    shown = acs("distress", "paths", "list", NEVER, "--data", data, "--json").json
    assert shown == [{"kind": "Internet", "address": "192.0.2.1:7550", "method": "UDP", "position": 1}]
    assert "192.0.2.1:7550" in acs("distress", "paths", "list", NEVER, "--data", data).out
    assert acs("distress", "paths", "remove", NEVER, 1, "--data", data).code == 0
    assert acs("distress", "paths", "list", NEVER, "--data", data, "--json").json == []
    assert "is unknown" in acs("distress", "paths", "add", NEVER, "Foo", "x:1", "--data", data).text


def test_a_device_is_reached_for(acs, data):
    told = acs("devices", "reach", NEVER, "--because", "silent for a day", "--data", data)
    assert (told.code, "is opened" in told.out) == (0, True), told.err
    again = acs("devices", "reach", NEVER, "--because", "silent", "--data", data)
    assert "has the open case" in again.text


def test_the_key_of_a_device_is_printed_and_that_is_audited(acs, data):
    key = acs("distress", "key", NEVER, "--data", data)
    assert key.code == 0, key.err
    assert len(key.out.strip()) == 32
    assert "distress key shown" in acs("audit", "list", "--data", data).out
