"""The alarm list: raise, change, clear, acknowledge, and what is told of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, select

from acs import alarms as al
from acs import devices as dev
from acs.errors import AcsError
from acs.store import Store
from acs.store.tables import alarm_events, outbox
from tests.alarms.words import NOW, event

HEMS: dict[str, Any] = {
    "identifier": "HeMS-1",
    "event_type": "SECURITY_SERVICE_OR_MECHANISM_VIOLATION",
    "probable_cause": "AUTHENTICATION_FAILURE",
    "perceived_severity": "MAJOR",
    "specific_problem": "LOGIN",
    "additional_text": "x" * 300,
    "detector": "HeMS:acs",
}
AT = 1_800_000_000.0  # 2027-01-15T08:00:00Z


@pytest.fixture
async def device(store: Store) -> dev.Device:
    return await store.write(dev.register, "0005B9", "1", now=NOW)


async def take(store: Store, device: dev.Device, *events: al.AlarmEvent, now: float = NOW) -> al.Applied:
    """Take events in as those of one Inform."""

    def intake(conn: Connection) -> al.Applied:
        return al.apply(conn, dev.get(conn, device.id), events, now=now)

    return await store.write(intake)


async def told(store: Store) -> list[dict[str, Any]]:
    rows = await store.read(lambda conn: conn.execute(select(outbox).order_by(outbox.c.id)).all())
    return [msgspec.json.decode(row.body) for row in rows]


async def kinds(store: Store) -> list[str]:
    return [each["notificationType"] for each in await told(store)]


async def test_nothing_comes_of_nothing(store: Store, device: dev.Device) -> None:
    assert await take(store, device) == al.Applied()
    assert await told(store) == []


async def test_a_new_alarm_is_raised_in_canonical_words(store: Store, device: dev.Device) -> None:
    applied = await take(store, device, event(), now=NOW + 5)
    [change] = applied.changes
    assert change.kind == "new"
    alarm = change.alarm
    assert alarm == await store.read(al.get_alarm, alarm.id)
    assert alarm == await store.read(al.find_alarm, device.id, "A1")
    assert await store.read(al.active_alarms, device.id) == [alarm]
    assert (alarm.event_type, alarm.perceived_severity) == ("INTEGRITY_VIOLATION", "CRITICAL")
    assert alarm.probable_cause == "INFORMATION_MODIFICATION_DETECTED"
    assert alarm.probable_cause_code == al.PROBABLE_CAUSES[alarm.probable_cause]
    assert alarm.security
    assert alarm.detector == "HeNB:0005B9-1"
    assert (alarm.raised_at, alarm.changed_at, alarm.cleared_at) == (AT, None, None)
    assert not applied.suspect


async def test_an_alarm_changes_and_clears(store: Store, device: dev.Device) -> None:
    await take(store, device, event())
    [changed] = (
        await take(store, device, event(kind="ChangedAlarm", at=1, perceived_severity="Minor"))
    ).changes
    assert (changed.kind, changed.alarm.perceived_severity, changed.alarm.changed_at) == (
        "changed",
        "MINOR",
        AT + 1,
    )
    [cleared] = (await take(store, device, event(kind="ClearedAlarm", at=2))).changes
    assert (cleared.kind, cleared.alarm.state, cleared.alarm.cleared_at) == ("cleared", "cleared", AT + 2)
    assert (cleared.alarm.perceived_severity, cleared.alarm.clear_reason) == ("CLEARED", "device")
    assert cleared.alarm.id == changed.alarm.id
    assert await store.read(al.active_alarms, device.id) == []
    assert await kinds(store) == ["notifyNewAlarm", "notifyChangedAlarm", "notifyClearedAlarm"]


async def test_a_severity_of_cleared_clears_whatever_the_event_is_called(
    store: Store, device: dev.Device
) -> None:
    await take(store, device, event())
    [change] = (
        await take(store, device, event(kind="ChangedAlarm", at=1, perceived_severity="Cleared"))
    ).changes
    assert change.kind == "cleared"


async def test_clearing_what_is_not_active_changes_nothing(store: Store, device: dev.Device) -> None:
    assert (await take(store, device, event(kind="ClearedAlarm"))).changes == ()
    await take(store, device, event(at=1))
    await take(store, device, event(kind="ClearedAlarm", at=2))
    assert (await take(store, device, event(kind="ClearedAlarm", at=3))).changes == ()
    assert len(await told(store)) == 2


async def test_a_change_of_an_unknown_alarm_raises_it(store: Store, device: dev.Device) -> None:
    [change] = (await take(store, device, event(kind="ChangedAlarm"))).changes
    assert (change.kind, change.alarm.state) == ("new", "active")


async def test_an_alarm_raised_again_is_new_and_nothing_of_the_past_is_left(
    store: Store, device: dev.Device
) -> None:
    [first] = (await take(store, device, event())).changes
    await store.write(al.assign_alarm, first.alarm.id, 7)
    await store.write(al.acknowledge, device, first.alarm.id, who="operator", now=NOW)
    await take(store, device, event(kind="ChangedAlarm", at=1), event(kind="ClearedAlarm", at=2))
    [again] = (await take(store, device, event(at=9))).changes
    assert (again.kind, again.alarm.id, again.alarm.state) == ("new", first.alarm.id, "active")
    assert (again.alarm.raised_at, again.alarm.changed_at, again.alarm.cleared_at) == (AT + 9, None, None)
    assert (again.alarm.case_id, again.alarm.clear_reason) == (None, "")
    assert (again.alarm.ack_state, again.alarm.ack_user_id) == ("UNACKNOWLEDGED", "")


async def test_an_event_counts_once_however_often_it_is_told(store: Store, device: dev.Device) -> None:
    assert len((await take(store, device, event(), event())).changes) == 1
    assert (await take(store, device, event())).changes == ()
    assert (await take(store, device, event(table="QueuedEvent", instance=4))).changes == ()
    assert len((await take(store, device, event(at=1))).changes) == 1
    rows = await store.read(lambda conn: conn.execute(select(alarm_events)).all())
    assert [(row.source, row.perceived_severity) for row in rows] == [("ExpeditedEvent.1", "CRITICAL")] * 2


async def test_alarms_of_different_devices_are_different(store: Store, device: dev.Device) -> None:
    other = await store.write(dev.register, "0005B9", "2", now=NOW)
    assert len((await take(store, device, event())).changes) == 1
    assert len((await take(store, other, event())).changes) == 1
    assert len(await store.read(al.list_alarms)) == 2
    assert len(await store.read(al.list_alarms, device_id=other.id)) == 1


async def test_an_event_without_a_time_happens_when_it_arrives(store: Store, device: dev.Device) -> None:
    [change] = (await take(store, device, event(at=None), now=NOW + 77)).changes
    assert change.alarm.raised_at == NOW + 77


async def test_alarms_are_listed_newest_first(store: Store, device: dev.Device) -> None:
    await take(store, device, *(event(f"A{n}", at=n, instance=n + 1) for n in range(4)))
    await take(store, device, event("A1", "ClearedAlarm", at=9, instance=5))

    async def names(**by: Any) -> list[str]:
        return [each.alarm_identifier for each in await store.read(al.list_alarms, **by)]

    assert await names() == ["A3", "A2", "A1", "A0"]
    assert await names(limit=2) == ["A3", "A2"]
    assert await names(state="cleared") == ["A1"]
    assert await names(state="active", device_id=device.id) == ["A3", "A2", "A0"]
    with pytest.raises(AcsError, match="no alarm 99; see: acs alarms list"):
        await store.read(al.get_alarm, 99)


# --- the HeMS's own alarms ------------------------------------------------------------------------


async def test_the_hems_raises_an_alarm_of_its_own_once(store: Store, device: dev.Device) -> None:
    change = await store.write(al.raise_alarm, device, **HEMS, now=NOW)
    assert change is not None
    assert (change.alarm.detector, change.alarm.security) == ("HeMS:acs", True)
    assert change.alarm.probable_cause_code == al.PROBABLE_CAUSES["AUTHENTICATION_FAILURE"]
    assert len(change.alarm.additional_text) == 256
    assert await store.write(al.raise_alarm, device, **HEMS, now=NOW + 1) is None
    assert await kinds(store) == ["notifyNewAlarm"]


async def test_the_hems_clears_an_alarm_and_may_raise_it_again(store: Store, device: dev.Device) -> None:
    change = await store.write(al.raise_alarm, device, **HEMS, now=NOW)
    cleared = await store.write(al.clear_alarm, device, change.alarm.id, "operator", now=NOW + 1)
    assert (cleared.alarm.clear_reason, cleared.alarm.cleared_at) == ("operator", NOW + 1)
    assert await store.write(al.clear_alarm, device, change.alarm.id, "operator", now=NOW + 2) is None
    again = await store.write(al.raise_alarm, device, **HEMS, now=NOW + 3)
    assert (again.alarm.id, again.alarm.raised_at, again.alarm.active) == (change.alarm.id, NOW + 3, True)
    assert await kinds(store) == ["notifyNewAlarm", "notifyClearedAlarm", "notifyNewAlarm"]
    assert (await told(store))[1]["clearReason"] == "operator"


# --- rings ------------------------------------------------------------------------------------------


async def follow(store: Store, device: dev.Device, *instances: int, table: str = "ExpeditedEvent") -> bool:
    """Take one event after the other; tell whether the last one came with suspicion."""
    suspect = False
    for instance in instances:
        second = follow.count = getattr(follow, "count", 0) + 1  # type: ignore[attr-defined]
        suspect = (await take(store, device, event(f"R{second}", instance=instance, table=table))).suspect
    return suspect


@pytest.mark.parametrize(
    ("instances", "suspect"),
    [
        ((1,), False),
        ((4,), False),
        ((1, 2, 3), False),
        ((3, 4, 5, 1, 2), False),
        ((1, 1), False),
        ((1, 3), True),
        ((4, 2), True),
        ((1, 2, 5), True),
    ],
)
async def test_an_instance_that_was_jumped_over_is_noticed(
    store: Store, device: dev.Device, instances: tuple[int, ...], suspect: bool
) -> None:
    assert await follow(store, device, *instances) is suspect
    assert (await store.read(dev.get, device.id)).alarms_suspect is suspect


async def test_suspicion_stays_until_the_rings_are_read_anew(store: Store, device: dev.Device) -> None:
    assert await follow(store, device, 1, 3)
    assert not await follow(store, device, 4)
    assert (await store.read(dev.get, device.id)).alarms_suspect
    await store.write(al.reset_rings, device)
    assert not (await store.read(dev.get, device.id)).alarms_suspect
    assert not await follow(store, device, 9)


async def test_each_table_has_its_own_ring(store: Store, device: dev.Device) -> None:
    assert not await follow(store, device, 7)
    assert not await follow(store, device, 2, table="QueuedEvent")
    assert not await follow(store, device, 8)
    assert not await follow(store, device, 3, table="QueuedEvent")


async def test_events_told_again_are_no_loss(store: Store, device: dev.Device) -> None:
    events = [event(f"A{n}", at=n, instance=n) for n in (2, 3, 4)]
    assert not (await take(store, device, *events)).suspect
    assert not (await take(store, device, *events)).suspect  # the answer to the Inform was lost
    assert not (await take(store, device, event("A5", at=5, instance=5))).suspect
    assert (await take(store, device, event("A7", at=7, instance=7))).suspect


# --- what is told ---------------------------------------------------------------------------------


async def test_every_change_is_told_once_and_in_order(store: Store, device: dev.Device) -> None:
    heard: list[str] = []
    store.on("outbox", heard.append)
    await take(
        store,
        device,
        event("A1", at=0, instance=1),
        event("A2", at=1, instance=2),
        event("A1", "ChangedAlarm", at=2, instance=3),
        event("A1", "ClearedAlarm", at=3, instance=4),
        event("A1", "ClearedAlarm", at=3, instance=4),
        event("A1", at=4, instance=5),
        now=NOW + 1,
    )
    assert [(each["notificationType"], each["alarmId"]) for each in await told(store)] == [
        ("notifyNewAlarm", "0005B9-1:A1"),
        ("notifyNewAlarm", "0005B9-1:A2"),
        ("notifyChangedAlarm", "0005B9-1:A1"),
        ("notifyClearedAlarm", "0005B9-1:A1"),
        ("notifyNewAlarm", "0005B9-1:A1"),
    ]
    rows = await store.read(lambda conn: conn.execute(select(outbox)).all())
    assert {(row.device_id, row.created_at) for row in rows} == {(device.id, NOW + 1)}
    assert heard == [str(device.id)]


async def test_a_security_alarm_is_told_as_one(store: Store, device: dev.Device) -> None:
    await take(store, device, event())
    [body] = await told(store)
    assert body["eventTime"] == NOW
    assert body["objectInstance"] == body["serviceProvider"] == "ManagedElement=0005B9-1"
    assert body["serviceUser"] == "root"
    assert body["securityAlarmDetector"] == "HeNB:0005B9-1"
    assert body["additionalInformation"] == {"specificProblem": "FILE"}
    assert "specificProblem" not in body


@pytest.mark.parametrize(
    ("information", "user"), [("", "unknown"), ("a=1| user = eve", "eve"), ("user", "unknown")]
)
async def test_the_user_of_a_security_alarm_is_found(
    store: Store, device: dev.Device, information: str, user: str
) -> None:
    await take(store, device, event(additional_information=information))
    assert (await told(store))[0]["serviceUser"] == user


async def test_another_alarm_is_told_plainly(store: Store, device: dev.Device) -> None:
    await take(store, device, event(event_type="Equipment Alarm", managed_object_instance="Device.X.1"))
    [body] = await told(store)
    assert (body["specificProblem"], body["objectInstance"]) == ("FILE", "Device.X.1")
    assert "securityAlarmDetector" not in body


async def test_an_acknowledgement_is_kept_and_told(store: Store, device: dev.Device) -> None:
    [change] = (await take(store, device, event())).changes
    alarm = await store.write(al.acknowledge, device, change.alarm.id, who="operator", now=NOW + 3)
    assert (alarm.ack_state, alarm.ack_user_id, alarm.ack_at) == ("ACKNOWLEDGED", "operator", NOW + 3)
    body = (await told(store))[-1]
    assert body["notificationType"] == "notifyAckStateChanged"
    assert (body["ackState"], body["ackUserId"]) == ("ACKNOWLEDGED", "operator")


async def test_a_notification_may_be_about_no_device(store: Store) -> None:
    await store.write(al.notify, None, "notifyComments", {"text": "hello"}, now=NOW)
    assert await told(store) == [{"notificationType": "notifyComments", "eventTime": NOW, "text": "hello"}]
