"""Versions of software compare as people mean them, and never above a floor they don't reach."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from acs.files import floor_of, is_below


@pytest.mark.parametrize(
    ("version", "floor", "below"),
    [
        ("2.0.0", "", False),
        ("1.9.9", "2.0.0", True),
        ("2.0", "2.0.0", False),
        ("2.0.0", "2.0", False),
        ("2.10", "2.9", False),
        ("2.9", "2.10", True),
        ("V2.1", "2.0", False),
        ("LTE_1.4.2", "LTE_2.0", True),
        ("2.0rc1", "2.0", True),
        ("2.0", "2.0rc1", False),
        ("2.0-b2", "2.0-b1", False),
        ("99999999999999999999", "2", False),
        ("", "1", True),
        ("latest", "0", True),
        ("2.0/../9", "2.5", True),
    ],
)
def test_a_version_is_below_a_floor_or_not(version, floor, below):
    assert is_below(version, floor) is below


versions = st.text(alphabet="0123456789.abcRC-_V ", max_size=16)


@example("C", "0C", "")
@given(versions, versions, versions)
def test_below_is_a_strict_order(one, two, three):
    assert not is_below(one, one) or not any(c.isdigit() for c in one)
    if is_below(one, two):
        assert not is_below(two, one) or not any(c.isdigit() for c in two)
    if is_below(one, two) and is_below(two, three) and any(c.isdigit() for c in two):
        assert is_below(one, three)


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_gets_an_answer(one, two):
    assert is_below(one, two) in (True, False)


def test_the_floor_is_that_of_the_class_before_that_of_all():
    floors = {"HeNB": "2.0", "*": "1.0"}
    assert [floor_of(floors, each) for each in ("HeNB", "Other", "")] == ["2.0", "1.0", "1.0"]
    assert floor_of({}, "HeNB") == ""
