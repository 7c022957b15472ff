"""Matchers: what they read, what they fit, and that hostile ones cost nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs import alarms as al
from acs.errors import AcsError

KNOWN = {
    "device": ("0005B9-A1",),
    "site": ("roof-1",),
    "group": ("lab", "west"),
    "event_type": ("INTEGRITY_VIOLATION",),
    "perceived_severity": ("MAJOR",),
    "product_class": ("HeNB-LTE",),
    "specific_problem": ('a "b" \\c',),
}


@pytest.mark.parametrize(
    "text",
    [
        "site=roof-1",
        'site="roof-1"',
        "site != roof-2",
        "site=~roof-[0-9]",
        "site!~cellar.*",
        "site in (cellar, roof-1)",
        "group=west",
        "tag=lab",
        "group!=east",
        "model=~HeNB.*",
        "severity=Major",
        "severity in (critical, major)",
        "event_type=Integrity Violation",
        "event_type=x6",
        r'specific_problem="a \"b\" \\c"',
        "software_version!=2.0",
        "software_version=",
        "SITE=roof-1",
    ],
)
def test_a_matcher_fits_the_alarm(text: str) -> None:
    assert al.parse_matcher(text).fits(KNOWN)


@pytest.mark.parametrize(
    "text",
    [
        "site=roof",
        "site=~roof",  # the whole value
        "site!=roof-1",
        "group!=west",  # none of several
        "group!~we.*",
        "site in (cellar)",
        "software_version=2.0",
        "software_version=~.+",
        "severity=minor",
    ],
)
def test_a_matcher_does_not_fit_the_alarm(text: str) -> None:
    assert not al.parse_matcher(text).fits(KNOWN)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no matcher"),
        ("site", "no matcher"),
        ("colour=red", "no attribute"),
        ("severity=urgent", "known are CRITICAL"),
        ("severity=", "known are CRITICAL"),
        ("event_type=party", "known are COMMUNICATIONS_ALARM"),
        ("site=~(", "missing"),
        ("site=~(x{1000}){1000}", "RE2"),
        (r"site=~(a)\1", "RE2"),
        ("site in ()", "1 to 100"),
        ("site in a", "parentheses"),
        ("site=" + "x" * 257, "256"),
        ("site=a\0", "NUL"),
    ],
)
def test_what_is_wrong_is_said(text: str, why: str) -> None:
    with pytest.raises(AcsError, match=why):
        al.parse_matcher(text)


@pytest.mark.parametrize("texts", [[], ["site!=a"], ["site=~.*"], ["site="], ["severity!=MINOR", "group!~a"]])
def test_what_would_be_about_everything_is_refused(texts: list[str]) -> None:
    with pytest.raises(AcsError, match="every alarm"):
        al.parse_matchers(texts)


def test_there_are_not_too_many() -> None:
    with pytest.raises(AcsError, match="at most 16"):
        al.parse_matchers([f"site=a{number}" for number in range(17)])


def test_an_expression_that_backtracks_elsewhere_is_linear_here() -> None:
    evil = al.parse_matcher("specific_problem=~(a+)+(a|a)*(a*)*b")
    assert not evil.fits({"specific_problem": ("a" * 100_000,)})  # for ever, were it not linear


def test_a_list_may_hold_commas_and_empty_texts_in_quotes() -> None:
    assert al.parse_matcher('site in ("", ",", "a, b" , c)').values == ("", ",", "a, b", "c")


words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


@given(
    st.sampled_from(["site", "device", "specific_problem"]), st.lists(words, min_size=1, max_size=4), words
)
def test_a_matcher_is_read_as_it_is_written(name: str, values: list[str], told: str) -> None:
    for made in (
        al.Matcher(name, "=", (values[0],)),
        al.Matcher(name, "!=", (values[0],)),
        al.Matcher(name, "in", tuple(dict.fromkeys(values))),
    ):
        read = al.parse_matcher(str(made))
        assert read == made
        assert read.fits({name: (told,)}) is made.fits({name: (told,)})


@given(st.text(max_size=60))
def test_whatever_is_given_is_read_or_refused_with_a_sentence(text: str) -> None:
    for each in (text, f"site{text}", f"site=~{text}", f"site in ({text})"):
        try:
            al.parse_matcher(each).fits(KNOWN)
        except AcsError as error:
            assert str(error)  # noqa: PT017 - either is right
