"""Discovery in pieces: what is asked for next, and what odd answers mean."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs.commands.survey import MOST_ENTRIES, Piece, Survey, begin, request
from acs.cwmp import messages as m
from acs.datamodel import STANDARD, Profile

TREE = {
    "Device.": False,
    "Device.DeviceInfo.": False,
    "Device.DeviceInfo.UpTime": False,
    "Device.Time.": False,
    "Device.Time.Enable": True,
    "Device.Services.": False,
    "Device.Services.FAPService.": True,
    "Device.Services.FAPService.1.": True,
    "Device.Services.FAPService.1.Alias": True,
    "Device.Services.FAPService.1.REM.": False,
    "Device.Services.FAPService.1.REM.Status": False,
}


def profile(**quirks: object) -> Profile:
    return Profile(name="test", **quirks)  # type: ignore[arg-type]


def names(*paths: str, writable: bool = False) -> list[m.ParameterInfo]:
    return [m.ParameterInfo(path, writable) for path in paths]


def answer(asked: m.GetParameterNames) -> list[m.ParameterInfo]:
    """Answer as a device that keeps to TR-069 A.3.2.3."""
    if not asked.next_level:
        return [m.ParameterInfo(path, how) for path, how in TREE.items() if path.startswith(asked.path)]
    below = [path for path in TREE if path.startswith(asked.path) and path != asked.path]
    level = asked.path.count(".")
    return [m.ParameterInfo(path, TREE[path]) for path in below if path.rstrip(".").count(".") == level]


def run(quirks: Profile, ask=answer) -> tuple[dict[str, bool], Survey, int]:
    survey, found = begin("Device.", quirks), {}
    for count in range(100):
        if survey.next is None:
            return found, survey, count
        survey, told = survey.answered(ask(request(survey.next)), quirks)
        found |= told
    raise AssertionError("it does not end")


@pytest.mark.parametrize(
    ("quirks", "requests"),
    [
        (STANDARD, 4),
        (profile(next_level="true"), 7),
        (profile(next_level="false"), 1),
        (profile(names_of_root=True), 5),
    ],
)
def test_everything_is_found_however_the_device_has_to_be_asked(quirks: Profile, requests: int) -> None:
    found, survey, count = run(quirks)
    wanted = {path: how for path, how in TREE.items() if path != "Device."}
    assert {path: how for path, how in found.items() if path != "Device."} == wanted
    assert (survey.failed, count) == ({}, requests)


def test_an_answer_that_lists_itself_is_unsorted_and_lacks_parents() -> None:
    def ask(asked: m.GetParameterNames) -> list[m.ParameterInfo]:
        if asked.next_level:
            return names("Device.Services.", asked.path)
        told = names("Device.Services.FAPService.1.REM.Status", "Device.Services.", writable=True)
        return [*told, *names("Device.Services.FAPService.1.Alias")]

    found, survey, _ = run(STANDARD, ask)
    assert found == {
        "Device.Services.": False,
        "Device.Services.FAPService.": False,
        "Device.Services.FAPService.1.": False,
        "Device.Services.FAPService.1.REM.": False,
        "Device.Services.FAPService.1.REM.Status": True,
        "Device.Services.FAPService.1.Alias": False,
    }
    assert survey.failed == {}


def test_a_device_that_ignores_next_level_is_asked_once() -> None:
    found, _, count = run(STANDARD, lambda asked: [m.ParameterInfo(path, how) for path, how in TREE.items()])
    assert (len(found), count) == (len(TREE) - 1, 1)


@pytest.mark.parametrize(
    "odd",
    [
        "InternetGatewayDevice.X",
        "Device.A\x1b[31m.",
        "Device." + "x" * 300,
        "",
        ".ExternalIPAddress",
        "Device..A",
    ],
)
def test_what_is_no_name_below_the_piece_is_left_out_and_marked(odd: str) -> None:
    survey, found = begin("Device.", STANDARD).answered(names(odd, "Device.Time."), STANDARD)
    assert found == {"Device.Time.": False}
    assert "1 names in the answer are none below it" in survey.failed["Device."]


def test_an_empty_answer_is_marked() -> None:
    survey, found = begin("Device.", STANDARD).answered([], STANDARD)
    assert (found, survey.next, survey.failed) == ({}, None, {"Device.": "the device told nothing of it"})


def test_a_root_that_the_device_does_not_answer_is_guessed() -> None:
    top = ("Device.DeviceInfo.", "Device.Time.")
    survey = begin("Device.", STANDARD).refused(9005, "Invalid Parameter Name", top, STANDARD)
    assert survey.pending == tuple(Piece(each, deep=True) for each in top)
    survey = survey.refused(9005, "no such", top, STANDARD)
    assert (survey.next, survey.failed) == (
        Piece("Device.Time.", deep=True), {"Device.DeviceInfo.": "fault 9005: no such"},
    )  # fmt: skip


def test_a_piece_that_is_too_much_is_asked_for_in_smaller_ones() -> None:
    big = Survey("Device.", (Piece("Device.Services.", deep=True), Piece("Device.Time.", deep=True)))
    smaller = big.refused(9004, "Resources exceeded", (), STANDARD)
    assert smaller.pending == (Piece("Device.Time.", deep=True), Piece("Device.Services.", deep=False))
    last = Survey("Device.", (Piece("Device.Services.", deep=False),)).refused(9004, "still", (), STANDARD)
    assert last.failed == {"Device.Services.": "fault 9004: still"}
    silent = Survey("Device.", (Piece("Device.A.", deep=False),)).refused(None, "", (), STANDARD)
    assert silent.failed == {"Device.A.": "the device did not answer"}


def test_a_huge_answer_is_bounded() -> None:
    many = names(*(f"Device.T.{number}.Name" for number in range(MOST_ENTRIES)))
    _, found = Survey("Device.", (Piece("Device.T.", deep=True),)).answered(many, STANDARD)
    assert len(found) == MOST_ENTRIES


@given(
    st.lists(
        st.builds(m.ParameterInfo, st.text(alphabet="aD.1{}\x00 ", max_size=24), st.booleans()), max_size=30
    )
)
def test_any_answer_leads_on_and_ends(told: list[m.ParameterInfo]) -> None:
    survey = begin("D.", STANDARD)
    for _ in range(400):
        if survey.next is None:
            break
        survey, found = survey.answered(told, STANDARD)
        assert all(path and not path.startswith(".") for path in found)
    assert survey.next is None


def test_names_that_are_deeper_than_any_model_cost_no_more_than_others() -> None:
    told = names(*(f"Device.{number:05d}{'.a' * 120}" for number in range(2000)))
    tracemalloc.start()
    try:
        survey, found = begin("Device.", STANDARD).answered(told, STANDARD)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(found) == MOST_ENTRIES
    assert {each.name for each in told} <= found.keys()
    assert survey.next is None
    assert peak < 20 * 1024 * 1024  # it was 75
