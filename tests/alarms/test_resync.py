"""Resynchronisation with CurrentAlarm, and how FaultMgmt is set up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, select

from acs import alarms as al
from acs import devices as dev
from acs.cwmp import messages as m
from acs.store import Store
from acs.store.tables import outbox
from tests.alarms.words import NOW, current, event


@pytest.fixture
async def device(store: Store) -> dev.Device:
    return await store.write(dev.register, "0005B9", "1", now=NOW)


async def raise_(store: Store, device: dev.Device, *names: str) -> list[al.Alarm]:
    events = [event(name, instance=n) for n, name in enumerate(names, 1)]
    return [each.alarm for each in (await store.write(al.apply, device, events, now=NOW)).changes]


async def resync(store: Store, device: dev.Device, *rows: list[m.ParameterValue], **other: Any) -> list[str]:
    changes = await store.write(
        al.apply_resync, device, [value for row in rows for value in row], **{"now": NOW + 5, **other}
    )
    return [f"{change.kind} {change.alarm.alarm_identifier}" for change in changes]


async def active(store: Store, device: dev.Device) -> list[str]:
    return [each.alarm_identifier for each in await store.read(al.active_alarms, device.id)]


async def kinds(store: Store) -> list[str]:
    query = select(outbox.c.notification_type).order_by(outbox.c.id)
    return await store.read(lambda conn: list(conn.execute(query).scalars()))


@pytest.mark.parametrize(
    ("root", "path"),
    [
        ("", "Device.FaultMgmt.CurrentAlarm."),
        ("Device.", "Device.FaultMgmt.CurrentAlarm."),
        ("InternetGatewayDevice.", "InternetGatewayDevice.FaultMgmt.CurrentAlarm."),
    ],
)
async def test_current_alarm_is_asked_for_below_the_root(
    store: Store, device: dev.Device, root: str, path: str
) -> None:
    assert al.resync_request(replace(device, root=root)) == m.GetParameterValues((path,))


def test_rows_of_current_alarm_are_read_in_order() -> None:
    parameters = [
        *current(10, "A10"),
        *current(2, "A2", root="InternetGatewayDevice.Services.FAPService.1."),
        *current(3, ""),
        m.ParameterValue("Device.FaultMgmt.CurrentAlarmNumberOfEntries", "3"),
    ]
    assert [row["AlarmIdentifier"] for row in al.current_alarms(parameters)] == ["A2", "A10"]


async def test_what_the_device_no_longer_has_is_cleared(store: Store, device: dev.Device) -> None:
    await raise_(store, device, "A1", "A2")
    assert await resync(store, device, current(1, "A2")) == ["cleared A1"]
    cleared = await store.read(al.find_alarm, device.id, "A1")
    assert cleared is not None
    assert (cleared.clear_reason, cleared.cleared_at, cleared.perceived_severity) == (
        "resync",
        NOW + 5,
        "CLEARED",
    )
    assert await kinds(store) == [
        "notifyNewAlarm",
        "notifyNewAlarm",
        "notifyClearedAlarm",
        "notifyAlarmListRebuilt",
    ]


async def test_what_the_list_lacks_is_raised(store: Store, device: dev.Device) -> None:
    assert await resync(store, device, current(1, "A1"), current(2, "A2")) == ["new A1", "new A2"]
    found = await store.read(al.find_alarm, device.id, "A1")
    assert found is not None
    assert (found.raised_at, found.event_type, found.security) == (NOW, "INTEGRITY_VIOLATION", True)
    assert await resync(store, device, current(1, "A1"), current(2, "A2")) == []
    assert (await kinds(store)).count("notifyAlarmListRebuilt") == 1


async def test_what_was_cleared_here_but_is_there_is_raised_again(store: Store, device: dev.Device) -> None:
    [alarm] = await raise_(store, device, "A1")
    await store.write(al.clear_alarm, device, alarm.id, "operator", now=NOW + 1)
    assert await resync(store, device, current(1, "A1")) == ["new A1"]


async def test_a_row_that_says_little_is_raised_all_the_same(store: Store, device: dev.Device) -> None:
    base = "Device.FaultMgmt.CurrentAlarm.1."
    assert await resync(store, device, [m.ParameterValue(f"{base}AlarmIdentifier", "A1")]) == ["new A1"]
    [alarm] = await store.read(al.active_alarms, device.id)
    assert (alarm.perceived_severity, alarm.raised_at) == ("INDETERMINATE", NOW + 5)


async def test_an_identifier_that_is_too_long_is_still_the_same_alarm(
    store: Store, device: dev.Device
) -> None:
    long = "x" * 80
    assert await resync(store, device, current(1, long)) == [f"new {long[:64]}"]
    assert await resync(store, device, current(1, long)) == []


async def test_alarms_of_an_open_case_survive_a_reboot(store: Store, device: dev.Device) -> None:
    kept, other = await raise_(store, device, "A1", "A2")
    assert await resync(store, device, keep_open=frozenset({kept.id})) == ["cleared A2"]
    assert await active(store, device) == ["A1"]
    assert (await store.read(al.get_alarm, kept.id)).clear_reason == al.CLEARED_BY_REBOOT
    [change] = (
        await store.write(al.apply, device, [event("A1", at=8, kind="NewAlarm")], now=NOW + 8)
    ).changes
    assert (change.kind, change.alarm.clear_reason) == ("changed", "")
    assert other.id != kept.id


async def test_alarms_of_the_hems_are_none_of_the_devices_business(store: Store, device: dev.Device) -> None:
    facts = {"event_type": "INTEGRITY_VIOLATION", "probable_cause": "X", "perceived_severity": "MAJOR"}
    await store.write(
        al.raise_alarm,
        device,
        identifier="H1",
        specific_problem="",
        additional_text="",
        detector="HeMS:acs",
        now=NOW,
        **facts,
    )
    assert await resync(store, device) == []
    assert await active(store, device) == ["H1"]
    assert "notifyAlarmListRebuilt" not in await kinds(store)


async def test_a_resync_ends_the_suspicion(store: Store, device: dev.Device) -> None:
    events = [event("A1", instance=1), event("A2", instance=4)]

    def lose(conn: Connection) -> al.Applied:
        return al.apply(conn, device, events, now=NOW)

    assert (await store.write(lose)).suspect
    await resync(store, device, current(1, "A1"), current(2, "A2"))
    stored = await store.read(dev.get, device.id)
    assert (stored.alarms_suspect, stored.alarm_rings) == (False, "{}")


# --- setting FaultMgmt up -------------------------------------------------------------------------

ROWS = {
    1: ("Integrity Violation", "2 Logged"),
    2: ("x10", "1 Queued"),
    3: ("Physical Violation", "0 Expedited"),
    4: ("Equipment Alarm", "2 Logged"),
    5: ("", "2 Logged"),
}


def supported(root: str = "Device.") -> list[m.ParameterValue]:
    found = []
    for number, (kind, mechanism) in ROWS.items():
        base = f"{root}FaultMgmt.SupportedAlarm.{number}."
        found += [
            m.ParameterValue(f"{base}EventType", kind),
            m.ParameterValue(f"{base}ReportingMechanism", f" {mechanism}"),
            m.ParameterValue(f"{base}PerceivedSeverity", "Major"),
        ]
    return found


def test_security_alarms_are_made_expedited_and_others_left_alone() -> None:
    request = al.reporting_request(supported(), parameter_key="p")
    assert request is not None
    assert request.parameter_key == "p"
    assert [(each.name, each.value) for each in request.parameters] == [
        ("Device.FaultMgmt.SupportedAlarm.1.ReportingMechanism", "0 Expedited"),
        ("Device.FaultMgmt.SupportedAlarm.2.ReportingMechanism", "0 Expedited"),
    ]


def test_an_expedited_alarm_is_not_made_slower() -> None:
    root = "InternetGatewayDevice.Services.FAPService.1."
    request = al.reporting_request(supported(root), mechanism=al.QUEUED, parameter_key="p")
    assert request is not None
    [only] = request.parameters
    assert only.name == f"{root}FaultMgmt.SupportedAlarm.1.ReportingMechanism"
    assert only.value == "1 Queued"


def test_nothing_is_asked_for_where_all_is_well() -> None:
    right = [replace(each, value="0 Expedited") if "Mechanism" in each.name else each for each in supported()]
    assert al.reporting_request(right, parameter_key="p") is None
    assert al.reporting_request([], parameter_key="p") is None


@pytest.mark.parametrize("root", ["", "Device.", "InternetGatewayDevice."])
def test_new_rows_are_notified(root: str) -> None:
    base = al.fault_management_paths(root)[0]
    assert base == f"{root or 'Device.'}FaultMgmt."
    request = al.notification_request(base)
    assert {each.name: each.notification for each in request.parameters} == {
        f"{base}ExpeditedEvent.": 2,
        f"{base}QueuedEvent.": 1,
    }


async def test_an_active_alarm_takes_over_the_severity_that_the_device_tells(store, device) -> None:
    await raise_(store, device, "A")
    row = current(1, "A", PerceivedSeverity="Minor")
    assert await resync(store, device, row) == ["changed A"]
    (alarm,) = await store.read(al.active_alarms, device.id)
    assert alarm.perceived_severity == "MINOR"
    assert await resync(store, device, row) == []
