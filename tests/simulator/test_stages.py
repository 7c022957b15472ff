"""The stages of a HeNB: the table by itself, and each of its rows as the device goes through it."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acs.cwmp import messages as m
from acs.datamodel import golden_configuration
from acs.distress import Trigger as DistressTrigger
from acs.distress import build_trigger
from acs.simulator import HeNB
from acs.simulator.distress_channels import Distress, DistressPath
from acs.simulator.pace import Pace
from acs.simulator.stages import TRANSITIONS, Stage, Stages, Trigger, find_transition

START = 1_800_000_000.0
KEY = "the key of the distress channels"
GOLDEN = tuple(m.ParameterValue(*each) for each in golden_configuration("henb"))
EXPEDITED = tuple(
    m.ParameterValue(
        f"Device.FaultMgmt.SupportedAlarm.{number}.ReportingMechanism", "0 Expedited", "xsd:string"
    )
    for number in range(1, 8)
)
NOTIFIED = m.SetParameterAttributes((m.SetParameterAttribute("Device.FaultMgmt.ExpeditedEvent.", 2),))


class Bench:
    """One HeNB under our own clock, whose sessions go as the test says."""

    def __init__(self, *, paths: int = 0, emergency: bool = False) -> None:
        self.now = START
        chance = random.Random(1)
        pace = Pace(boot=10, factory_reset=20, self_test=5, install=10, retry_scale=1.0)
        identity = m.DeviceId("ACME", "0005B9", "HeNB-LTE", "S1")
        self.henb = HeNB(
            identity, "1.0.0", pace, "http://192.0.2.1/cr", chance, emergency_available=emergency
        )
        kinds = ("IPsec2", "Internet", "AirInterface")[:paths]
        self.henb.distress = Distress(tuple(DistressPath(each, f"https://{each}/") for each in kinds), KEY)
        self.triggers = 0

    @property
    def stage(self) -> Stage:
        return self.henb.stage

    @property
    def ids(self) -> list[str]:
        return [each.id for each in self.henb.stages.history]

    def ready(self) -> Bench:
        """Have it registered and set up to expedite its alarms."""
        self.henb.power_on(self.now)
        self.session(m.SetParameterValues(EXPEDITED, "k1"), NOTIFIED)
        assert self.stage == Stage.OPERATIONAL
        self.henb.stages.history.clear()
        return self

    def session(self, *requests: m.Message, breaks: str = "") -> None:
        """Hold a session; ``breaks``: before the "inform" is answered, or "after" it."""
        self.pass_time()
        henb = self.henb
        if henb.state != "running":
            return
        inform = henb.inform(self.now)
        if breaks == "inform":
            henb.session_failed(self.now)
            return
        henb.informed(inform)
        while (own := henb.next_request()) is not None:
            henb.answered(own)
        for each in requests:
            henb.handle(each, self.now)
        if breaks:
            henb.session_failed(self.now)
        else:
            henb.session_ended(self.now)

    def pass_time(self, seconds: float = 1) -> None:
        self.now += seconds
        self.henb.tick(self.now)

    def call(self) -> bool:
        """Trigger it over its first distress channel."""
        self.triggers += 1
        trigger = DistressTrigger(int(self.now), self.triggers, "0005B9-S1", f"{self.triggers:016x}")
        return self.henb.triggered(build_trigger(trigger, KEY, host="henb.example"), "IPsec2", self.now)

    def transfer(self, code: int = 0) -> None:
        self.pass_time()
        transfer = self.henb.transfer_due(self.now)
        if transfer is not None:
            self.henb.downloaded(transfer, "2.0.0", code, "it failed" if code else "", self.now)


DOWNLOAD = m.Download("k2", "1 Firmware Upgrade Image", "https://acs/image")


def test_a_trigger_moves_a_stage_in_one_way():
    places = [(source, each.trigger) for each in TRANSITIONS for source in each.sources]
    assert len(places) == len(set(places))
    assert {each.trigger for each in TRANSITIONS} == set(Trigger)
    assert {each.target for each in TRANSITIONS} == set(Stage)
    assert all(each.because for each in TRANSITIONS)


@given(st.lists(st.sampled_from(Trigger)))
def test_nothing_moves_but_by_the_table(triggers):
    stages = Stages()
    for trigger in triggers:
        before, count = stages.stage, len(stages.history)
        row = find_transition(before, trigger)
        assert stages.on(trigger) == (row is not None)
        assert stages.stage == (row.target if row else before)
        assert len(stages.history) == count + (row is not None)


def test_a_shut_down_device_waits_for_a_person():
    for trigger in set(Trigger) - {Trigger.POWER_ON}:
        assert find_transition(Stage.SHUT_DOWN, trigger) is None


@pytest.mark.row("S1 L22.1")
def test_an_alarm_is_detected_told_and_remedied():
    bench = Bench()
    bench.henb.power_on(bench.now)
    assert bench.stage == Stage.DISCOVERY
    bench.session(m.SetParameterValues(EXPEDITED, "k1"), NOTIFIED)
    assert bench.ids == ["N-61", "N-60"]
    bench.henb.stages.history.clear()
    bench.henb.tamper("configuration-modified", bench.now)
    assert bench.stage == Stage.DETECTED
    bench.session()
    assert bench.stage == Stage.WAIT_REMEDIATION
    bench.session(m.SetParameterValues(GOLDEN, "k2"))
    assert bench.stage == Stage.OPERATIONAL
    assert bench.ids == ["N-01", "N-02", "N-03", "N-11", "N-11"]


@pytest.mark.row("S1 L39.2")
def test_what_does_not_help_leads_to_the_next_rung():
    bench = Bench().ready()
    bench.henb.tamper("configuration-modified", bench.now, until="factory_reset")
    bench.session(m.SetParameterValues(GOLDEN, "k2"))
    assert bench.stage == Stage.WAIT_REMEDIATION
    bench.session(m.Reboot("k3"))
    assert bench.stage == Stage.REBOOTING
    bench.pass_time(10)
    assert bench.stage == Stage.DETECTED  # anew
    bench.session(m.FactoryReset())
    assert bench.stage == Stage.FACTORY_RESETTING
    bench.pass_time(20)
    assert bench.stage == Stage.DISCOVERY
    bench.session()
    assert bench.stage == Stage.OPERATIONAL
    told = ["N-01", "N-02", "N-03"]
    assert bench.ids == [*told, "N-11", "N-11", "N-12", "N-12", *told, "N-13", "N-13", "N-60"]


@pytest.mark.row("S1 L42.1")
def test_software_is_loaded_again_after_it_failed():
    bench = Bench().ready()
    bench.henb.tamper("software-modified", bench.now)
    bench.session(DOWNLOAD)
    assert bench.stage == Stage.DOWNLOADING
    bench.transfer(9018)
    assert bench.stage == Stage.WAIT_REMEDIATION
    bench.session(DOWNLOAD)
    bench.transfer()
    assert bench.stage == Stage.REBOOTING
    bench.pass_time(20)
    assert bench.stage == Stage.OPERATIONAL
    assert bench.ids[3:] == ["N-14", "N-14", "N-14", "N-14", "N-12"]


@pytest.mark.row("S1 L28.2")
def test_a_diagnostic_test_changes_no_configuration():
    bench = Bench().ready()
    bench.henb.tamper("case-opened", bench.now)
    state = m.ParameterValue("Device.SelfTestDiagnostics.DiagnosticsState", "Requested")
    bench.session(m.SetParameterValues((state,), "k2"))
    assert bench.stage == Stage.WAIT_REMEDIATION
    bench.pass_time(5)
    assert bench.ids == ["N-01", "N-02", "N-03", "N-10"]


@pytest.mark.row("S1 L46.1")
def test_a_fatal_alarm_is_told_and_then_it_shuts_down():
    bench = Bench().ready()
    bench.henb.tamper("circuit-modified", bench.now)
    bench.session(breaks="inform")
    assert bench.stage == Stage.REPORTING  # not told yet
    bench.session()
    assert (bench.stage, bench.henb.state) == (Stage.SHUT_DOWN, "off")
    assert bench.ids == ["N-01", "N-30", "N-31"]


@pytest.mark.row("S1 L32.3")
@pytest.mark.row("S1 L46.2")
@pytest.mark.parametrize(
    ("tamper", "first"), [("circuit-modified", "N-32"), ("configuration-modified", "N-04")]
)
def test_an_alarm_that_cant_be_told_takes_the_second_path(tamper, first):
    bench = Bench(paths=1).ready()
    bench.henb.tamper(tamper, bench.now)
    for _ in range(3):
        bench.session(breaks="inform")
    assert bench.stage == Stage.DISTRESS_SECOND_PATH
    assert bench.ids[2:] == [first, "N-43"]
    bench.session()
    assert bench.ids[-1] == ("N-31" if first == "N-32" else "N-44")


@pytest.mark.row("S1 L46.2")
def test_without_a_distress_channel_a_fatal_alarm_leads_to_the_emergency():
    bench = Bench(emergency=True).ready()
    bench.henb.tamper("circuit-modified", bench.now)
    for _ in range(3):
        bench.session(breaks="inform")
    assert "N-33" in bench.ids


@pytest.mark.row("S1 L66.1")
@pytest.mark.parametrize("emergency", [False, True])
def test_when_no_path_is_left(emergency):
    bench = Bench(paths=1, emergency=emergency).ready()
    bench.henb.tamper("configuration-modified", bench.now)
    for _ in range(5):
        bench.session(breaks="inform")
    assert ("N-45" in bench.ids, "N-46" in bench.ids) == (emergency, not emergency)


@pytest.mark.row("S1 L76")
def test_a_connected_device_that_does_not_reach_the_hems_takes_the_second_path_and_comes_back():
    bench = Bench(paths=1).ready()
    for _ in range(5):
        bench.session(breaks="inform")
    assert bench.ids == ["N-40", "N-43"]
    bench.session()
    bench.session()  # over the standard path
    assert bench.ids[2:] == ["N-44", "N-42"]
    bench.session()
    assert bench.stage == Stage.OPERATIONAL


@pytest.mark.row("S1 L78")
@pytest.mark.parametrize("works", [True, False])
def test_a_device_that_is_called_tries_the_standard_path_first(works):
    bench = Bench(paths=1).ready()
    assert bench.call()
    assert bench.stage == Stage.DISTRESS_STANDARD_RETRY
    bench.session(breaks="" if works else "inform")
    assert bench.ids == ["N-41", "N-42" if works else "N-43"]


@pytest.mark.row("S1 L82.5")
@pytest.mark.row("S1 L84")
@pytest.mark.parametrize("given", [True, False])
def test_the_emergency_ends_with_registration_or_shut_down(given):
    bench = Bench(emergency=True).ready()
    bench.henb.tamper("configuration-modified", bench.now, until="factory_reset")
    for _ in range(3):
        bench.session(breaks="inform")
    bench.pass_time(60)
    assert bench.stage == Stage.EMERGENCY_SESSION
    bench.henb.tamper("circuit-modified", bench.now)  # the fail-safe image knows of no alarms
    bench.henb.repair()
    for _ in range(20):
        bench.session(*((DOWNLOAD,) if given and bench.stage == Stage.EMERGENCY_SESSION else ()))
        bench.transfer()
        bench.pass_time(60)
    ended = ["N-52", "N-52", "N-60"] if given else ["N-53"]
    assert bench.ids[2:] == ["N-33", "N-51", *ended]
    assert bench.stage == (Stage.OPERATIONAL if given else Stage.SHUT_DOWN)


def test_a_person_switches_it_off_and_on():
    bench = Bench().ready()
    bench.henb.shut_down()
    assert bench.stage == Stage.SHUT_DOWN
    bench.henb.power_on(bench.now, first=False)
    bench.session()
    assert bench.ids == ["N-62", "N-61", "N-60"]


OPERATIONS = st.one_of(
    st.tuples(
        st.just("tamper"), st.sampled_from(["case-opened", "configuration-modified", "software-modified"])
    ),
    st.tuples(st.just("tamper"), st.just("circuit-modified")),
    st.tuples(st.just("session"), st.sampled_from(["", "", "inform", "inform", "after"])),
    st.tuples(st.just("set"), st.sampled_from(["", "after"])),
    st.tuples(st.just("reboot"), st.sampled_from(["", "inform", "after"])),
    st.tuples(st.just("reset"), st.sampled_from(["", "after"])),
    st.tuples(st.just("download"), st.sampled_from(["", "after"])),
    st.tuples(st.just("transfer"), st.sampled_from([0, 9018])),
    st.tuples(st.just("test"), st.just("")),
    st.tuples(st.just("cut"), st.just("")),
    st.tuples(st.just("pass"), st.sampled_from([1, 30])),
    st.tuples(st.just("call"), st.just("")),
    st.tuples(st.just("power"), st.sampled_from(["on", "off"])),
)


def perform(bench: Bench, what: str, how) -> None:
    state = m.ParameterValue("Device.SelfTestDiagnostics.DiagnosticsState", "Requested")
    requests = {
        "set": (m.SetParameterValues((*EXPEDITED, *GOLDEN), "k"), NOTIFIED),
        "reboot": (m.Reboot("k"),),
        "reset": (m.FactoryReset(),),
        "download": (DOWNLOAD,),
        "test": (m.SetParameterValues((state,), "k"),),
        "session": (),
    }
    if what in requests:
        bench.session(*requests[what], breaks=how)
    elif what == "cut":
        for _ in range(6):
            bench.pass_time(60)
            bench.session(breaks="inform")
    elif what == "tamper":
        bench.henb.tamper(how, bench.now)
    elif what == "transfer":
        bench.transfer(how)
    elif what == "pass":
        bench.pass_time(how)
    elif what == "call":
        bench.call()
    elif how == "off":
        bench.henb.shut_down()
    elif bench.henb.state == "off":
        bench.henb.power_on(bench.now)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    paths=st.integers(0, 2),
    emergency=st.booleans(),
    operations=st.lists(OPERATIONS, max_size=30),
)
def test_whatever_happens_the_stage_is_what_the_device_does(paths, emergency, operations):
    bench = Bench(paths=paths, emergency=emergency)
    bench.henb.power_on(bench.now)
    for what, how in operations:
        perform(bench, what, how)
        henb = bench.henb
        assert (bench.stage == Stage.SHUT_DOWN) == (henb.state == "off")
        if henb.state == "restarting":
            assert bench.stage in (
                *(Stage.REBOOTING, Stage.FACTORY_RESETTING),
                *(Stage.EMERGENCY_BOOT, Stage.EMERGENCY_SESSION, Stage.DISCOVERY),
            )
        if henb.state == "running":
            assert bench.stage not in (Stage.REBOOTING, Stage.FACTORY_RESETTING)
            assert (henb.session_path() is None) or bench.stage == Stage.DISTRESS_SECOND_PATH
        previous = None
        for move in henb.stages.history:
            row = find_transition(move.source, move.trigger)
            assert row is not None
            assert (row.id, row.target) == (move.id, move.target)
            assert previous in (None, move.source)
            previous = move.target
