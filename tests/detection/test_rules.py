"""The rules by themselves: what is found, and above all what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs.detection.checks import CHECKS
from acs.detection.clock import follow_clock, follow_uptime, is_set, judge_synchronisation
from acs.detection.memory import Memory, memory_of, memory_text
from acs.detection.place import distance, judge_place
from acs.detection.software import Loads, follow_boots, follow_software, judge_key
from acs.detection.thresholds import Thresholds, threshold_problems
from acs.detection.tunnel import judge_tunnel
from acs.detection.values import follow_baseline, follow_counters, judge_enclosure, judge_radio
from acs.simulator.faultmgmt import date_time

LIMITS = Thresholds()
NOW = 1_800_000_000.0
FAP = "Services.FAPService.1."


def informs(*times: tuple[float, float], memory: Memory | None = None):
    """Return memory and verdict after Informs at (time, offset)."""
    memory, verdict = memory or Memory(), None
    for at, offset in times:
        memory, verdict = follow_clock(
            memory, date_time(NOW + at + offset), LIMITS, booted=False, now=NOW + at
        )
    return memory, verdict


class TestClock:
    @pytest.mark.row("S1 L17")
    def test_a_drift_is_found_when_two_informs_show_it(self):
        assert informs((0, 0), (50_000, 12.5))[1].state == "unknown"
        verdict = informs((0, 0), (50_000, 12.5), (51_000, 12.8))[1]
        assert (verdict.state, verdict.check) == ("found", "C-12")
        assert 200 < verdict.facts["drift_ppm"] < 300

    def test_an_inform_that_was_held_up_is_no_drift(self):
        assert informs((0, 0), (4000, -30), (5000, 0))[1].state == "ok"

    @pytest.mark.row("S1 L17")
    def test_a_clock_that_was_right_and_is_hours_off_is_found(self):
        assert informs((0, 0), (900, 7200), (1800, 7200))[1].state == "found"

    def test_a_clock_that_never_was_right_is_not_modified(self):
        assert informs((0, -7200), (900, -7200), (90_000, -7200))[1].state != "found"

    @pytest.mark.parametrize("text", ["0001-01-01T00:00:00Z", "", "1970-01-01T03:00:00Z", "yesterday"])
    def test_a_device_without_time_is_left_in_peace(self, text):
        memory, verdict = follow_clock(Memory(), text, LIMITS, booted=False, now=NOW)
        assert (memory, verdict.state) == (Memory(), "unknown")

    def test_a_boot_sets_the_clock_anew(self):
        memory, _ = informs((0, 0), (50_000, 0))
        after, verdict = follow_clock(memory, date_time(NOW + 60_030), LIMITS, booted=True, now=NOW + 60_000)
        assert verdict.state == "ok"
        assert informs((70_000, 30), (70_900, 30), memory=after)[1].state == "ok"

    @given(st.lists(st.floats(-4, 0), min_size=2, max_size=60))
    def test_a_right_clock_is_never_found_whatever_the_way_takes(self, delays):
        memory, verdict = informs(*((900.0 * number, delay) for number, delay in enumerate(delays)))
        assert verdict.state == "ok"
        assert memory_of(memory_text(memory)) == memory


class TestSynchronisation:
    def judge(self, status: str, *, unset: bool = False, knew: bool = False, booted_for: float = 7200) -> str:
        memory = Memory(unset=unset, states={"C-20": "ok"} if knew else {})
        return judge_synchronisation(memory, status, LIMITS, booted_for=booted_for).state

    @pytest.mark.parametrize("status", ["Synchronized", "Disabled", "", "of a vendor"])
    def test_it_has_the_time_or_another_source_of_it(self, status):
        assert self.judge(status) == "ok"

    @pytest.mark.parametrize("status", ["Unsynchronized", "Error_FailedToSynchronize", "Error"])
    def test_who_never_had_it_is_no_finding_who_lost_it_is(self, status):
        assert self.judge(status) == "unknown"
        assert self.judge(status, knew=True) == "found"
        assert self.judge(status, knew=True, booted_for=60) == "unknown"

    def test_a_clock_that_was_never_set_is_not_synchronised_whatever_it_says(self):
        assert self.judge("Synchronized", unset=True) == "unknown"
        assert not is_set("0001-01-01T00:00:00Z")
        assert not is_set("1970-01-01T03:00:00Z")
        assert is_set(date_time(NOW))


class TestUpTime:
    def read(self, *readings: tuple[float, str], booted_at: float = 0.0):
        memory, verdict = Memory(), None
        for at, text in readings:
            memory, verdict = follow_uptime(memory, text, LIMITS, booted_at=NOW + booted_at, now=NOW + at)
        return verdict

    def test_what_goes_on_or_begins_anew_with_a_boot_is_right(self):
        assert self.read((0, "500"), (3600, "4100")).state == "ok"
        assert self.read((0, "500"), (3600, "30"), booted_at=3500).state == "ok"
        assert self.read((0, "500"), (9000, "5000"), booted_at=8900).state == "ok"  # it told late

    def test_a_boot_that_was_not_told_or_never_was_is_found(self):
        assert self.read((0, "500"), (3600, "30")).state == "found"
        assert self.read((0, "500"), (3600, "4100"), booted_at=3500).state == "found"

    def test_what_is_no_number_tells_nothing(self):
        assert follow_uptime(Memory(), "long", LIMITS, booted_at=0, now=NOW) == (Memory(), None)

    @given(st.lists(st.floats(1, 1e6), min_size=1, max_size=20), st.floats(-1e-4, 1e-4))
    def test_a_device_that_runs_through_is_never_found_though_its_clock_is_not_quite_right(self, gaps, drift):
        at, memory = 0.0, Memory()
        for gap in gaps:
            at += gap
            memory, verdict = follow_uptime(
                memory, str(int(at * (1 + drift))), LIMITS, booted_at=0, now=NOW + at
            )
            assert verdict.state == "ok"


class TestSoftware:
    def follow(self, memory: Memory, version: str, loads: Loads = Loads(), limits: Thresholds = LIMITS):  # noqa: B008
        return follow_software(memory, version, loads, limits, now=NOW)

    def test_the_first_is_taken_as_it_is(self):
        assert self.follow(Memory(), "1.0")[1].state == "ok"
        strict = Thresholds(require_approved=True)
        assert self.follow(Memory(), "1.0", limits=strict)[1].state == "found"
        assert self.follow(Memory(), "1.0", Loads(approved=True), strict)[1].state == "ok"

    @pytest.mark.row("S1 L14")
    @pytest.mark.parametrize(("version", "word"), [("2.0", "was changed"), ("0.9", "went back")])
    def test_a_change_without_a_download_stays_found_until_one_of_ours_succeeds(self, version, word):
        memory, _ = self.follow(Memory(), "1.0")
        memory, verdict = self.follow(memory, version)
        assert verdict.state == "found"
        assert word in verdict.text
        assert self.follow(memory, version, Loads(sent=True))[1].state == "found"
        memory, verdict = self.follow(memory, version, Loads(sent=True, succeeded=True, approved=True))
        assert verdict.state == "ok"
        assert self.follow(memory, version)[1].state == "ok"

    def test_an_upgrade_by_our_own_download_is_expected(self):
        memory, _ = self.follow(Memory(), "1.0")
        memory, verdict = self.follow(memory, "2.0", Loads(sent=True))
        assert verdict.state == "ok"
        assert memory.version == "2.0"

    @pytest.mark.row("S1 L14")
    def test_revoked_software_is_found(self):
        assert self.follow(Memory(), "1.0", Loads(revoked=True))[1].state == "found"

    def test_a_parameter_key_that_nothing_of_ours_left_is_found(self):
        assert judge_key("c1-2", ["c1-2"], bootstrap=False).state == "ok"
        assert judge_key("evil", ["c1-2"], bootstrap=False).state == "found"
        assert "reset" in judge_key("", ["c1-2"], bootstrap=True).text

    def test_boots_are_counted_within_a_window(self):
        memory, verdict = Memory(), None
        for number in range(5):
            memory, verdict = follow_boots(memory, LIMITS, unexplained=True, now=NOW + number * 600)
        assert verdict.state == "found"
        assert follow_boots(memory, LIMITS, unexplained=False, now=NOW + 90_000)[1].state == "ok"
        for number in range(200):
            memory, _ = follow_boots(memory, LIMITS, unexplained=True, now=NOW + number)
        assert len(memory.boots) <= 32


class TestPlace:
    site = {"latitude": "48.2082", "longitude": "16.3738", "macro_cells": "100,101"}  # noqa: RUF012
    here = {"FAP.GPS.LockedLatitude": "48208300", "FAP.GPS.LockedLongitude": "16373700"}  # noqa: RUF012
    away = {"FAP.GPS.LockedLatitude": "47070700", "FAP.GPS.LockedLongitude": "15439500"}  # noqa: RUF012

    def test_distance_is_that_of_the_great_circle(self):
        assert distance((48.2082, 16.3738), (48.8566, 2.3522)) == pytest.approx(1_034_000, rel=0.01)
        assert distance((0, 179.9), (0, -179.9)) == pytest.approx(22_239, rel=0.01)

    def test_gps_alone_tells_that_it_was_moved(self):
        assert judge_place(self.away, self.site, LIMITS).state == "found"
        assert judge_place(self.here, self.site, LIMITS).state == "ok"

    def test_a_nat_or_a_renumbering_alone_tells_nothing(self):
        assert judge_place(self.here, self.site, LIMITS, address_moved=True).state == "ok"
        assert judge_place({}, self.site, LIMITS, address_moved=True).state == "unknown"

    def test_other_macro_cells_and_another_network_together_do(self):
        cells = {f"{FAP}REM.LTE.Cell.1.BCCH.CellID": "999"}
        assert judge_place(cells, self.site, LIMITS).state == "ok"
        assert judge_place(cells, self.site, LIMITS, address_moved=True).state == "found"

    @pytest.mark.parametrize("values", [{}, {"FAP.GPS.LockedLatitude": "0", "FAP.GPS.LockedLongitude": "0"}])
    def test_without_a_fix_or_a_place_nothing_is_known(self, values):
        assert judge_place(values, self.site, LIMITS).state == "unknown"
        assert judge_place(self.away, {}, LIMITS).state == "unknown"
        assert judge_place(self.away, {"latitude": "nan", "longitude": "x"}, LIMITS).state == "unknown"


class TestValues:
    @pytest.mark.row("S1 L16")
    def test_it_must_not_radiate_while_it_is_locked(self):
        values = {f"{FAP}FAPControl.LTE.AdminState": "0", f"{FAP}FAPControl.LTE.RFTxStatus": "1"}
        assert judge_radio(values, "HeNB", LIMITS, fresh=values).state == "found"
        # what it told before it was locked is no finding
        assert judge_radio(values, "HeNB", LIMITS, fresh=[next(iter(values))]).state == "unknown"
        values[f"{FAP}FAPControl.LTE.AdminState"] = "true"
        assert judge_radio(values, "HeNB", LIMITS, fresh=values).state == "ok"
        assert judge_radio({}, "HeNB", LIMITS, fresh=()).state == "unknown"

    @pytest.mark.row("S1 L18")
    def test_power_above_the_licence_is_found(self):
        limits = Thresholds(max_reference_signal_power={"*": -10})
        for told in ("-9", "inf", "nan"):
            values = {f"{FAP}CellConfig.LTE.RAN.RF.ReferenceSignalPower": told}
            found = judge_radio(values, "HeNB", limits, fresh=())
            assert found.alarm.specific_problem == "ANTENNA_MODIFIED"

    @pytest.mark.row("S1 L19")
    def test_an_opened_enclosure_is_found(self):
        name = f"{FAP}FAPControl.EnclosureTamperingDetected"
        assert judge_enclosure({name: "true"}).state == "found"
        assert judge_enclosure({name: "0"}).state == "ok"
        assert judge_enclosure({}).state == "unknown"

    @pytest.mark.row("S1 L18")
    @pytest.mark.row("S1 L20")
    def test_what_must_not_change_is_compared_with_what_was_first_seen(self):
        ports = f"{FAP}CellConfig.LTE.RAN.PHY.AntennaInfo.AntennaPortsCount"
        memory, first = follow_baseline(Memory(), {ports: "2", "DeviceInfo.SerialNumber": "A1"}, "A")
        assert "found" not in {each.state for each in first}
        _, verdicts = follow_baseline(memory, {ports: "1", "DeviceInfo.SerialNumber": "B2"}, "B")
        assert {each.check for each in verdicts if each.state == "found"} == {"C-03", "C-07h", "C-16"}
        _, verdicts = follow_baseline(memory, {ports: "1"}, "A", {ports})  # we set it
        assert "found" not in {each.state for each in verdicts}

    @pytest.mark.row("S1 L16")
    def test_counters_of_ipsec_are_judged_by_their_rate_and_may_begin_anew(self):
        name = "IPsec.Stats.ReplayErrors"
        memory, _ = follow_counters(Memory(), {name: "10"}, LIMITS, now=NOW)
        assert follow_counters(memory, {name: "500"}, LIMITS, now=NOW + 3600)[1].state == "found"
        assert follow_counters(memory, {name: "50"}, LIMITS, now=NOW + 3600)[1].state == "ok"
        assert follow_counters(memory, {name: "0"}, LIMITS, now=NOW + 3600)[1].state == "ok"
        assert follow_counters(memory, {}, LIMITS, now=NOW)[1] is None


class TestTunnel:
    networks = ("10.32.0.0/12", "2001:db8::/32")

    @pytest.mark.parametrize("address", ["10.32.0.1", "10.47.255.255", "::ffff:10.33.0.1", "2001:db8::1"])
    def test_what_the_segw_gives_is_right(self, address):
        assert judge_tunnel(address, self.networks).state == "ok"

    @pytest.mark.parametrize("address", ["10.48.0.1", "192.0.2.1", "2001:db9::1", "::1", "::ffff:192.0.2.1"])
    def test_what_it_does_not_give_is_found(self, address):
        verdict = judge_tunnel(address, self.networks)
        assert (verdict.state, verdict.check) == ("found", "C-04")

    @given(st.text(max_size=50))
    def test_what_is_no_address_tells_nothing(self, text):
        assert judge_tunnel(f"x{text}", self.networks).state == "unknown"

    def test_a_policy_with_no_networks_is_refused(self):
        assert threshold_problems(Thresholds(tunnel_networks=["10.0.0.0/8"]), frozenset(CHECKS)) == []
        [told] = threshold_problems(Thresholds(tunnel_networks=["10.0.0.1/8"]), frozenset(CHECKS))
        assert "'10.0.0.1/8' is no network" in told
