"""The FaultMgmt tables: rows, rings, reporting mechanisms, notification (TR-181 Issue 2)."""

from __future__ import annotations

import pytest

from acs.simulator import TAMPERS
from tests.simulator.shell import FAULTS, NOW, PACE, codes, get, make, report, session, set_values

CLOCK = "clock-modified"
REPAIRED = ("Device.Time.NTPServer1", "ntp.example")


def rows(henb, table: str) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {}
    for name, value in get(henb, f"{FAULTS}{table}.").items():
        number, _, field = name[len(f"{FAULTS}{table}.") :].partition(".")
        found.setdefault(int(number), {})[field] = value
    return found


def written(henb, table: str) -> list[tuple[str, str]]:
    return [
        (row["NotificationType"], row["SpecificProblem"])
        for row in rows(henb, table).values()
        if row["AlarmIdentifier"]
    ]


def raise_and_clear(henb, now: float = NOW) -> None:
    henb.tamper(CLOCK, now)
    set_values(henb, REPAIRED, now=now)
    assert CLOCK not in [active.tamper.name for active in henb.tampers]


def test_out_of_the_box_alarms_are_logged_and_not_reported():
    henb = make()
    assert {row["ReportingMechanism"] for row in rows(henb, "SupportedAlarm").values()} == {"2 Logged"}
    henb.tamper(CLOCK, NOW)
    assert not henb.wants_to_talk
    assert written(henb, "HistoryEvent") == [("NewAlarm", "CLOCK_SPEED_MODIFIED")]
    assert written(henb, "ExpeditedEvent") == written(henb, "QueuedEvent") == []


def test_a_current_alarm_has_all_facts_and_goes_when_its_cause_goes():
    henb = make()
    henb.tamper(CLOCK, NOW)
    count = f"{FAULTS}CurrentAlarmNumberOfEntries"
    assert get(henb, count) == {count: "1"}
    tamper = TAMPERS[CLOCK]
    assert rows(henb, "CurrentAlarm") == {
        1: {
            "AlarmIdentifier": "SEC-001-0001",
            "AlarmRaisedTime": "2027-01-15T08:00:00.000Z",
            "AlarmChangedTime": "2027-01-15T08:00:00.000Z",
            "ManagedObjectInstance": "Device.Services.FAPService.1",
            "EventType": tamper.event_type,
            "ProbableCause": tamper.probable_cause,
            "SpecificProblem": tamper.specific_problem,
            "PerceivedSeverity": tamper.severity,
            "AdditionalText": CLOCK,
            "AdditionalInformation": "detail=+250ppm",
        }
    }
    set_values(henb, REPAIRED)
    assert rows(henb, "CurrentAlarm") == {}
    assert get(henb, count) == {count: "0"}


def test_several_alarms_have_a_row_each():
    henb = make()
    for name in TAMPERS:
        henb.tamper(name, NOW)
    found = rows(henb, "CurrentAlarm")
    assert {row["SpecificProblem"] for row in found.values()} == {
        t.specific_problem for t in TAMPERS.values()
    }
    assert len({row["AlarmIdentifier"] for row in found.values()}) == len(TAMPERS)


@pytest.mark.parametrize(
    ("mechanism", "tables"),
    [
        ("0 Expedited", {"ExpeditedEvent", "HistoryEvent"}),
        ("1 Queued", {"QueuedEvent", "HistoryEvent"}),
        ("2 Logged", {"HistoryEvent"}),
        ("3 Disabled", set()),
    ],
)
def test_the_reporting_mechanism_decides_the_tables(mechanism, tables):
    henb = make()
    report(henb, mechanism, 2)
    raise_and_clear(henb)
    both = [("NewAlarm", "CLOCK_SPEED_MODIFIED"), ("ClearedAlarm", "CLOCK_SPEED_MODIFIED")]
    for table in ("ExpeditedEvent", "QueuedEvent", "HistoryEvent"):
        assert written(henb, table) == (both if table in tables else [])
    assert henb.wants_to_talk is (mechanism[0] in "01")


@pytest.mark.parametrize("mechanism", ["0 Expedited", "1 Queued"])
def test_an_event_tells_all_parameters_of_its_row(mechanism):
    henb = make()
    report(henb, mechanism, 2)
    henb.tamper(CLOCK, NOW)
    assert henb.wants_session(NOW)
    inform = session(henb, NOW)
    table = "ExpeditedEvent" if mechanism[0] == "0" else "QueuedEvent"
    told = {each.name: each.value for each in inform.parameters if each.name.startswith(FAULTS)}
    assert codes(inform) == ["4 VALUE CHANGE"]
    assert told == get(henb, f"{FAULTS}{table}.1.")
    assert told[f"{FAULTS}{table}.1.NotificationType"] == "NewAlarm"
    assert not henb.wants_to_talk


def test_with_passive_notification_an_event_waits_for_the_next_session():
    henb = make()
    report(henb, "1 Queued", 1)
    henb.tamper(CLOCK, NOW)
    assert not henb.wants_session(NOW)
    henb.connection_requested()
    inform = session(henb, NOW)
    assert set(codes(inform)) == {"6 CONNECTION REQUEST", "4 VALUE CHANGE"}
    assert any(each.name.startswith(f"{FAULTS}QueuedEvent.1.") for each in inform.parameters)


def test_a_ring_begins_anew_after_its_last_row():
    henb = make()
    report(henb, "0 Expedited", 2)
    for number in range(5):  # two events each, so ten in eight rows
        raise_and_clear(henb, NOW + number)
    found = rows(henb, "ExpeditedEvent")
    assert len(found) == 8
    identifiers = [found[number]["AlarmIdentifier"] for number in range(1, 9)]
    assert identifiers == [f"SEC-001-000{number}" for number in (5, 5, 2, 2, 3, 3, 4, 4)]


def test_a_boot_clears_the_tables_and_what_is_still_wrong_is_raised_anew():
    henb = make()
    report(henb, "0 Expedited", 2)
    henb.tamper("case-opened", NOW)
    raise_and_clear(henb)
    first = rows(henb, "CurrentAlarm")[1]["AlarmIdentifier"]
    session(henb, NOW)
    henb._reboot("r", NOW)
    henb.tick(NOW + PACE.boot)
    assert written(henb, "ExpeditedEvent") == [("NewAlarm", "CASE_OPENED")]
    assert written(henb, "HistoryEvent") == [("NewAlarm", "CASE_OPENED")]
    again = rows(henb, "CurrentAlarm")
    assert list(again) == [1]
    assert again[1]["AlarmIdentifier"] != first
    assert rows(henb, "ExpeditedEvent")[2]["EventTime"] == "0001-01-01T00:00:00Z"


def test_a_factory_reset_forgets_what_is_to_be_reported():
    from acs.cwmp import messages as m

    henb = make()
    report(henb, "0 Expedited", 2)
    session(henb, NOW, m.FactoryReset())
    henb.tick(NOW + PACE.factory_reset)
    assert {row["ReportingMechanism"] for row in rows(henb, "SupportedAlarm").values()} == {"2 Logged"}
    assert henb.attributes == {}
