"""Safety at scale, the rules: limits, canaries, stop rules, maintenance windows, the policy's section."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs.cwmp import messages as m
from acs.errors import AcsError
from acs.remediation.policy import parse_policy
from acs.remediation.safety.limits import Canary, GroupLimit, Safety, StopRule, Window
from acs.remediation.safety.rules import (
    GroupState,
    Hold,
    disruptive,
    ended,
    limit_of,
    may_begin,
    stop_reason,
)
from acs.remediation.safety.windows import opens_at, windows_for
from tests.world import POLICY

NOW = 1_800_000_000.0


def at(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


# --- rules ----------------------------------------------------------------------------------


def test_reboots_resets_and_admin_state_are_disruptive():
    rules = Safety()
    assert disruptive(m.Reboot("k"), rules)
    assert disruptive(m.FactoryReset(), rules)
    admin = m.SetParameterValues((m.ParameterValue("Device.X.LTE.AdminState", "0"),), "k")
    assert disruptive(admin, rules)
    other = m.SetParameterValues((m.ParameterValue("Device.X.LTE.Name", "0"),), "k")
    assert not disruptive(other, rules)
    assert not disruptive(m.GetParameterValues(("Device.",)), rules)


@pytest.mark.parametrize(("size", "allowed"), [(0, 1), (3, 1), (19, 1), (20, 2), (1000, 100)])
def test_a_share_of_a_group_is_at_least_one_device(size, allowed):
    rules = Safety(limits={"site": GroupLimit(percent=10)})
    found = limit_of("site:x", GroupState(size=size), rules, now=NOW)
    assert found is not None
    assert found[0] == allowed


def test_the_limit_of_one_site_goes_before_that_of_all_sites():
    rules = Safety(limits={"site": GroupLimit(percent=10), "site:lab": GroupLimit(concurrent=7)})
    assert limit_of("site:lab", GroupState(size=10), rules, now=NOW)[0] == 7
    assert limit_of("site:x", GroupState(size=10), rules, now=NOW)[0] == 1


def test_a_held_case_is_told_why():
    states = {"site:x": GroupState(running=1, size=20), "fleet": GroupState(running=1)}
    rules = Safety(limits={"fleet": GroupLimit(concurrent=50), "site": GroupLimit(percent=5)})
    found = may_begin(("site:x", "fleet"), states, rules, NOW)
    assert found == Hold(
        "1 of site:x are being treated already; 5 % of 20 devices, 1 at once, are allowed", "site:x"
    )


def test_canaries_succeed_first():
    rules = Safety(canary=Canary(cases=2, memory=100))
    state = GroupState()
    assert limit_of("kind:a", state, rules, now=NOW)[0] == 2
    state = ended(state, "good", rules, now=NOW)
    assert limit_of("kind:a", state, rules, now=NOW)[0] == 1
    state = ended(state, "good", rules, now=NOW)
    assert limit_of("kind:a", state, rules, now=NOW) is None
    assert limit_of("kind:a", state, rules, now=NOW + 101)[0] == 2
    state = ended(state, "bad", rules, now=NOW)
    assert limit_of("kind:a", state, rules, now=NOW)[0] == 2


def test_too_many_failures_stop_a_group_and_old_ones_do_not_count():
    rules = Safety(stop=StopRule(failures=3, percent=50, window=100))
    state = GroupState()
    for word in ("good", "good", "bad", "bad"):
        state = ended(state, word, rules, now=NOW)
    assert not stop_reason(state, rules.stop, now=NOW)
    state = ended(state, "bad", rules, now=NOW + 50)
    assert stop_reason(state, rules.stop, now=NOW + 50)
    assert not stop_reason(state, rules.stop, now=NOW + 120)


@given(st.lists(st.tuples(st.sampled_from(["good", "bad", ""]), st.floats(0, 500)), max_size=200))
def test_what_is_remembered_of_a_group_is_bounded(story):
    rules, state, now = Safety(stop=StopRule(window=1000)), GroupState(), NOW
    for word, later in story:
        now += later
        state = ended(state, word, rules, now=now)
        assert len(state.recent) <= 13


# --- windows --------------------------------------------------------------------------------


def test_a_window_is_local_time_also_when_clocks_are_put_forward():
    night = [Window("02:30", "04:00", ["sat", "sun"], "Europe/Berlin")]
    assert opens_at(night, at("2027-03-26 12:00")) == at("2027-03-27 02:30", "Europe/Berlin")
    inside = at("2027-03-27 03:00", "Europe/Berlin")
    assert opens_at(night, inside) == inside
    assert opens_at(night, at("2027-03-27 12:00")) == at("2027-03-28 03:30", "Europe/Berlin")


def test_a_window_over_midnight_belongs_to_the_day_it_starts():
    window = [Window("22:00", "02:00", ["mon"])]
    tuesday = at("2027-01-19 01:00")
    assert opens_at(window, tuesday) == tuesday
    assert opens_at(window, at("2027-01-19 03:00")) == at("2027-01-25 22:00")


def test_the_most_particular_windows_count():
    fleet, site = Window("01:00", "02:00"), Window("03:00", "04:00", groups=["site:x"])
    assert windows_for([fleet, site], ["site:x", "fleet"]) == [site]
    assert windows_for([fleet, site], ["site:y", "fleet"]) == [fleet]
    assert windows_for([site], ["site:y", "fleet"]) == []


@given(
    start=st.integers(0, 1439),
    length=st.integers(1, 1439),
    days=st.sets(st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), min_size=1),
    zone=st.sampled_from(
        ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
    ),
    now=st.integers(1_700_000_000, 1_900_000_000),
)
def test_a_window_opens_within_a_week_and_is_open_then(start, length, days, zone, now):
    end = (start + length) % 1440
    window = Window(f"{start // 60:02}:{start % 60:02}", f"{end // 60:02}:{end % 60:02}", sorted(days), zone)
    found = opens_at([window], now)
    assert now <= found <= now + 8 * 86400 + 3600
    assert opens_at([window], found) == found


# --- the policy -----------------------------------------------------------------------------


def test_a_wrong_section_is_told_with_place_and_remedy():
    text = POLICY + (
        "safety: {limits: {fleet: {percent: 5}, planet: {concurrent: 1}}, stop: {percent: 0},"
        " windows: [{start: '25:00', end: '02:00', zone: Mars/Base}]}\n"
    )
    with pytest.raises(AcsError) as raised:
        parse_policy(text)
    told = str(raised.value)
    for word in ("limits.fleet.concurrent", "'planet'", "safety.stop", "'25:00'", "Mars/Base"):
        assert word in told


def test_a_policy_without_the_section_has_limits_all_the_same():
    rules = parse_policy("rules: [{procedure: P1, because: x}]\n").safety
    assert rules.limits["fleet"].concurrent == 50
    assert rules == parse_policy(POLICY).safety
