"""``acs devices``, ``acs alarms``, ``acs cases`` on a data directory in which something has happened."""

from __future__ import annotations

import contextlib
import json
import sqlite3

import pytest

from acs.datamodel import install_profiles

KEY = "0005B9-0005B9423901"
OTHER = "0005B9-never"


def test_devices_are_listed(acs, data):
    found = acs("devices", "list", "--data", data, "--json").json
    assert [each["device_key"] for each in found] == [KEY, OTHER]
    assert found[0]["product_class"] == "HeNB-LTE"
    blocked = acs("devices", "list", "--data", data, "--json", "--blocked").json
    assert [each["device_key"] for each in blocked] == [KEY]


def test_what_devices_say_is_shown_and_not_interpreted(acs, data):
    shown = acs("devices", "list", "--data", data).out
    assert r"[red]\x1b[31m\x0a[/]" in shown
    assert "\x1b" not in shown


def test_a_device_is_shown_with_its_parameters(acs, data):
    shown = acs("devices", "show", KEY, "--data", data, "--parameters", "Device.DeviceInfo.", "--json").json
    assert (shown["serial_number"], shown["admission"]) == ("0005B9423901", "blocked")
    assert shown["parameters"]["Device.DeviceInfo.SoftwareVersion"] == "1.0.0"
    assert acs("devices", "show", KEY, "--data", data, "--json").json["parameters"] == {}
    table = acs("devices", "show", KEY, "--data", data, "--parameters", "Device.DeviceInfo.").out
    assert "Device.DeviceInfo.SoftwareVersion" in table
    assert "2027-01-15 08:00:00" in table


def test_a_secret_that_a_device_told_is_not_shown(acs, data):
    with contextlib.closing(sqlite3.connect(data / "acs.db")) as db:
        [(number,)] = db.execute("SELECT id FROM devices WHERE device_key = ?", [KEY])
        row = (number, "Device.WiFi.AccessPoint.1.Security.KeyPassphrase", "hunter2-Zaq1", "xsd:string", 1.0)
        db.execute("INSERT INTO parameters VALUES (?, ?, ?, ?, ?)", row)
        answer = {"parameters": [{"name": row[1], "value": row[2], "type": row[3]}]}
        told = json.dumps({"method": "GetParameterValuesResponse", "fields": answer})
        db.execute("UPDATE commands SET result = ? WHERE id = (SELECT max(id) FROM commands)", [told])
        [(command,)] = db.execute("SELECT max(id) FROM commands")
        db.commit()
    for words in (
        ["devices", "show", KEY, "--parameters", "Device.WiFi.", "--json"],
        ["devices", "show", KEY, "--parameters", "Device.WiFi."],
        ["commands", "show", str(command)],
        ["commands", "list", "--json"],
    ):
        shown = acs(*words, "--data", data)
        assert "hunter2" not in shown.out, words
        assert "[redacted]" in shown.out, words


def test_a_device_is_registered_with_a_password_that_is_shown_once(acs, data):
    made = acs("devices", "register", "0005b9", "NEW", "--password", "--data", data, "--json").json
    assert made["device"] == made["username"] == "0005B9-NEW"
    assert len(made["password"]) >= 20
    shown = acs("devices", "show", "0005B9-NEW", "--data", data)
    assert made["password"] not in shown.out
    assert made["password"].encode() not in (data / "acs.db").read_bytes()
    options = ("--product-class", "X", "--data", data, "--json")
    assert acs("devices", "register", "0005B9", "CERT", *options).json == {"device": "0005B9-CERT"}


def test_a_device_is_blocked_and_unblocked_with_a_reason(acs, data):
    def admission():
        return acs("devices", "show", KEY, "--data", data, "--json").json["admission"]

    assert acs("devices", "unblock", KEY, "--because", "repaired", "--data", data).code == 0
    assert admission() == "allowed"
    done = acs("devices", "block", KEY, "--because", "stolen", "--data", data)
    assert (done.code, done.text) == (0, f"{KEY} is blocked")
    assert admission() == "blocked"
    assert acs("devices", "block", KEY, "--data", data).code == 2, "without a reason"


