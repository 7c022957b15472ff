"""What devices tell outside of sessions, in both databases: bindings and lightweight notifications."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from acs import devices as dev
from acs.cwmp import messages as m
from acs.cwmp.lightweight import Notification
from acs.store import Store
from tests.conftest import Clock

NAME = "Device.DeviceInfo.UpTime"


def told(now: float, value: str, cnonce: str = "c") -> Notification:
    values = (m.ParameterValue(NAME, value, ""),)
    return Notification(int(now), "u", cnonce, "0005B9", "HeNB", "1", values)


async def make(store: Store, clock: Clock) -> dev.Device:
    def act(conn: Connection) -> dev.Device:
        device = dev.register(conn, "0005B9", "1", now=clock.now)
        dev.save_parameters(conn, device.id, [m.ParameterValue(NAME, "0", "xsd:unsignedInt")], now=clock.now)
        return device

    return await store.write(act)


async def test_each_notification_counts_once_and_in_order(store: Store, clock: Clock) -> None:
    device = await make(store, clock)

    async def apply(notification: Notification) -> dict[str, str] | None:
        return await store.write(dev.apply_notification, device.id, notification, now=clock.now)

    first, second = told(clock.now, "1", "a"), told(clock.now, "2", "b")
    assert await apply(first) == {NAME: "1"}
    assert await apply(second) == {NAME: "2"}
    assert await apply(first) is None
    assert await apply(second) is None
    assert await apply(replace(told(clock.now, "3"), ts=int(clock.now) - 1)) is None
    assert await apply(replace(told(clock.now, "4"), ts=int(clock.now) + 1)) == {NAME: "4"}
    assert await apply(told(clock.now, "5", "d")) is None
    stored = await store.read(dev.parameters_of, device.id, NAME)
    assert stored[NAME] == m.ParameterValue(NAME, "4", "xsd:unsignedInt")


async def test_a_second_has_room_for_a_few(store: Store, clock: Clock) -> None:
    device = await make(store, clock)
    results = [
        await store.write(dev.apply_notification, device.id, told(clock.now, str(n), f"c{n}"), now=clock.now)
        for n in range(20)
    ]
    assert sum(each is not None for each in results) == 16


async def test_a_binding_is_news_once(store: Store, clock: Clock) -> None:
    device = await make(store, clock)

    async def note(key: str, binding: str) -> bool:
        return await store.write(dev.note_udp_binding, key, binding, now=clock.now)

    assert await note(device.device_key, "192.0.2.1:5000")
    assert not await note(device.device_key, "192.0.2.1:5000")
    assert await note(device.device_key, "192.0.2.1:5001")
    assert not await note("0005B9-unknown", "192.0.2.1:5000")
    stored = await store.read(dev.get, device.id)
    assert (stored.udp_binding, stored.udp_binding_at) == ("192.0.2.1:5001", clock.now)
