"""From verdicts to alarms, and what a person accepts; on both engines."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, select

from acs import alarms as al
from acs import detection as dt
from acs import devices as dev
from acs.cwmp import messages as m
from acs.detection.memory import Memory, memory_of
from acs.detection.outcome import Circumstances, conclude, remember
from acs.store import Store
from acs.store.tables import audit, outbox, sightings

NOW = 1_800_000_000.0
DETECTOR = "HeMS:DC=example,CN=hems"


def how(now: float = NOW, **limits: Any) -> Circumstances:
    return Circumstances(dt.Thresholds(**limits), "p1", DETECTOR, now)


@pytest.fixture
async def device(store: Store) -> dev.Device:
    return await store.write(dev.register, "0005B9", "1", now=NOW)


async def judge(
    store: Store, device: dev.Device, *verdicts: dt.Verdict, now: float = NOW, **limits: Any
) -> list:
    """Conclude, as an Inform would; return kind and identifier of each change."""

    def act(conn: Connection) -> list[tuple[str, str]]:
        current = dev.get(conn, device.id)
        start = memory_of(current.detection)
        memory, changes = conclude(conn, current, start, verdicts, how(now, **limits))
        remember(conn, current, memory, start)
        return [(each.kind, each.alarm.alarm_identifier) for each in changes]

    return await store.write(act)


async def accept(store: Store, device: dev.Device, check: str, now: float = NOW) -> bool:
    facts = {"who": "ann@cli", "why": "a technician was there", "how": how(now)}
    return await store.write(dt.accept, device, check, **facts)


def found(check: str, text: str = "something is wrong", **facts: object) -> dt.Verdict:
    return dt.Verdict(check, "found", text, facts)


@pytest.mark.row("S1 L27")
@pytest.mark.parametrize("number", dt.CHECKS)
async def test_each_check_raises_one_security_alarm_that_the_hems_detected_and_clears_it(
    store: Store, device: dev.Device, number: str
) -> None:
    check = dt.CHECKS[number]
    assert await judge(store, device, found(number)) == [("new", check.identifier)]
    assert await judge(store, device, found(number)) == []  # once
    [alarm] = await store.read(al.active_alarms, device.id)
    assert alarm.security
    assert alarm.detector == DETECTOR
    told = (alarm.event_type, alarm.probable_cause, alarm.perceived_severity, alarm.specific_problem)
    assert told == (
        check.alarm.event_type,
        check.alarm.probable_cause,
        check.alarm.severity,
        check.alarm.specific_problem,
    )
    body = await store.read(lambda conn: conn.execute(select(outbox.c.body)).scalar_one())
    assert msgspec.json.decode(body)["securityAlarmDetector"] == DETECTOR
    [known] = await store.read(dt.known_results, device.id)
    assert (known.check, known.state, known.policy, known.at) == (number, "found", "p1", NOW)
    assert await judge(store, device, dt.Verdict(number, "unknown")) == []
    assert await judge(store, device, dt.Verdict(number, "ok"), now=NOW + 9) == [
        ("cleared", check.identifier)
    ]
    [known] = await store.read(dt.known_results, device.id)
    assert (known.state, known.at) == ("ok", NOW + 9)


def test_words_of_checks_are_those_of_the_vocabulary() -> None:
    alarms = [*(each.alarm for each in dt.CHECKS.values()), *dt.REPORTED.values()]
    for each in alarms:
        assert each.event_type in al.SECURITY_EVENT_TYPES
        assert each.probable_cause in al.PROBABLE_CAUSES
        assert each.severity in al.SEVERITIES
    identifiers = [each.identifier for each in dt.CHECKS.values()]
    assert len(set(identifiers)) == len(identifiers)
    assert all(each.startswith("HeMS:") for each in identifiers)


async def test_a_check_that_the_policy_skips_finds_nothing(store: Store, device: dev.Device) -> None:
    assert await judge(store, device, found("C-12"), skip=["C-12"]) == []
    assert await store.read(dt.known_results, device.id) == []


async def test_what_the_device_reports_itself_is_not_raised_twice(store: Store, device: dev.Device) -> None:
    alarm = dt.CHECKS["C-10"].alarm
    told = al.AlarmEvent(
        table="ExpeditedEvent",
        instance=1,
        event_time="2027-01-15T08:00:00Z",
        alarm_identifier="A1",
        notification_type="NewAlarm",
        event_type=alarm.event_type,
        probable_cause=alarm.probable_cause,
        specific_problem=alarm.specific_problem,
        perceived_severity=alarm.severity,
        managed_object_instance="",
        additional_text="",
        additional_information="",
    )
    await store.write(lambda conn: al.apply(conn, dev.get(conn, device.id), [told], now=NOW))
    assert await judge(store, device, found("C-10")) == []


async def test_a_device_can_not_clear_what_the_hems_detected(store: Store, device: dev.Device) -> None:
    await judge(store, device, found("C-10"))
    [alarm] = await store.read(al.active_alarms, device.id)
    cleared = al.AlarmEvent(
        table="ExpeditedEvent",
        instance=1,
        event_time="2027-01-15T08:00:00Z",
        alarm_identifier=alarm.alarm_identifier,
        notification_type="ClearedAlarm",
        event_type="",
        probable_cause="",
        specific_problem="",
        perceived_severity="Cleared",
        managed_object_instance="",
        additional_text="",
        additional_information="",
    )
    await store.write(lambda conn: al.apply(conn, dev.get(conn, device.id), [cleared], now=NOW))
    assert await store.read(al.active_alarms, device.id) == [alarm]


@pytest.mark.parametrize("number", dt.CHECKS)
async def test_whatever_is_found_can_be_accepted_with_a_reason(
    store: Store, device: dev.Device, number: str
) -> None:
    assert not await accept(store, device, number)  # there is nothing to accept
    await judge(store, device, found(number))
    assert await accept(store, device, number, NOW + 5)
    assert await store.read(al.active_alarms, device.id) == []
    [known] = await store.read(dt.known_results, device.id)
    assert (known.state, known.text) == ("ok", "accepted by ann@cli: a technician was there")
    assert not await accept(store, device, number)
    rows = await store.read(lambda conn: conn.execute(select(audit)).all())
    assert [(row.who, row.target, row.detail) for row in rows] == [
        ("ann@cli", "0005B9-1", "a technician was there")
    ]
    assert rows[0].action == f"finding accepted: {dt.CHECKS[number].title}"


@pytest.mark.parametrize("number", ["C-10", "C-11", "C-14", "C-20"])
async def test_what_goes_on_stays_accepted_until_it_is_over_once(
    store: Store, device: dev.Device, number: str
) -> None:
    await judge(store, device, found(number))
    await accept(store, device, number)
    for now in (NOW + 60, NOW + 120):
        assert await judge(store, device, found(number, "as before"), now=now) == []
    assert await judge(store, device, dt.Verdict(number, "ok")) == []
    assert await judge(store, device, found(number)) == [("new", dt.CHECKS[number].identifier)]


async def test_that_a_device_does_not_know_the_time_can_be_accepted(store: Store, device: dev.Device) -> None:
    """Or one whose clock is set by what Time.Status does not tell of would never radiate."""
    limits, clock = dt.Thresholds(), dt.CHECKS["C-20"].identifier

    async def told() -> str:
        def look(conn: Connection) -> str:
            return dt.against_radiating(conn, dev.get(conn, device.id), limits)

        return await store.read(look)

    unset = dt.Verdict("C-20", "unknown", "Time.Status is Unsynchronized")
    assert await judge(store, device, unset) == []
    assert await told() == "Time.Status is Unsynchronized"
    assert await accept(store, device, "C-20")
    for verdict in (unset, found("C-20"), unset):  # it goes on, however it is judged
        assert await judge(store, device, verdict) == []
        assert await told() == ""
    assert not await accept(store, device, "C-20")
    assert await judge(store, device, dt.Verdict("C-20", "ok")) == []
    assert await judge(store, device, found("C-20")) == [("new", clock)]


async def test_what_is_unknown_otherwise_is_nothing_to_accept(store: Store, device: dev.Device) -> None:
    await judge(store, device, dt.Verdict("C-11", "unknown", "nothing tells where it is"))
    assert not await accept(store, device, "C-11")


async def test_a_place_that_was_accepted_is_no_leave_to_move_on(store: Store, device: dev.Device) -> None:
    await judge(store, device, found("C-11", "it is away", metres=9000))
    await accept(store, device, "C-11")
    assert await judge(store, device, found("C-11", "it is away", metres=9300)) == []
    assert await judge(store, device, found("C-11", "it is away", metres=9700)) == [("new", "HeMS:location")]


async def test_what_changes_once_is_found_anew_when_it_changes_again(
    store: Store, device: dev.Device
) -> None:
    await judge(store, device, found("C-08"))
    await accept(store, device, "C-08")
    assert await judge(store, device, found("C-08")) == [("new", "HeMS:parameter-key")]


async def test_a_sighting_is_one_row_a_device(store: Store, device: dev.Device) -> None:
    for number in range(3):
        await store.write(dt.note_sighting, device, source=f"mme-{number}", now=NOW + number)
    rows = await store.read(lambda conn: conn.execute(select(sightings)).all())
    assert [(row.source, row.seen_at) for row in rows] == [("mme-2", NOW + 2)]


async def test_silence_is_found_on_both_engines(store: Store, device: dev.Device) -> None:
    inform = m.Inform(m.DeviceId("Example", "0005B9", "", "1"), (m.Event("2 PERIODIC", ""),))

    def inform_once(conn: Connection) -> None:
        before = dev.find(conn, "0005B9-1", lock=True)
        dev.check_in(conn, before, inform, namespace="urn:dslforum-org:cwmp-1-2", now=NOW)

    await store.write(inform_once)
    later = NOW + 10_000
    await store.write(dt.note_sighting, device, source="mme-1\0", now=later)
    options = {"interval": 900.0, "since": NOW}
    due = await store.read(dt.silent_devices, how(later), limit=9, **options)
    assert due == [device.id]
    [change] = await store.write(dt.look_for_silence, device.id, how(later), **options)
    assert (change.alarm.specific_problem, change.alarm.detector) == ("SILENT_BUT_CONNECTED", DETECTOR)
    assert "mme-1" in change.alarm.additional_text
    assert await store.read(dt.silent_devices, how(later), limit=9, **options) == []


async def test_what_a_device_says_in_a_text_is_stored_on_both_engines(
    store: Store, device: dev.Device
) -> None:
    await judge(store, device, found("C-09", "nul \0 and ' and \u2028" + "x" * 2000))
    [known] = await store.read(dt.known_results, device.id)
    assert known.text.startswith("nul \ufffd and ' and \u2028")
    assert len(known.text) == 500


def test_the_memory_of_what_was_accepted_is_read_back() -> None:
    from acs.detection.memory import memory_text

    memory = Memory(accepted={"C-10": 0.0, "C-11": 9000.0})
    assert memory_of(memory_text(memory)) == memory
    assert memory_text(Memory()) == "{}"
