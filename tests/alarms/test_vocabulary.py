"""The words of alarms: every spelling comes to one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs import alarms as al


@pytest.mark.parametrize(
    ("text", "name"),
    [
        *((name, name) for name in al.EVENT_TYPES),
        ("Integrity Violation", "INTEGRITY_VIOLATION"),
        ("integrityViolation", "INTEGRITY_VIOLATION"),
        (" Integrity-violation ", "INTEGRITY_VIOLATION"),
        ("x6", "INTEGRITY_VIOLATION"),
        ("X6", "INTEGRITY_VIOLATION"),
        ("7", "INTEGRITY_VIOLATION"),
        ("Operational Violation", "OPERATIONAL_VIOLATION"),
        ("physicalViolation", "PHYSICAL_VIOLATION"),
        ("Security Service or Mechanism Violation", "SECURITY_SERVICE_OR_MECHANISM_VIOLATION"),
        ("securityServiceOrMechanismViolation", "SECURITY_SERVICE_OR_MECHANISM_VIOLATION"),
        ("Security Violation", "SECURITY_SERVICE_OR_MECHANISM_VIOLATION"),
        ("SecurityServiceViolation", "SECURITY_SERVICE_OR_MECHANISM_VIOLATION"),
        ("Time Domain Violation", "TIME_DOMAIN_VIOLATION"),
        ("x10", "TIME_DOMAIN_VIOLATION"),
        ("11", "TIME_DOMAIN_VIOLATION"),
        ("Communications Alarm", "COMMUNICATIONS_ALARM"),
        ("Communications", "COMMUNICATIONS_ALARM"),
        ("processingErrorAlarm", "PROCESSING_ERROR_ALARM"),
        ("Quality of Service Alarm", "QUALITY_OF_SERVICE_ALARM"),
        ("QOS Alarm", "QUALITY_OF_SERVICE_ALARM"),
        ("QoS Alarm", "QUALITY_OF_SERVICE_ALARM"),
        ("QoSAlarm", "QUALITY_OF_SERVICE_ALARM"),
        ("Something New", "SOMETHING_NEW"),
        ("", ""),
    ],
)
def test_an_event_type_has_one_spelling(text: str, name: str) -> None:
    assert al.event_type(text) == name


@pytest.mark.parametrize("name", sorted(al.EVENT_TYPES))
def test_codes_and_numbers_mean_the_event_type(name: str) -> None:
    irp, iana, _ = al.EVENT_TYPES[name]
    words = name.lower().split("_")
    camel = words[0] + "".join(word.capitalize() for word in words[1:])
    for text in (
        irp,
        irp.upper(),
        str(iana),
        name.lower(),
        " ".join(words).title(),
        camel,
        camel.capitalize(),
    ):
        if text != camel.capitalize():
            assert al.event_type(text) == name


def test_five_event_types_are_of_security() -> None:
    security = {name for name in al.EVENT_TYPES if al.is_security(name)}
    assert security == al.SECURITY_EVENT_TYPES
    assert len(security) == 5
    assert all(name.endswith("VIOLATION") for name in security)
    assert not al.is_security("SOMETHING_NEW")


@pytest.mark.parametrize(
    ("text", "name", "code"),
    [
        ("Loss Of Signal", "LOSS_OF_SIGNAL", 8),
        ("lossOfSignal", "LOSS_OF_SIGNAL", 8),
        ("8", "LOSS_OF_SIGNAL", 8),
        ("LOSS_OF_SIGNAL", "LOSS_OF_SIGNAL", 8),
        ("Loss of signal alarm", "LOSS_OF_SIGNAL", 8),
        ("Something else", "SOMETHING_ELSE", None),
        ("99999", "99999", None),
        ("", "", None),
    ],
)
def test_a_probable_cause_has_one_spelling_and_a_code(text: str, name: str, code: int | None) -> None:
    assert al.probable_cause(text) == (name, code)


@pytest.mark.parametrize("one", ["Unauthorized Access Attempt", "unauthorisedAccessAttempt"])
def test_british_and_american_spelling_is_the_same(one: str) -> None:
    name, code = al.probable_cause(one)
    assert name == "UNAUTHORISED_ACCESS_ATTEMPT"
    assert code == al.PROBABLE_CAUSES[name]


@pytest.mark.parametrize("name", sorted(al.PROBABLE_CAUSES))
def test_every_cause_is_found_by_name_code_and_title(name: str) -> None:
    code = al.PROBABLE_CAUSES[name]
    assert al.probable_cause(name) == (name, code)
    assert al.probable_cause(name.replace("_", " ").title()) == (name, code)
    assert al.probable_cause(str(code))[1] == code


@pytest.mark.parametrize(
    ("text", "name"),
    [
        *((name, name) for name in al.SEVERITIES),
        ("Critical", "CRITICAL"),
        ("major", "MAJOR"),
        ("Clear", "CLEARED"),
        ("Normal", "CLEARED"),
        ("Info", "WARNING"),
        ("Intermediate", "MINOR"),
        ("", "INDETERMINATE"),
        ("unknown", "INDETERMINATE"),
        ("dreadful", "INDETERMINATE"),
    ],
)
def test_a_severity_is_one_of_six(text: str, name: str) -> None:
    assert al.severity(text) == name


@given(st.text(max_size=40))
def test_any_text_comes_to_capitals_with_underscores(text: str) -> None:
    assert al.severity(text) in al.SEVERITIES
    for word in (al.event_type(text), al.probable_cause(text)[0]):
        assert re.fullmatch(r"(?:[A-Z0-9]+(?:_[A-Z0-9]+)*)?", word)
