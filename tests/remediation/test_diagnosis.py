"""The report of the diagnostic test (S1 L28)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs.detection.report import PARTS, parse_report
from acs.remediation.diagnosis import decide

CLEAN = "v=1;test=SEC;sw=OK;cfg=OK;clk=OK:+3ppm;ant=OK;case=OPEN;hw=OK;tre=OK"


@pytest.mark.parametrize(
    ("text", "procedure"),
    [
        (CLEAN, "P1"),
        ("sw=FAIL:comp1|comp2;cfg=OK", "P2S"),
        ("sw=OK;cfg=FAIL:param", "P2R"),
        ("sw=OK;cfg=OK;clk=FAIL:+250ppm", "P2R"),
        ("sw=OK;cfg=OK;ant=FAIL", "P2R"),
        ("sw=FAIL;cfg=OK;hw=FAIL", "P3"),
        ("sw=OK;cfg=OK;tre=FAIL", "P3"),
        ("sw=FAIL;cfg=FAIL", "P2S"),
    ],
)
def test_the_gravest_finding_decides(text, procedure):
    decided, because = decide(parse_report(text))
    assert decided == procedure
    assert because


def test_an_open_case_alone_is_no_failure():
    assert parse_report(CLEAN).clean
    assert not parse_report("sw=OK;cfg=FAIL").clean


def test_a_report_without_software_and_configuration_is_of_no_use():
    assert not parse_report("clk=OK").usable
    assert not parse_report("").usable


@given(st.text(max_size=2000))
def test_whatever_a_device_writes_is_parsed_without_a_guess(text):
    report = parse_report(text)
    assert set(report.results) <= set(PARTS)
    assert set(report.results.values()) <= {"OK", "FAIL", "OPEN"}
    decide(report)
