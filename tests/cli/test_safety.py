"""``acs safety``."""

from __future__ import annotations


def test_the_fleet_is_paused_shown_and_resumed(acs, data):
    assert acs("safety", "show", "--data", data, "--json").json["held"] == []
    told = acs("safety", "pause", "--why", "a storm", "--data", data)
    assert (told.code, "fleet is paused" in told.text) == (0, True), told.err
    shown = acs("safety", "show", "--data", data)
    assert "a storm" in shown.text
    assert "paused already" in acs("safety", "pause", "--why", "again", "--data", data).text
    assert "fleet goes on" in acs("safety", "resume", "--why", "it is over", "--data", data).text
    assert "is not paused" in acs("safety", "resume", "--why", "again", "--data", data).text
    assert "disruptive steps paused" in acs("audit", "list", "--data", data).out


def test_limits_and_windows_are_shown(acs, data, tmp_path):
    assert "fleet: 50 at once" in acs("safety", "limits", "--data", data).text
    found = acs("safety", "limits", "--data", data, "--json").json
    assert {each["name"]: each["limit"] for each in found["groups"]}["fleet"] == 50
    assert "there are none" in acs("safety", "windows", "--data", data).text
    policy = tmp_path / "policy.yaml"
    window = "{days: [sun], start: '01:00', end: '05:00', zone: Europe/Berlin, groups: ['site:Berlin']}"
    policy.write_text(f"extends: default\nsafety: {{windows: [{window}]}}\n", encoding="utf-8")
    config = tmp_path / "acs.toml"
    config.write_text(f'policy = "{policy}"\n', encoding="utf-8")
    text = acs("safety", "windows", "--data", data, "--config", config).text
    assert "01:00-05:00" in text
    assert "site:Berlin" in text
    (found,) = acs("safety", "windows", "--data", data, "--config", config, "--json").json
    assert found["zone"] == "Europe/Berlin"


def test_a_pause_tells_how_many_devices_it_is_about(acs, data):
    assert "fleet is paused, 2 devices;" in acs("safety", "pause", "--why", "a storm", "--data", data).text
    told = acs("safety", "pause", "site:Berln", "--why", "a storm", "--data", data)
    assert (told.code, "no device belongs to site:Berln now" in told.text) == (0, True)
    assert "no device" not in acs("safety", "pause", "kind:P2R", "--why", "a storm", "--data", data).text
