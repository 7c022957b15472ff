"""Requests in parts: how they are split, what an answer of 9004 leads to, how answers become one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs.commands.split import following, merge, smaller, split
from acs.cwmp import messages as m
from acs.datamodel import STANDARD, Profile

SMALL = Profile(name="small", get_batch=2, set_batch=2, set_alone=("Device.X.{i}.AdminState",))


def values(*names):
    return tuple(m.ParameterValue(name, "1") for name in names)


def read(*names):
    return m.GetParameterValuesResponse(values(*names))


def listed(*names):
    return m.GetParameterNamesResponse(tuple(m.ParameterInfo(name, writable=True) for name in names))


@pytest.mark.parametrize("cls", [m.GetParameterValues, m.GetParameterAttributes])
def test_reads_are_split_by_the_batch(cls):
    assert split(cls(("A", "B", "C")), SMALL) == (cls(("A", "B")), cls(("C",)))
    assert split(cls(("A", "B")), SMALL) == (cls(("A", "B")),)


def test_a_set_is_split_and_only_its_last_part_bears_the_key():
    names = ("Device.A", "Device.X.1.AdminState", "Device.B", "Device.C", "Device.D")
    parts = split(m.SetParameterValues(values(*names), "k"), SMALL)
    assert [tuple(value.name for value in each.parameters) for each in parts] == [
        ("Device.A",),
        ("Device.X.1.AdminState",),
        ("Device.B", "Device.C"),
        ("Device.D",),
    ]
    assert [each.parameter_key for each in parts] == ["", "", "", "k"]


def test_values_are_spelt_as_the_device_reads_them():
    words = Profile(name="words", booleans="true/false")
    message = m.SetParameterValues((m.ParameterValue("A", "1", "xsd:boolean"),), "k")
    assert split(message, words)[0].parameters[0].value == "true"
    assert split(message, STANDARD) == (message,)


@pytest.mark.parametrize(
    ("profile", "asked", "sent"),
    [
        (STANDARD, ("", True), ("Device.", True)),
        (Profile(name="r", names_of_root=True), ("", True), ("", True)),
        (Profile(name="f", next_level="false"), ("Device.A.", True), ("Device.A.", False)),
        (Profile(name="t", next_level="true"), ("Device.A.", False), ("Device.A.", True)),
        (Profile(name="t", next_level="true"), ("Device.A", False), ("Device.A", False)),
    ],
)
def test_names_are_asked_for_as_the_device_can_tell_them(profile, asked, sent):
    assert split(m.GetParameterNames(*asked), profile) == (m.GetParameterNames(*sent),)


@pytest.mark.parametrize(
    ("request_", "parts"),
    [
        (
            m.GetParameterValues(("A", "B", "C")),
            (m.GetParameterValues(("A",)), m.GetParameterValues(("B", "C"))),
        ),
        (m.GetParameterValues(("A.",)), (m.GetParameterNames("A.", next_level=True),)),
        (m.GetParameterAttributes(("A.",)), (m.GetParameterNames("A.", next_level=True),)),
        (m.GetParameterNames("A.", next_level=False), (m.GetParameterNames("A.", next_level=True),)),
        (m.GetParameterNames("A.", next_level=True), ()),
        (m.GetParameterValues(("A",)), ()),
        (m.SetParameterValues(values("A", "B"), "k"), ()),
        (m.Reboot("k"), ()),
    ],
)
def test_what_is_too_much_is_asked_for_in_smaller_parts(request_, parts):
    assert smaller(request_, STANDARD) == parts


def test_a_list_leads_to_reads_of_what_it_names():
    original, request = m.GetParameterValues(("A.",)), m.GetParameterNames("A.", next_level=True)
    found = following(original, request, listed("A.", "A.B", "A.C.", "A.D", "A.E"), SMALL)
    assert found == (
        m.GetParameterValues(("A.B", "A.D")),
        m.GetParameterValues(("A.E",)),
        m.GetParameterValues(("A.C.",)),
    )
    everything = m.GetParameterNames("A.", next_level=False)
    assert following(original, everything, listed("A.", "A.C.", "A.C.D"), SMALL) == (
        m.GetParameterValues(("A.C.D",)),
    )


def test_a_walk_goes_down_level_by_level_and_never_up():
    original, request = (
        m.GetParameterNames("A.", next_level=False),
        m.GetParameterNames("A.", next_level=True),
    )
    answer = listed("A.", "A.B.", "A.C", "Z.")
    assert following(original, request, answer, STANDARD) == (m.GetParameterNames("A.B.", next_level=True),)
    assert following(request, request, answer, STANDARD) == ()


def test_answers_are_merged_without_repetition():
    original = m.GetParameterValues(("A", "B"))
    answers = [read("A"), listed("C"), read("A", "B")]
    assert merge(original, answers) == read("A", "B")
    statuses = [
        m.SetParameterValuesResponse(0),
        m.SetParameterValuesResponse(1),
        m.SetParameterValuesResponse(0),
    ]
    assert merge(m.SetParameterValues((), "k"), statuses) == m.SetParameterValuesResponse(1)


def test_of_all_levels_only_the_one_asked_for_is_answered():
    original = m.GetParameterNames("A.", next_level=True)
    assert merge(original, [listed("A.", "A.B.", "A.B.C", "A.D")]) == listed("A.", "A.B.", "A.D")


@given(st.lists(st.text("ABC.", min_size=1, max_size=5), min_size=1, max_size=30), st.integers(1, 8))
def test_no_name_is_lost_or_asked_for_twice_however_small_the_parts(names, batch):
    profile = Profile(name="x", get_batch=batch)
    waiting, asked = list(split(m.GetParameterValues(tuple(names)), profile)), []
    while waiting:
        part = waiting.pop(0)
        if len(part.names) > 1:
            waiting += smaller(part, profile)
        else:
            asked += part.names
    assert sorted(asked) == sorted(names)
