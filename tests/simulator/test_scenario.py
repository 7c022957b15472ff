"""Scenario files: what is wrong in one is told by file and place."""

from __future__ import annotations

import pytest

from acs.errors import AcsError
from acs.simulator import TAMPERS, load_scenario

DEVICE = "{serial: a, tamper: clock-modified"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expected `object`, got `null`"),
        ("just words", "Expected `object`, got `str`"),
        ("devices: [", "while parsing"),
        ("devices: [{serial: a}]", "missing required field `name`"),
        ("name: x", "missing required field `devices`"),
        ("name: x\ndevices: []", "there is no device in it"),
        ("name: x\ndevices: {a: b}", r"Expected `array`, got `object` - at `\$.devices`"),
        ("name: x\ndevices: [{serial: 5}]", r"at `\$.devices\[0\].serial`"),
        ("name: x\ndevices: [{serial: a}]\nimages: 1", "unknown field `images`"),
        ("name: 2026-13-45\ndevices: [{serial: a}]", "month must be in"),
        ("name: x\ndevices: [{serial: a, tampr: y}]", "unknown field `tampr`"),
        ("name: x\ndevices: [{serial: a, tamper: y}]", "device 'a': tamper 'y' is unknown; known are soft"),
        (f"name: x\ndevices: [{DEVICE}, until: later}}]", "device 'a': until: 'later' is unknown"),
        ("name: x\ndevices: [{serial: a, until: never}]", "device 'a': .*name a tamper"),
        ("name: x\ndevices: [{serial: a, faults: [{method: Reboot}]}]", "device 'a': .*name a tamper"),
        (f"name: x\ndevices: [{DEVICE}, faults: [{{method: Rebot}}]}}]", "'Rebot' is no method of a CPE"),
        (f"name: x\ndevices: [{DEVICE}, faults: [{{method: Reboot, code: 5}}]}}]", "9000 to 9899"),
        (f"name: x\ndevices: [{DEVICE}, faults: [{{method: Reboot, times: 0}}]}}]", "at least once"),
        (f"name: x\ndevices: [{DEVICE}, faults: [{{code: 9001}}]}}]", "missing required field `method`"),
        (f"name: x\ndevices: [{DEVICE}, expect: {{procedure: P2R}}}}]", "missing required field `outcome`"),
        (
            "name: x\ndevices: [{serial: a, expect: {procedure: P1, outcome: NOTIFIED}}]",
            "device 'a': expects an outcome but nothing is done to it",
        ),
        ("name: x\ndevices: [{serial: a, count: 0}]", "device 'a': count is 0; 1 to 100000 are allowed"),
        ("name: x\ndevices: [{serial: a, count: 100001}]", "count is 100001"),
        ("name: x\ndevices: [{serial: a}, {serial: a}]", "the serial 'a' is there twice"),
        ("name: x\ndevices: [{serial: a, count: 2}, {serial: a-2}]", "the serial 'a-2' is there twice"),
        ("name: x\ndevices: [{serial: a/b}]", "device 'a/b': a serial is 1 to 50 letters"),
        ("name: x\ndevices: [{serial: ''}]", "a serial is 1 to 50 letters"),
        ("name: x\ndevices: [{serial: a, paths: [{at: 0, path: standard}]}]", "device 'a': .*name a tamper"),
        (
            f"name: x\ndevices: [{DEVICE}, paths: [{{at: 0, path: ipsec}}]}}]",
            "device 'a': the path 'ipsec' is",
        ),
        (f"name: x\ndevices: [{DEVICE}, paths: [{{at: -1, path: call}}]}}]", "device 'a': `at` is -1.0"),
        (
            f"name: x\ndevices: [{DEVICE}, paths: [{{at: 0, path: call, cut: x}}]}}]",
            "device 'a': the cut 'x'",
        ),
        (f"name: x\ndevices: [{DEVICE}, distress: [WLAN]}}]", "Invalid enum value 'WLAN'"),
        (f"name: x\ndevices: [{DEVICE}, distress: [IPsec2, IPsec2]}}]", "device 'a': .*a channel twice"),
        (f"name: x\ndevices: [{DEVICE}, distress: [IPsec2], nat: true}}]", "device 'a': .*leave `nat` out"),
    ],
)
def test_what_is_wrong_in_a_scenario_is_told(tmp_path, text, message):
    path = tmp_path / "scenario.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(AcsError, match=message) as error:
        load_scenario(path)
    assert str(error.value).startswith(str(path))


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "missing.yaml", tmp_path, binary):
        with pytest.raises(AcsError, match=str(path)):
            load_scenario(path)


def test_the_demo_has_every_cause_and_devices_that_are_left_in_peace():
    scenario = load_scenario(None)
    assert {entry.tamper for entry in scenario.devices} == {*TAMPERS, ""}
    assert all(entry.expect for entry in scenario.devices if entry.tamper)
    assert scenario.devices[-1].serials == [f"quiet-{number}" for number in range(1, 6)]


def test_faults_on_demand_are_made_for_each_device_anew(tmp_path):
    path = tmp_path / "scenario.yaml"
    faults = "faults: [{method: Download, code: 9010, times: 2}, {method: Reboot, hang: true}]"
    path.write_text(f"name: x\ndevices: [{DEVICE}, count: 2, {faults}}}]", encoding="utf-8")
    entry = load_scenario(path).devices[0]
    one, other = entry.make_faults(), entry.make_faults()
    assert [(each.method, each.code, each.times, each.hang) for each in one] == [
        ("Download", 9010, 2, False),
        ("Reboot", 9002, 1, True),
    ]
    assert one[0] is not other[0]
