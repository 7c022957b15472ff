"""Each of the seven causes, and how far a remediation has to go until it gives in."""

from __future__ import annotations

import pytest

from acs.cwmp import messages as m
from acs.errors import AcsError
from acs.simulator import TAMPERS, UNTIL
from acs.simulator.tamper import parse_until
from tests.simulator.shell import FAULTS, NOW, PACE, SELF_TEST, codes, get, make, report, session, set_values

SETTABLE = ("configuration-modified", "clock-modified", "antenna-modified")
SOFTWARE = ("software-modified", "software-behaviour")
GOLDEN = {"antenna-modified": ("-18", "xsd:string")}
IMAGE = m.Download("load", "1 Firmware Upgrade Image", "http://a")


def reconfigure(henb, now: float) -> float:
    for active in list(henb.tampers):
        value, kind = GOLDEN.get(active.tamper.name, ("good.example", "xsd:string"))
        answer = set_values(henb, (active.tamper.parameter, value, kind), now=now)
        assert isinstance(answer, m.SetParameterValuesResponse)
    return now


def reboot(henb, now: float) -> float:
    session(henb, now, m.Reboot("r"))
    henb.tick(now + PACE.boot)
    return now + PACE.boot


def factory_reset(henb, now: float) -> float:
    session(henb, now, m.FactoryReset())
    henb.tick(now + PACE.factory_reset)
    return now + PACE.factory_reset


def download(henb, now: float) -> float:
    session(henb, now, IMAGE)
    henb.downloaded(henb.transfer_due(now), "2.0.0", 0, "", now)
    if henb.state == "restarting":
        now += PACE.install + PACE.boot
        henb.tick(now)
    return now


def climb(henb, rungs) -> str:
    """Return the rung after which nothing is wrong any more."""
    now = NOW
    for rung in rungs:
        now = rung(henb, now)
        session(henb, now)
        if not henb.tampers:
            return rung.__name__
    return "never"


@pytest.mark.parametrize("until", UNTIL)
@pytest.mark.parametrize("name", SETTABLE)
def test_a_changed_parameter_gives_in_at_the_rung_it_was_made_for(name, until):
    henb = make()
    report(henb, "0 Expedited", 2)
    henb.tamper(name, NOW, until=until)
    ladder = (reconfigure, reboot, reconfigure, factory_reset, reconfigure)
    expected = {"reconfigure": "reconfigure", "download": "reconfigure", "never": "never"}
    if until in expected:
        assert climb(henb, ladder) == expected[until]
    else:
        # After the rung that weakens it the parameter can be set right, or is by the reset itself.
        assert climb(henb, (reconfigure, reboot)) == "never"
        if until == "reboot":
            assert climb(henb, (reconfigure,)) == "reconfigure"
        else:
            assert climb(henb, (reconfigure, factory_reset)) == "factory_reset"
    count = f"{FAULTS}CurrentAlarmNumberOfEntries"
    assert get(henb, count) == {count: "1" if until == "never" else "0"}


@pytest.mark.parametrize("until", UNTIL)
@pytest.mark.parametrize("name", SOFTWARE)
def test_changed_software_gives_in_at_the_rung_it_was_made_for(name, until):
    henb = make()
    report(henb, "0 Expedited", 2)
    henb.tamper(name, NOW, until=until)
    assert climb(henb, (reboot,) if until == "download" else ()) == "never"
    if until in ("download", "reconfigure"):
        assert climb(henb, (download,)) == "download"
        assert henb.banks.running == "2.0.0"
        return
    assert climb(henb, (download, reboot)) == "never"
    if until == "reboot":
        assert climb(henb, (download,)) == "download"
    else:
        assert climb(henb, (download, factory_reset)) == "never"
        assert climb(henb, (download,)) == ("download" if until == "factory_reset" else "never")


