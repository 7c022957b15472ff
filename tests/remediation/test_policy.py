"""The policy file: what it says, what is wrong with it, which rule fits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs import alarms as al
from acs.errors import AcsError
from acs.remediation import classify, default_policy_text, load_policy, parse_policy

LAST = "rules: [{procedure: P1, because: nothing else fits}]\n"


@pytest.mark.parametrize(
    ("event", "cause", "severity", "problem", "procedure"),
    [
        # hems-domain rows of S1 L14-L21
        ("Integrity Violation", "Information Modification Detected", "Major", "SW_MODIFIED", "P2S"),
        ("Integrity Violation", "Information Modification Detected", "Critical", "SW_MODIFIED_TRE", "P3"),
        ("Integrity Violation", "Information Missing", "Major", "SW_COMPONENT_MISSING", "P2S"),
        ("Integrity Violation", "Information Modification Detected", "Minor", "CONFIG_MODIFIED", "P2R"),
        ("Integrity Violation", "Unexpected Information", "Minor", "CONFIG_UNEXPECTED", "P2R"),
        ("Operational Violation", "Procedural Error", "Major", "SW_BEHAVIOUR", "DX"),
        ("Operational Violation", "Denial Of Service", "Minor", "LAN_DOS", "P1"),
        ("Time Domain Violation", "Delayed Information", "Major", "CLOCK_SPEED_MODIFIED", "DX"),
        ("Time Domain Violation", "Key Expired", "Major", "", "P2R"),
        ("Time Domain Violation", "Out Of Hours Activity", "Warning", "OUT_OF_HOURS", "P1"),
        ("Physical Violation", "Cable Tamper", "Major", "ANTENNA_MODIFIED", "DX"),
        ("Physical Violation", "Intrusion Detection", "Minor", "CASE_OPENED", "DX"),
        ("Physical Violation", "Intrusion Detection", "Critical", "CIRCUIT_MODIFIED", "P3"),
        ("Security Service or Mechanism Violation", "Authentication Failure", "Major", "AUTH_FAILURE", "DX"),
        (
            "Security Service or Mechanism Violation",
            "Breach Of Confidentiality",
            "Critical",
            "KEY_EXPOSED",
            "P3",
        ),
        # without a SpecificProblem
        ("Integrity Violation", "Information Modification Detected", "Major", "", "DX"),
        ("Integrity Violation", "Duplicate Information", "Minor", "", "P1"),
        ("Physical Violation", "Unspecified Reason", "Critical", "", "P3"),
        ("Physical Violation", "Unspecified Reason", "Major", "", "DX"),
        ("Operational Violation", "Unspecified Reason", "Indeterminate", "", "DX"),
        ("Operational Violation", "Unspecified Reason", "Warning", "", "P1"),
    ],
)
def test_the_shipped_policy_decides(event, cause, severity, problem, procedure):
    decision = classify(
        load_policy(None),
        al.event_type(event),
        al.probable_cause(cause)[0],
        al.severity(severity),
        specific_problem=problem,
    )
    assert decision is not None
    assert decision.procedure == procedure
    assert decision.because


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=10), st.text(max_size=40))
def test_every_alarm_is_decided(event, cause, severity, problem):
    assert classify(load_policy(None), event, cause, severity, specific_problem=problem) is not None


def test_the_same_text_has_the_same_version_and_another_text_another():
    assert parse_policy(LAST).version == parse_policy(LAST).version
    assert parse_policy(LAST).version != parse_policy(LAST + "name: other\n").version


def test_an_extended_policy_keeps_what_it_does_not_say_and_stands_for_itself():
    policy = parse_policy("extends: default\ntimers: {reboot: 7}\n")
    assert policy.timers.reboot == 7
    assert policy.timers.download == load_policy(None).timers.download
    assert len(policy.rules) == len(load_policy(None).rules)
    assert parse_policy(policy.text).rules == policy.rules
    assert "extends" not in policy.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rules: [", "no YAML"),
        ("rules: 2026-13-45", "no YAML"),
        ("rules: []", "there is no rule"),
        ("rules: [{procedure: P9, because: x}]", "P9"),
        ("rules: [{procedure: P1, because: ' '}]", "say why"),
        ("rules: [{procedure: P1, because: x, severity: HUGE}]", "severity 'HUGE' is unknown"),
        ("rules: [{procedure: P1, because: x, event_type: [NONE]}]", "event_type 'NONE' is unknown"),
        ("rules: [{procedure: P1, because: x, probable_cause: NONE}]", "probable_cause 'NONE'"),
        ("rules: [{procedure: P1, because: x, severity: MAJOR}]", "no rule fits every alarm"),
        (LAST + "timers: {reboot: 0}", "timers.reboot is 0"),
        (LAST + "limits: {tries: 0}", "limits.tries is 0"),
        (LAST + "ladders: {reconfiguration: [dance]}", "dance"),
        (LAST + "surprise: 1", "surprise"),
        ("42", "Expected `object`"),
    ],
)
def test_what_is_wrong_with_a_policy_is_said(text, message):
    with pytest.raises(AcsError, match=message):
        parse_policy(text)


def test_a_policy_file_is_read_and_its_name_stands_in_errors(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(default_policy_text(), encoding="utf-8")
    assert load_policy(path).name == "default"
    with pytest.raises(AcsError, match=r"none\.yaml"):
        load_policy(tmp_path / "none.yaml")


def test_a_rule_may_look_at_the_product_class():
    policy = parse_policy(
        "rules: [{procedure: P3, because: x, product_class: OLD}, {procedure: P1, because: y}]"
    )
    assert classify(policy, "E", "C", "S", product_class="OLD").procedure == "P3"
    assert classify(policy, "E", "C", "S", product_class="NEW").rule == 2


@pytest.mark.parametrize("server", ["acs.example:3478", "192.0.2.1:3478", "[2001:db8::1]:3478", ""])
def test_a_stun_server_has_a_host_and_a_port(tmp_path, server):
    path = tmp_path / "p.yaml"
    path.write_text(f"extends: default\nprovisioning: {{stun_server: '{server}'}}\n")
    assert load_policy(path).provisioning.stun_server == server


@pytest.mark.parametrize("server", ["acs.example", "2001:db8::1", "acs example:1", "http://x:1"])
def test_what_is_no_stun_server_is_named(tmp_path, server):
    path = tmp_path / "p.yaml"
    path.write_text(f"extends: default\nprovisioning: {{stun_server: '{server}'}}\n")
    with pytest.raises(AcsError, match="host:port"):
        load_policy(path)
