"""Alarm events out of an Inform's ParameterList."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs import alarms as al
from acs.cwmp import messages as m
from tests.alarms.words import TIME, row

LAYOUTS = (
    "Device.FaultMgmt.",
    "InternetGatewayDevice.FaultMgmt.",
    "Device.Services.FAPService.1.FaultMgmt.",
    "InternetGatewayDevice.Services.FAPService.2.FaultMgmt.",
)


@pytest.mark.parametrize("root", LAYOUTS)
@pytest.mark.parametrize("table", ["ExpeditedEvent", "QueuedEvent"])
def test_a_row_becomes_an_event_in_every_layout(root: str, table: str) -> None:
    found = al.extract(row(f"{root}{table}.3."))
    [event] = found.events
    assert event.source == f"{table}.3"
    assert (event.alarm_identifier, event.event_time) == ("A1", TIME.format(0))
    assert (event.notification_type, event.event_type) == ("NewAlarm", "Integrity Violation")
    assert event.perceived_severity == "Critical"
    assert event.additional_information == "user=root;file=/bin/x"
    assert found.roots == {root}
    assert found.incomplete == ()


@pytest.mark.parametrize(
    "name",
    [
        "Device.FaultMgmt.HistoryEvent.1.AlarmIdentifier",
        "Device.FaultMgmt.CurrentAlarm.1.AlarmIdentifier",
        "Device.FaultMgmt.ExpeditedEventNumberOfEntries",
        "Device.FaultMgmt.ExpeditedEvent.x.AlarmIdentifier",
        "Device.FaultMgmt.ExpeditedEvent.1.",
        "Device.FaultMgmt.ExpeditedEvent.1.A.B",
        "Device.DeviceInfo.SoftwareVersion",
    ],
)
def test_other_parameters_are_no_events(name: str) -> None:
    assert al.extract([m.ParameterValue(name, "x")]) == al.Extract()


@pytest.mark.parametrize("values", [{"AlarmIdentifier": ""}, {"EventTime": m.UNKNOWN_TIME}])
def test_a_row_that_is_not_populated_is_left_out(values: dict[str, str]) -> None:
    found = al.extract(row("Device.FaultMgmt.QueuedEvent.1.", **values))
    assert (found.events, found.incomplete) == ((), ())


@pytest.mark.parametrize(
    "values",
    [
        {"AlarmIdentifier": None},
        {"NotificationType": None},
        {"EventType": ""},
        {"ProbableCause": " "},
        {"PerceivedSeverity": None},
    ],
)
def test_a_row_that_lacks_something_is_named(values: dict[str, str | None]) -> None:
    path = "Device.FaultMgmt.ExpeditedEvent.2."
    found = al.extract([*row(path, **values), *row("Device.FaultMgmt.ExpeditedEvent.3.")])
    assert found.incomplete == (path,)
    assert [event.instance for event in found.events] == [3]


def test_what_may_be_missing_is_empty() -> None:
    optional = ("SpecificProblem", "ManagedObjectInstance", "AdditionalText", "AdditionalInformation")
    [event] = al.extract(row("Device.FaultMgmt.QueuedEvent.1.", **dict.fromkeys(optional))).events
    assert event.specific_problem == event.managed_object_instance == ""
    assert event.additional_text == event.additional_information == ""


@pytest.mark.parametrize("time", ["", None])
def test_a_row_without_time_has_the_time_of_the_inform(time: str | None) -> None:
    parameters = row("Device.FaultMgmt.QueuedEvent.1.", EventTime=time)
    [event] = al.extract(parameters, current_time="2027-01-15T09:00:00Z").events
    assert event.event_time == "2027-01-15T09:00:00Z"


def test_white_space_around_values_is_nothing() -> None:
    [event] = al.extract(row("Device.FaultMgmt.QueuedEvent.1.", AlarmIdentifier=" A1\n")).events
    assert event.alarm_identifier == "A1"


def test_values_are_cut_to_what_the_data_model_allows() -> None:
    long = "x" * 1000
    parameters = row(
        "Device.FaultMgmt.QueuedEvent.1.", AlarmIdentifier=long, SpecificProblem=long, AdditionalText=long
    )
    [event] = al.extract(parameters).events
    assert len(event.alarm_identifier) == 64
    assert len(event.specific_problem) == 128
    assert len(event.additional_text) == 256


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("NewAlarm", "NewAlarm"),
        ("ChangedAlarm", "ChangedAlarm"),
        ("ClearedAlarm", "ClearedAlarm"),
        ("Alarm Clear", "ClearedAlarm"),
        ("CLEARED", "ClearedAlarm"),
        ("raise", "NewAlarm"),
    ],
)
def test_odd_notification_types_are_understood(text: str, kind: str) -> None:
    [event] = al.extract(row("Device.FaultMgmt.QueuedEvent.1.", NotificationType=text)).events
    assert event.notification_type == kind


@pytest.mark.parametrize(
    "times",
    [
        (TIME.format(1), TIME.format(2), TIME.format(3)),
        ("2027-01-15T08:00:01Z", "2027-01-15T08:00:01.5Z", "2027-01-15T08:00:02Z"),
        ("2027-01-15T08:00:01+01:00", "2027-01-15T07:30:00Z", "2027-01-15T03:00:00-05:00"),
    ],
)
def test_the_oldest_event_comes_first_however_its_time_is_written(times: tuple[str, ...]) -> None:
    parameters = [
        value
        for place in (2, 0, 1)
        for value in row(
            f"Device.FaultMgmt.ExpeditedEvent.{place + 1}.",
            EventTime=times[place],
            AlarmIdentifier=str(place),
        )
    ]
    assert [event.alarm_identifier for event in al.extract(parameters).events] == ["0", "1", "2"]


@given(
    st.lists(
        st.builds(
            m.ParameterValue,
            st.builds(
                "{}{}.{}.{}".format,
                st.sampled_from(LAYOUTS),
                st.sampled_from(["ExpeditedEvent", "QueuedEvent", "CurrentAlarm"]),
                st.sampled_from(["1", "2", "007", "x", "9" * 12]),
                st.sampled_from(["AlarmIdentifier", "EventTime", "NotificationType", "EventType", "Odd"]),
            ),
            st.text(max_size=10),
        ),
        max_size=30,
    )
)
def test_whatever_a_device_sends_is_read_without_complaint(parameters: list[m.ParameterValue]) -> None:
    found = al.extract(parameters)
    assert all(event.alarm_identifier for event in found.events)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2027-01-15T08:00:00Z", datetime(2027, 1, 15, 8, tzinfo=UTC)),
        ("2027-01-15T08:00:00", datetime(2027, 1, 15, 8, tzinfo=UTC)),
        ("2027-01-15T09:00:00+01:00", datetime(2027, 1, 15, 8, tzinfo=UTC)),
        (" 2027-01-15T08:00:00.25Z ", datetime(2027, 1, 15, 8, 0, 0, 250_000, tzinfo=UTC)),
        ("2027-01-15T08:00:00,5Z", datetime(2027, 1, 15, 8, 0, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_a_time_is_understood(text: str, moment: datetime) -> None:
    assert al.parse_time(text, 0.0) == moment.timestamp()


@pytest.mark.parametrize(
    "text", ["", m.UNKNOWN_TIME, "0000-00-00T00:00:00Z", "yesterday", "2027-13-01T00:00:00Z", "1"]
)
def test_a_time_that_says_nothing_is_the_time_of_arrival(text: str) -> None:
    assert al.parse_time(text, 5.0) == 5.0


@given(st.one_of(st.text(max_size=30), st.datetimes(timezones=st.timezones()).map(lambda at: at.isoformat())))
def test_any_text_is_some_time(text: str) -> None:
    assert isinstance(al.parse_time(text, 5.0), float)
