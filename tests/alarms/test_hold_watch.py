"""The watch lets alarms out by the clock and by signals, on both engines; two of them do no harm."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from acs import alarms as al
from acs import devices as dev
from acs.holding import HoldWatch
from acs.remediation import Environment, load_policy
from acs.store import Store
from acs.store.tables import alarms
from tests.alarms.test_holding import MINOR, OUTAGE, device, held, silence, take, told
from tests.alarms.words import NOW, event
from tests.conftest import Clock

__all__ = ["device"]  # a fixture


@pytest.fixture
def watch(store: Store) -> HoldWatch:
    return HoldWatch(store, Environment(load_policy(None), lambda *_: ""))


async def test_a_silence_begins_and_ends_by_the_clock(
    store: Store, device: dev.Device, clock: Clock, watch: HoldWatch
) -> None:
    await take(store, device, event(**MINOR))
    await silence(store, "device=0005B9-1", starts_at=NOW + 10)
    assert await watch.look() == 0
    clock.now = NOW + 10
    assert await watch.look() == 1
    assert await held(store) == {"A1": "silence 1"}
    await take(store, device, event("A2", **MINOR), now=clock.now)
    clock.now = NOW + 100
    assert await watch.look() == 1
    assert await held(store) == {}
    assert await told(store) == ["New A1", "New A2"]
    assert await watch.look() == 0


async def test_two_watches_tell_managers_once(store: Store, device: dev.Device, clock: Clock) -> None:
    env = Environment(load_policy(None), lambda *_: "")
    await silence(store, "device=0005B9-1")
    await take(store, device, event(**MINOR))
    clock.now = NOW + 100
    counts = [await HoldWatch(store, env).look() for _ in range(2)]
    assert counts == [1, 0]
    assert await told(store) == ["New A1"]


async def test_what_is_said_of_a_device_later_is_seen_within_a_minute(
    store: Store, device: dev.Device, clock: Clock, watch: HoldWatch
) -> None:
    await silence(store, "site=roof")
    await take(store, device, event(**MINOR))
    await watch.look()
    await store.write(dev.set_site, device.id, "roof")
    assert await watch.look() == 0
    clock.now = NOW + 61
    assert await watch.look() == 1
    assert await held(store) == {"A1": "silence 1"}


async def test_many_devices_are_looked_at_page_by_page(
    store: Store, device: dev.Device, clock: Clock
) -> None:
    watch = HoldWatch(store, Environment(load_policy(None), lambda *_: ""), page=10)

    def fill(conn) -> None:
        for number in range(25):
            each = dev.register(conn, "0005B9", f"S{number}", now=NOW)
            words = {"event_type": "EQUIPMENT_ALARM", "probable_cause": "X", "perceived_severity": "MINOR"}
            row = {"device_id": each.id, "alarm_identifier": "A", "state": "active", "detector": "x"}
            conn.execute(alarms.insert().values(raised_at=NOW, **row, **words))

    await store.write(fill)
    await silence(store, "oui=0005B9")
    assert await watch.look() == 25
    found = await store.read(lambda conn: conn.execute(select(alarms.c.id)).scalars().all())
    assert len(await store.read(al.holds_of, found)) == 25


async def test_rules_of_the_policy_are_in_force_for_every_process(store: Store) -> None:
    assert await store.read(al.inhibitions_in_force) == []
    await store.write(al.set_inhibitions, [OUTAGE])
    assert await store.read(al.inhibitions_in_force) == [OUTAGE]
    await store.write(al.set_inhibitions, [])
    assert await store.read(al.inhibitions_in_force) == []
