"""What one enrolled device writes costs the others nothing: labels of metrics, times, rows, terminals."""

from __future__ import annotations

import re

import pytest
from prometheus_client import generate_latest

from acs import alarms as al
from acs.cli.output import moment
from acs.cwmp import messages as m
from tests.southbound.conftest import bench, inform

__all__ = ["bench"]

EVENTS = "Device.FaultMgmt.ExpeditedEvent."
LATEST = "9999-12-31T23:59:59-23:59"  # which is year 10000 in UTC: no datetime can be made of it


def row_of(number: int, **values: str) -> tuple[m.ParameterValue, ...]:
    row = {
        "EventTime": "2027-01-15T08:00:00Z",
        "AlarmIdentifier": f"A{number}",
        "NotificationType": "NewAlarm",
        "EventType": "Integrity Violation",
        "ProbableCause": "Software Corrupted",
        "PerceivedSeverity": "Warning",
        **values,
    }
    return tuple(m.ParameterValue(f"{EVENTS}{number}.{name}", value) for name, value in row.items())


@pytest.mark.row("2.2", "2.4")
async def test_a_device_can_not_make_the_metrics_grow(bench):
    """Each new label of a metric is kept for ever, in every node and at whoever collects them."""
    made_up = [value for number in range(1, 200) for value in row_of(number, EventType=f"invented {number}")]
    async with bench.client() as http:
        assert (await bench.post(http, inform(parameters=made_up))).status == 200
    kinds = set(re.findall(r'acs_alarm_changes_total\{event_type="(\w+)"', metrics_of(bench)))
    assert kinds == {"OTHER"}
    assert bench.metric("acs_alarm_changes_total", kind="new", event_type="OTHER") >= 199


def metrics_of(bench) -> str:
    return generate_latest(bench.node.metrics.registry).decode()


@pytest.mark.row("2.4")
async def test_an_alarm_of_the_year_10000_is_one_of_today_and_spoils_no_list(bench):
    values = row_of(1, EventTime=LATEST) + row_of(2, EventTime="2026-01-01T00:00:00Z")
    async with bench.client() as http:
        await bench.post(http, inform(parameters=values))
    found = {each.alarm_identifier: each for each in await bench.node.store.read(al.list_alarms)}
    assert found["A1"].raised_at == bench.clock[0]
    assert moment(found["A2"].raised_at) == "2026-01-01 00:00:00"
    cleared = row_of(3, EventTime=LATEST, AlarmIdentifier="A1", NotificationType="ClearedAlarm")
    async with bench.client() as http:
        await bench.post(http, inform(parameters=cleared))
    (alarm,) = [each for each in await bench.node.store.read(al.list_alarms) if each.alarm_identifier == "A1"]
    assert alarm.cleared_at == bench.clock[0]
