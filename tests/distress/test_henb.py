"""The HeNB's side of 5.7.3.1: when it goes over to the second path, and what is left when that fails too."""

from __future__ import annotations

import pytest

from acs.cwmp import messages as m
from acs.distress import Trigger, build_trigger
from tests.world import DISTRESS_KEY, World

EVERYTHING = {"standard", "trigger", "IPsec2", "Internet", "AirInterface"}


def booted(distress: int = 2) -> World:
    world = World(distress=distress)
    world.boot()
    world.channels.clear()
    return world


def trigger(world: World, *, key: str = DISTRESS_KEY, un: str = "", number: int = 1, ts: float = 0) -> bytes:
    return build_trigger(
        Trigger(int(ts or world.now), number, un or world.key, "0" * 16), key, host="192.0.2.1:7550"
    )


@pytest.mark.row("S1 L62.3")
def test_a_trigger_leads_to_the_standard_path_at_first():
    """N-42."""
    world = booted()
    assert world.henb.triggered(trigger(world), "IPsec2", world.now)
    world.run(60)
    assert world.channels == ["standard"]
    assert not world.henb.distress.called


@pytest.mark.row("S1 L78")
def test_where_the_standard_path_fails_the_second_is_taken_at_once():
    """N-41, N-43."""
    world = booted()
    world.cut = {"standard"}
    world.henb.triggered(trigger(world), "Internet", world.now)
    world.run(2)
    assert world.channels == ["Internet"]
    assert world.device.channel == "distress"


@pytest.mark.row("S1 L62.4")
def test_the_session_says_over_which_channel_it_comes():
    world = booted()
    world.cut = {"standard"}
    told = []
    inform = world.henb.inform
    world._open, hold = lambda message: told.append(message) or hold(message), world._open
    world.henb.triggered(trigger(world), "IPsec2", world.now)
    world.run(2)
    assert inform(world.now).events == ()
    assert m.Event("X 0005B9 DISTRESS", "IPsec2") in told[0].events


@pytest.mark.row("S1 L54.5")
def test_a_trigger_that_is_not_genuine_not_its_own_or_not_new_is_refused():
    world = booted()
    good = trigger(world)
    for data in (
        b"",
        trigger(world, key="x" * 32),
        trigger(world, un="0005B9-1"),
        trigger(world, ts=world.now - 400),
    ):
        assert not world.henb.triggered(data, "IPsec2", world.now)
    assert world.henb.triggered(good, "IPsec2", world.now)
    assert not world.henb.triggered(good, "IPsec2", world.now)
    assert world.henb.distress.refused == {
        "no genuine trigger": 2,
        "of another device": 1,
        "stale": 1,
        "repeated": 1,
    }


@pytest.mark.row("S1 L32.3")
def test_an_alarm_that_needs_no_remediation_is_told_over_the_second_path():
    """N-04."""
    world = booted()
    world.cut = {"standard"}
    world.henb.tamper("case-opened", world.now)
    world.run(200)
    assert "IPsec2" in world.channels
    assert [each.specific_problem for each in world.alarms()] == ["CASE_OPENED"]


@pytest.mark.row("S1 L46.2")
def test_a_fatal_alarm_is_told_over_the_second_path_then_it_shuts_down():
    """N-32, N-31."""
    world = booted()
    world.cut = {"standard"}
    world.henb.tamper("circuit-modified", world.now)
    world.run(200)
    assert world.channels == ["IPsec2"]
    assert world.henb.state == "off"
    assert world.henb.distress.ended == ""
    assert world.device.blocked


@pytest.mark.row("S1 L76")
def test_connected_to_the_network_but_not_to_the_hems_it_takes_the_second_path():
    """N-40."""
    world = booted()
    world.cut = {"standard"}
    world.run(90_000)
    assert "IPsec2" in world.channels
    assert world.henb.state == "running"


def test_without_a_connection_to_the_network_there_is_no_reason_for_it():
    world = booted()
    world.cut = {"standard"}
    world.henb.distress.connected = False
    world.run(90_000)
    assert world.channels == []


@pytest.mark.row("S1 L74")
def test_it_returns_to_the_standard_path_when_that_works_again():
    world = booted()
    world.cut = {"standard"}
    world.henb.tamper("case-opened", world.now)
    world.run(200)
    world.cut.clear()
    world.henb.triggered(trigger(world, number=99), "IPsec2", world.now)
    world.run(10)
    assert world.channels[-1] == "standard"
    assert world.henb.distress.good is None