def test_alarms_are_listed_and_acknowledged(acs, data):
    active = acs("alarms", "list", "--data", data, "--json").json
    everything = acs("alarms", "list", "--all", "--device", KEY, "--data", data, "--json").json
    assert [each["specific_problem"] for each in active] == ["CIRCUIT_MODIFIED"]
    assert [each["specific_problem"] for each in everything] == ["CIRCUIT_MODIFIED", "CONFIG_MODIFIED"]
    assert active[0]["device"] == KEY
    number = active[0]["id"]
    assert acs("alarms", "ack", number, "--data", data).text == f"alarm {number} is acknowledged"
    assert acs("alarms", "list", "--data", data, "--json").json[0]["ack_state"] == "ACKNOWLEDGED"
    assert "CIRCUIT_MODIFIED" in acs("alarms", "list", "--data", data).out
    assert acs("alarms", "list", "--device", OTHER, "--data", data, "--json").json == []


def test_cases_are_listed_by_kind_state_and_device(acs, data):
    def kinds(*options):
        found = acs("cases", "list", "--data", data, "--json", *options).json
        return [(each["procedure"], each["outcome"]) for each in found]

    assert kinds() == [("P3", "BLOCKED"), ("P2R", "REMEDIATED"), ("PROVISION", "PROVISIONED")]
    assert kinds("--kind", "provisioning") == [("PROVISION", "PROVISIONED")]
    assert kinds("--state", "waiting") == [("P3", "BLOCKED")]
    assert kinds("--device", OTHER) == []
    assert kinds("--device", KEY, "--limit", 1) == [("P3", "BLOCKED")]
    assert "REMEDIATED" in acs("cases", "list", "--data", data).out


def test_a_case_is_shown_step_by_step(acs, data):
    shown = acs("cases", "show", 2, "--data", data, "--json").json
    assert (shown["device"], shown["outcome"]) == (KEY, "REMEDIATED")
    assert "rung: reconfigure" in [step["detail"] for step in shown["steps"]]
    table = acs("cases", "show", 2, "--data", data).text
    assert f"Case 2: {KEY}, P2R, closed, REMEDIATED: reconfigured on rung reconfigure" in table
    assert "waiting" in acs("cases", "show", 3, "--data", data).out


def test_a_case_that_waits_is_released(acs, data):
    done = acs("cases", "instruct", 3, "release", "--because", "board was changed", "--data", data)
    assert (done.code, done.text.startswith("case 3 was told: RELEASE case 3 is closed: RELEASED")) == (
        0,
        True,
    )
    assert "is off the black list; when it comes it is reset and tested before it may radiate" in done.text
    assert acs("cases", "show", 3, "--data", data, "--json").json["state"] == "closed"
    assert acs("devices", "show", KEY, "--data", data, "--json").json["admission"] == "allowed"


def test_a_case_that_waits_is_closed(acs, data):
    assert acs("cases", "instruct", 3, "CLOSE", "--because", "scrapped", "--data", data).code == 0
    assert acs("cases", "show", 3, "--data", data, "--json").json["state"] == "closed"
    assert acs("devices", "show", KEY, "--data", data, "--json").json["admission"] == "blocked"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("devices", "show", "0005B9-X"), "there is no device '0005B9-X'; see: acs devices list"),
        (("devices", "block", "X", "--because", "y"), "there is no device 'X'"),
        (("devices", "unblock", "X", "--because", "y"), "there is no device 'X'"),
        (("devices", "register", "5B9", "X"), "the OUI '5B9' is not six hexadecimal digits"),
        (("devices", "register", "0005B9", ""), "the serial number has 0 characters"),
        (("alarms", "list", "--device", "X"), "there is no device 'X'"),
        (("alarms", "ack", "99"), "there is no alarm 99; see: acs alarms list"),
        (("cases", "list", "--device", "X"), "there is no device 'X'"),
        (("cases", "show", "99"), "there is no case 99; see: acs cases list"),
        (("cases", "instruct", "99", "CLOSE", "--because", "y"), "there is no case 99"),
        (("cases", "instruct", "2", "CLOSE", "--because", "y"), "case 2 is closed with outcome REMEDIATED"),
        (("cases", "instruct", "3", "CLOSE", "--because", " "), "an instruction needs a reason"),
        (
            ("cases", "instruct", "3", "RETRY", "--because", "y"),
            "can be told RELEASE, EXPECT_EMERGENCY, CLOSE",
        ),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(acs, data, arguments, message):
    done = acs(*arguments, "--data", data)
    assert done.code == 2
    assert done.out == ""
    assert done.err.startswith("acs: ")
    assert message in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize("number", ["0", "-1", "x", "9" * 30])
