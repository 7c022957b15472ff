"""Whatever a hostile device tells, what it fills and what it costs is bounded."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from acs import alarms as al
from acs import commands as cm
from acs import devices as dev
from acs.alarms.alarm_list import FLOOD, MAX_ALARMS, MAX_REMEMBERED
from acs.alarms.intake import MAX_EVENTS
from acs.commands.queue import MAX_RESULT
from acs.cwmp import messages as m
from acs.devices.check_in import MAX_INFORM, MAX_PARAMETERS, MAX_VALUE
from acs.store import Store
from acs.store.tables import alarm_events, commands, parameters
from tests.conftest import Clock
from tests.sessions import arrive, post


def rows(count: int, *, start: int = 0, identifier: str = "id", time: str = "2026-01-01T00:00:{:02}Z"):
    for n in range(start, start + count):
        base = f"Device.FaultMgmt.ExpeditedEvent.{n + 1}."
        yield m.ParameterValue(base + "EventTime", time.format(n % 60))
        yield m.ParameterValue(base + "AlarmIdentifier", f"{identifier}{n}")
        yield m.ParameterValue(base + "NotificationType", "NewAlarm")
        yield m.ParameterValue(base + "EventType", "Equipment Alarm")
        yield m.ParameterValue(base + "ProbableCause", "Fire")
        yield m.ParameterValue(base + "PerceivedSeverity", "Minor")


def inform(*parameters: m.ParameterValue, event: str = "2 PERIODIC") -> m.Inform:
    identity = m.DeviceId("ACME", "0005B9", "HeNB", "A1")
    return m.Inform(identity, (m.Event(event),), parameters=tuple(parameters))


async def count(store: Store, table) -> int:
    return await store.read(lambda conn: conn.execute(select(func.count()).select_from(table)).scalar_one())


def test_of_ten_thousand_rows_in_one_inform_the_newest_are_taken() -> None:
    found = al.extract(rows(10_000))
    assert len(found.events) == MAX_EVENTS
    assert found.more


async def test_a_message_with_too_many_events_has_the_list_read_anew(store: Store, clock: Clock) -> None:
    opened = await arrive(store, inform(*rows(MAX_EVENTS + 1)))
    reply = await post(store, opened, None)
    assert isinstance(reply.message, m.GetParameterValues)
    assert reply.message.names == ("Device.FaultMgmt.CurrentAlarm.",)


async def test_more_alarms_than_are_kept_become_one_alarm_about_them(store: Store, clock: Clock) -> None:
    def flood(conn: Connection) -> None:
        device = dev.register(conn, "0005B9", "A1", now=clock.now)
        for start in range(0, MAX_ALARMS + 500, 250):
            al.apply(conn, device, al.extract(rows(250, start=start)).events, now=clock.now)

    await store.write(flood)
    found = await store.read(al.list_alarms, limit=5000)
    assert len(found) == MAX_ALARMS + 1
    assert found[0].alarm_identifier == FLOOD
    assert found[0].security


async def test_a_cleared_alarm_makes_room_for_a_new_one(store: Store, clock: Clock) -> None:
    def fill(conn: Connection) -> None:
        device = dev.register(conn, "0005B9", "A1", now=clock.now)
        for start in range(0, MAX_ALARMS, 250):
            al.apply(conn, device, al.extract(rows(250, start=start)).events, now=clock.now)
        first = al.find_alarm(conn, device.id, "id0")
        assert first is not None
        al.clear_alarm(conn, device, first.id, "operator", now=clock.now)
        al.apply(conn, device, al.extract(rows(1, identifier="new")).events, now=clock.now)
        assert al.find_alarm(conn, device.id, "id0") is None
        assert al.find_alarm(conn, device.id, "new0") is not None
        assert al.find_alarm(conn, device.id, FLOOD) is None

    await store.write(fill)


async def test_a_device_can_not_clear_what_the_hems_detected(store: Store, clock: Clock) -> None:
    def clear(conn: Connection) -> None:
        device = dev.register(conn, "0005B9", "A1", now=clock.now)
        made = al.raise_alarm(
            conn,
            device,
            identifier="x0",
            event_type="OPERATIONAL_VIOLATION",
            probable_cause="DENIAL_OF_SERVICE",
            perceived_severity="MAJOR",
            specific_problem="",
            additional_text="",
            detector="HeMS:x",
            now=clock.now,
        )
        assert made is not None
        events = [
            m.ParameterValue(each.name, "ClearedAlarm" if "Notification" in each.name else each.value)
            for each in rows(1, identifier="x")
        ]
        assert al.apply(conn, device, al.extract(events).events, now=clock.now).changes == ()

    await store.write(clear)


async def test_the_memory_of_events_does_not_grow_for_ever(store: Store, clock: Clock) -> None:
    def chatter(conn: Connection) -> None:
        device = dev.register(conn, "0005B9", "A1", now=clock.now)
        for n in range(12):
            text = f"2026-01-{n + 1:02}T00:00:{{:02}}Z"
            al.apply(conn, device, al.extract(rows(240, time=text)).events, now=clock.now)

    await store.write(chatter)
    assert await count(store, alarm_events) == MAX_REMEMBERED


async def test_an_endless_event_time_does_not_keep_the_device_from_checking_in(
    store: Store, clock: Clock
) -> None:
    opened = await arrive(store, inform(*rows(1, time="9" * 100_000)))
    assert len(opened.changes) == 1


async def test_endless_names_values_and_types_do_not_keep_the_device_from_checking_in(
    store: Store, clock: Clock
) -> None:
    odd = [
        m.ParameterValue("Device." + "x" * 100_000, "1"),
        m.ParameterValue("Device.Long", "y" * 100_000, "t" * 100_000),
    ]
    opened = await arrive(store, inform(*odd))
    kept = await store.read(dev.parameters_of, opened.device.id)
    assert list(kept) == ["Device.Long"]
    assert len(kept["Device.Long"].value) == MAX_VALUE


async def test_a_device_fills_no_more_than_its_share_of_parameters(store: Store, clock: Clock) -> None:
    opened = await arrive(store, inform(*(m.ParameterValue(f"Device.A{n}", "1") for n in range(3000))))
    assert await count(store, parameters) == MAX_INFORM

    def more(conn: Connection, generation: int) -> None:
        values = [m.ParameterValue(f"Device.B{generation}.{n}", "1") for n in range(9000)]
        dev.save_parameters(conn, opened.device.id, values, now=clock.now)

    for generation in range(4):
        await store.write(more, generation)
    assert await count(store, parameters) == MAX_PARAMETERS
    changed = await store.write(
        dev.save_parameters, opened.device.id, [m.ParameterValue("Device.A1", "2")], now=clock.now
    )
    assert changed == {"Device.A1": "2"}


async def test_sessions_that_are_never_finished_pile_up_no_commands(store: Store, clock: Clock) -> None:
    for n in range(30):
        torn = m.ParameterValue(f"Device.FaultMgmt.ExpeditedEvent.{n + 1}.AlarmIdentifier", "x")
        await arrive(store, inform(torn, event="1 BOOT"))
    opened = await arrive(store, inform())
    waiting = await store.read(cm.open_commands, opened.device.id)
    assert len([each for each in waiting if each.purpose.startswith("alarm-")]) <= 5


async def test_the_answer_to_a_resynchronisation_is_not_kept(store: Store, clock: Clock) -> None:
    opened = await arrive(store, inform(event="1 BOOT"))
    reply = await post(store, opened, None)
    assert isinstance(reply.message, m.GetParameterValues)
    huge = m.GetParameterValuesResponse((m.ParameterValue("Device.FaultMgmt.X", "z" * 1_000_000),))
    await post(store, opened, huge)
    kept = await store.read(
        lambda conn: conn.execute(select(func.sum(func.length(commands.c.result)))).scalar()
    )
    assert (kept or 0) < 10_000


async def test_a_case_is_not_given_an_endless_answer(store: Store, clock: Clock) -> None:
    opened = await arrive(store, inform(event="0 BOOTSTRAP"))
    reply = await post(store, opened, None)
    huge = m.GetParameterValuesResponse((m.ParameterValue("Device.X", "z" * (MAX_RESULT + 1)),))
    while isinstance(reply.message, m.GetParameterValues):
        reply = await post(store, opened, huge)
    failed = await store.read(cm.list_commands, state="failed")
    assert failed
    assert all("are allowed" in each.fault_string and each.result is None for each in failed)