@pytest.mark.row("S1 L66.1")
def test_where_everything_fails_it_shuts_down():
    """N-46."""
    world = booted()
    world.cut = set(EVERYTHING)
    world.henb.tamper("case-opened", world.now)
    world.run(1000)
    assert (world.henb.state, world.henb.distress.ended) == ("off", "shut down")


@pytest.mark.row("S1 L66.1")
@pytest.mark.row("S1 L82.1")
@pytest.mark.parametrize(("connected", "ended"), [(True, "emergency"), (False, "shut down")])
def test_emergency_remediation_is_begun_where_it_is_available(connected, ended):
    """N-45, N-50."""
    world = booted()
    world.henb.emergency_available = True
    world.henb.distress.connected = connected
    world.cut = set(EVERYTHING)
    world.henb.tamper("case-opened", world.now)
    world.run(1000)
    assert world.henb.distress.ended == ended


@pytest.mark.row("S1 L53")
def test_a_henb_with_neither_tries_the_standard_path_for_ever():
    world = booted(distress=0)
    world.cut = {"standard"}
    world.henb.tamper("case-opened", world.now)
    world.run(90_000)
    assert world.henb.state == "running"


def test_each_path_is_tried_more_than_once_and_all_of_them():
    world = booted(distress=3)
    tried = []
    path = world.henb.session_path
    world.session, hold = lambda: tried.append(path()) or hold(), world.session
    world.cut = set(EVERYTHING)
    world.henb.tamper("case-opened", world.now)
    world.run(1000)
    kinds = [each.kind for each in tried if each is not None]
    assert kinds == ["IPsec2", "IPsec2", "Internet", "Internet", "AirInterface", "AirInterface"]


# --- the simplified protocol, on the HeNB's side -----------------------------------------------


def over_a_distress_channel() -> World:
    """A world whose HeNB is in the middle of a session over its first distress channel."""
    world = booted()
    world.henb.distress.over = 0
    return world


@pytest.mark.row("S1 L54.2")
@pytest.mark.parametrize(
    "request_",
    [
        m.SetParameterValues((m.ParameterValue("Device.ManagementServer.URL", "https://evil/"),), "k"),
        m.SetParameterValues((), "k"),
        m.SetParameterValues(
            (
                m.ParameterValue("Device.SelfTestDiagnostics.DiagnosticsState", "Requested"),
                m.ParameterValue("Device.ManagementServer.URL", "https://evil.example/"),
            ),
            "k",
        ),
        m.GetParameterNames("", True),
        m.AddObject("Device.FaultMgmt.CurrentAlarm.", "k"),
        m.Upload("k", "1 Vendor Configuration File", "https://evil.example/"),
        m.ScheduleInform(10, "k"),
    ],
)
def test_the_henb_too_refuses_what_is_not_of_the_simplified_protocol(request_):
    world = over_a_distress_channel()
    before = world.henb.tree.value("Device.ManagementServer.URL")
    answer = world.henb.handle(request_, world.now)
    assert isinstance(answer, m.Fault)
    assert answer.code == 9001
    assert world.henb.tree.value("Device.ManagementServer.URL") == before
    world.henb.distress.over = None
    answer = world.henb.handle(m.GetParameterNames("", True), world.now)
    assert isinstance(answer, m.GetParameterNamesResponse)


@pytest.mark.row("S1 L54.2")
def test_what_it_may_not_say_over_a_distress_channel_waits_for_the_standard_path():
    """It neither breaks the session over the second path off nor has one session follow the other."""
    world = booted()
    world.cut = {"standard"}
    done = m.DUStateChangeComplete((), "k")
    world.henb.outgoing.append(done)
    world.henb.add_event(m.Event("11 DU STATE CHANGE COMPLETE"))
    world.henb.add_event(m.Event("M ChangeDUState", "k"))
    world.henb.triggered(trigger(world), "IPsec2", world.now)
    world.run(1000)
    assert world.henb.state == "running"
    assert world.henb.outgoing == [done]
    assert set(world.channels) == {"IPsec2"}
    assert len(world.channels) <= 5
    world.cut.clear()
    world.run(1000)
    assert world.channels[-1] == "standard"
    assert (world.henb.outgoing, world.henb.events) == ([], [])


def test_a_trigger_is_looked_at_by_the_clock_that_the_device_has():
    """A clock that was made to run fast or slow obeys no trigger (S1 L17)."""
    world = booted()
    world.henb.tamper("clock-modified", world.now, silent=True)
    world.now += 10_000_000
    assert abs(world.henb.clock(world.now) - world.now) > 300
    assert not world.henb.triggered(trigger(world), "IPsec2", world.now)
    assert world.henb.distress.refused == {"stale": 1}