@pytest.mark.parametrize("command", [("alarms", "ack"), ("cases", "show"), ("commands", "show")])
def test_what_is_no_number_of_anything_is_refused(acs, data, command, number):
    done = acs(*command, "--data", data, "--", number)
    assert done.code == 2
    assert "Invalid value" in done.err


def test_the_operators_profiles_hold_on_the_command_line(acs, data):
    own = data / "profiles" / "own.yaml"
    own.parent.mkdir()
    own.write_text(
        "{match: [{oui: 0005B9, product_class: HeNB-LTE}], model: fapservice-1, next_level: 'false'}"
    )
    try:
        shown = acs("model", "show", "Device.Nothing", "--device", KEY, "--data", data)
        assert "the model fapservice-1 has no Device.Nothing" in shown.text
        assert acs("devices", "discover", KEY, "--data", data).code == 0
        with contextlib.closing(sqlite3.connect(data / "acs.db")) as db:
            query = "SELECT payload FROM commands WHERE method = 'GetParameterNames'"
            [(payload,)] = db.execute(query).fetchall()
        assert json.loads(payload)["next_level"] is False
    finally:
        install_profiles(None)


def test_a_device_is_discovered_and_its_tree_shown(acs, data):
    refused = acs("devices", "tree", KEY, "--data", data)
    assert (refused.code, "acs devices discover" in refused.text) == (2, True)
    assert "next session" in acs("devices", "discover", KEY, "--data", data).text
    with contextlib.closing(sqlite3.connect(data / "acs.db")) as db:
        (number,) = db.execute("SELECT id FROM devices WHERE device_key = ?", (KEY,)).fetchone()
        for path, writable in (
            ("Device.", 0),
            ("Device.Time.", 0),
            ("Device.Time.Enable", 1),
            ("Device.A\x1b.", 0),
        ):
            db.execute("INSERT INTO discovered VALUES (?, ?, ?, 1, 1.0)", (number, path, writable))
        db.commit()
    shown = acs("devices", "tree", KEY, "--data", data, "--depth", 3)
    assert "Enable  writable" in shown.out
    assert "\x1b" not in shown.out
    assert "1 objects are still to be asked for" in shown.text
    assert "… 1 more" in acs("devices", "tree", KEY, "Device.", "--data", data, "--depth", 1).out
    told = acs("devices", "tree", KEY, "Device.Time.", "--data", data, "--json").json
    assert [each["path"] for each in told["tree"]] == ["Device.Time.", "Device.Time.Enable"]
    assert "nothing below Device.Nope." in acs("devices", "tree", KEY, "Device.Nope.", "--data", data).text


def test_a_case_is_shown_as_a_timeline_with_reasons(acs, data):
    told = acs("cases", "show", 2, "--data", data, "--json").json["timeline"]
    assert all(each["because"] for each in told)
    assert told[0]["kind"] == "alarm"
    shown = acs("cases", "show", 2, "--data", data).text
    assert all(words in shown for words in ("Timeline", "[c2-", "notifyNewAlarm"))


def test_a_kind_that_there_is_not_is_told_with_those_that_there_are(acs, data):
    wrong = acs("cases", "list", "--kind", "remedation", "--data", data)
    assert wrong.code == 2
    assert "no cases of the kind 'remedation'" in wrong.text
    assert "remediation" in wrong.text.partition("there are:")[2]
    assert acs("cases", "list", "--kind", "remediation", "--data", data, "--json").json
    assert acs("files", "uploads", "list", "--kind", "PM", "--data", data, "--json").json == []


def test_a_site_that_nobody_has_heard_of_is_told_once(acs, data):
    first = acs("devices", "tag", KEY, "--site", "Nowhere", "--data", data, "--json")
    assert first.json["site"] == "Nowhere"
    assert "nothing is known of a site 'Nowhere'" in first.err
    assert acs("devices", "tag", OTHER, "--site", "Nowhere", "--data", data, "--json").err == ""