@pytest.mark.parametrize("until", UNTIL)
def test_an_opened_case_stays_open_whatever_is_done(until):
    henb = make()
    report(henb, "0 Expedited", 2)
    henb.tamper("case-opened", NOW, until=until)
    assert climb(henb, (reboot, download)) == "never"
    row = get(henb, f"{FAULTS}CurrentAlarm.")
    assert row[f"{FAULTS}CurrentAlarm.1.PerceivedSeverity"] == "Minor"


@pytest.mark.parametrize("until", UNTIL)
def test_a_changed_circuit_is_told_and_then_the_device_shuts_down(until):
    henb = make()
    report(henb, "0 Expedited", 2)
    henb.tamper("circuit-modified", NOW, until=until)
    assert henb.state == "running"
    henb.session_failed(NOW)
    assert henb.state == "running", "nobody was told yet"
    session(henb, NOW + 60)
    assert henb.state == "off"
    henb.connection_requested()
    assert not henb.wants_session(NOW + 1e6)


def test_a_stubborn_manipulation_undoes_a_new_configuration_and_keeps_its_alarm():
    henb = make()
    report(henb, "0 Expedited", 2)
    henb.tamper("clock-modified", NOW, until="reboot")
    session(henb, NOW)
    set_values(henb, ("Device.Time.NTPServer1", "good.example"))
    assert get(henb, "Device.Time.NTPServer1") == {"Device.Time.NTPServer1": "ntp.rogue.example"}
    assert not henb.wants_to_talk


@pytest.mark.parametrize("name", TAMPERS)
def test_each_tamper_raises_its_alarm_and_fails_its_part_of_the_self_test(name):
    tamper = TAMPERS[name]
    henb = make()
    report(henb, "0 Expedited", 2)
    henb.tamper(name, NOW)
    told = {each.name: each.value for each in henb.inform(NOW).parameters}
    row = f"{FAULTS}ExpeditedEvent.1."
    assert told[f"{row}EventType"] == tamper.event_type
    assert told[f"{row}ProbableCause"] == tamper.probable_cause
    assert told[f"{row}PerceivedSeverity"] == tamper.severity
    assert told[f"{row}SpecificProblem"] == tamper.specific_problem
    henb.changed.clear()
    henb.events.clear()
    set_values(henb, (f"{SELF_TEST}DiagnosticsState", "Requested"))
    assert not henb.wants_to_talk
    henb.tick(NOW + PACE.self_test)
    assert codes(henb.inform(NOW)) == ["8 DIAGNOSTICS COMPLETE"]
    result = get(henb, f"{SELF_TEST}Results", f"{SELF_TEST}DiagnosticsState")
    assert result[f"{SELF_TEST}DiagnosticsState"] == "Complete"
    parts = dict(part.split("=", 1) for part in result[f"{SELF_TEST}Results"].split(";"))
    assert [check for check, verdict in parts.items() if verdict.startswith(("FAIL", "OPEN"))] == [
        tamper.check
    ]
    assert tamper.detail in parts[tamper.check]


def test_a_sound_device_passes_its_self_test_and_a_second_request_begins_it_anew():
    henb = make()
    state = (f"{SELF_TEST}DiagnosticsState", "Requested")
    set_values(henb, state)
    set_values(henb, state, now=NOW + 5)
    henb.tick(NOW + PACE.self_test)
    assert not henb.wants_to_talk
    henb.tick(NOW + PACE.self_test + 5)
    results = get(henb, f"{SELF_TEST}Results")[f"{SELF_TEST}Results"]
    assert results == "v=1;test=SEC;sw=OK;cfg=OK;clk=OK;ant=OK;case=OK;hw=OK;tre=OK"


def test_an_until_that_is_unknown_is_a_clear_error():
    with pytest.raises(AcsError, match="until: 'tomorrow' is unknown; known are reconfigure, download"):
        parse_until("tomorrow", TAMPERS["case-opened"])


def test_without_until_the_first_rung_helps():
    assert parse_until("", TAMPERS["software-modified"]) == "download"
    assert parse_until("", TAMPERS["clock-modified"]) == "reconfigure"
