"""Which profile holds for a device, and how the files are refused that leave it open."""

import re
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs.datamodel import Match, Profiles, install_profiles, load_profiles, profile_for
from acs.datamodel.matching import glob_fits, globs_meet
from acs.datamodel.profiles import parse_profile
from acs.errors import AcsError


@dataclass(frozen=True)
class Kind:
    oui: str = "0005B9"
    manufacturer: str = "ACME"
    product_class: str = "HeNB-LTE"
    software_version: str = "1.2.3"
    hardware_version: str = "A1"


def profiles(**texts: str) -> Profiles:
    """Profiles of an operator beside the shipped standard."""
    own = [parse_profile(text, f"{name}.yaml") for name, text in texts.items()]
    return Profiles([parse_profile("name: standard", "standard.yaml", shipped=True), *own])


GLOBS = st.text("ab*?", max_size=6)


def as_expression(glob: str) -> str:
    return "".join({"*": ".*", "?": "."}.get(char, char) for char in glob)


@given(GLOBS, st.text("abc", max_size=8))
def test_a_glob_fits_what_the_expression_fits(glob, text):
    assert glob_fits(glob, text) == bool(re.fullmatch(as_expression(glob), text))


@given(st.text("ab", max_size=5), GLOBS, GLOBS)
def test_two_globs_meet_where_a_text_fits_both(text, one, other):
    if glob_fits(one, text) and glob_fits(other, text):
        assert globs_meet(one, other)


@given(GLOBS, GLOBS)
def test_globs_that_meet_have_a_text_that_fits_both(one, other):
    # The shortest common text of globs over two letters is no longer than both together.
    texts = [""]
    for _ in range(len(one) + len(other)):
        if any(glob_fits(one, each) and glob_fits(other, each) for each in texts):
            break
        texts = [each + letter for each in texts[:64] for letter in "ab"]
    found = any(glob_fits(one, each) and glob_fits(other, each) for each in texts)
    assert not found or globs_meet(one, other)


@pytest.mark.parametrize(
    ("one", "other"), [("a*", "b*"), ("a", "ab"), ("*a", "*b"), ("?", ""), ("a?b*", "a")]
)
def test_globs_that_never_meet(one, other):
    assert not globs_meet(one, other)
    assert not globs_meet(other, one)


def test_a_hostile_version_costs_little():
    assert not glob_fits("*a" * 30, "a" * 29 + "b" * 1000)


def test_what_nothing_fits_keeps_to_the_standard():
    assert load_profiles().of(Kind(oui="FFFFFF", manufacturer="?", product_class="?")).name == "standard"


def test_the_pattern_that_says_more_holds():
    found = profiles(
        vendor="match: [{oui: 0005b9}]",
        family="match: [{oui: 0005B9, product_class: HeNB*}]",
        release="match: [{oui: 0005B9, product_class: HeNB*, software_version: 1.*}]",
        exact="match: [{oui: 0005B9, product_class: HeNB-LTE}]",
    )
    assert found.of(Kind()).name == "exact"
    assert found.of(Kind(product_class="HeNB-X")).name == "release"
    assert found.of(Kind(product_class="HeNB-X", software_version="2.0")).name == "family"
    assert found.of(Kind(product_class="X")).name == "vendor"
    assert [each.profile.name for each, _ in found.explain(Kind())] == [
        "exact",
        "release",
        "family",
        "vendor",
    ]


def test_the_operators_profile_comes_before_the_shipped_one():
    shipped = parse_profile("match: [{oui: 0005B9, product_class: HeNB-LTE}]", "shipped.yaml", shipped=True)
    own = parse_profile("match: [{manufacturer: A*}]", "own.yaml")
    assert Profiles([shipped, own]).of(Kind()).name == "own"
    assert Profiles([shipped, own]).of(Kind(manufacturer="B")).name == "shipped"


def test_a_profile_of_the_same_name_builds_on_the_shipped_one_it_replaces():
    shipped = parse_profile("{name: x, get_batch: 7, match: [{oui: 0005B9}]}", "x.yaml", shipped=True)
    own = parse_profile("{name: x, extends: x, set_batch: 3}", "x.yaml")
    found = Profiles([shipped, own]).of(Kind())
    assert (found.get_batch, found.set_batch) == (7, 3)


def test_a_profile_has_what_it_extends_but_not_for_whom_it_is():
    found = profiles(
        family="{get_batch: 7, match: [{oui: 0005B9}], aliases: {a.b: {path: Device.X}}}",
        release="{extends: family, set_batch: 3, aliases: {c.d: {path: Device.Y}}}",
    )
    release = found.get("release").profile
    assert (release.get_batch, release.set_batch, release.match) == (7, 3, ())
    assert set(release.aliases) == {"a.b", "c.d"}


def test_profiles_between_which_it_is_unclear_are_refused_with_both_names():
    with pytest.raises(AcsError, match=r"one\.yaml and two\.yaml may fit the same device"):
        profiles(one="match: [{product_class: HeNB*}]", two="match: [{product_class: '*-LTE'}]")


def test_profiles_of_devices_that_differ_are_no_rivals():
    profiles(one="match: [{product_class: HeNB-A}]", two="match: [{product_class: HeNB-B}]")
    assert not Match(oui="A*").rivals(Match(oui="A*", manufacturer="B"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "is no YAML"),
        ("[1]", "is no mapping"),
        ("get_batch: many", r"get_batch"),
        ("get_batch: 0", "at least 1"),
        ("batch: 3", "unknown field `batch`"),
        ("next_level: maybe", r"next_level"),
        ("examples: 3", "examples is no list"),
        ("extends: nothing", "extends 'nothing', which is none of"),
        ("{name: mine, extends: mine}", "extends 'mine', which is none of"),
    ],
)
def test_a_wrong_profile_is_refused_with_its_file_and_the_place(text, said):
    with pytest.raises(AcsError, match=said) as refused:
        profiles(mine=text)
    assert "mine.yaml" in str(refused.value)


def test_profiles_that_extend_each_other_in_a_circle_are_refused():
    with pytest.raises(AcsError, match="in a circle"):
        profiles(one="extends: two", two="extends: one")


def test_profiles_of_the_data_directory(tmp_path):
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "mine.yaml").write_text("{get_batch: 1, match: [{oui: 0005B9}]}")
    install_profiles(load_profiles(tmp_path))
    try:
        assert profile_for(Kind()).get_batch == 1
    finally:
        install_profiles(None)
    assert profile_for(Kind(oui="FFFFFF")).get_batch == 64
    (tmp_path / "profiles" / "other.yaml").write_bytes(b"\xff")
    with pytest.raises(AcsError, match=r"can't read the profile .*other\.yaml"):
        load_profiles(tmp_path)
