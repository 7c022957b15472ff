"""Which devices are called, when, and how patiently."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from acs import commands as cm
from acs import devices as dev
from acs.cwmp import messages as m
from acs.devices.connection_requests import BACK_OFF
from acs.store import Store
from tests.conftest import Clock


def make(conn: Connection, serial: str, now: float, *, work: bool = True) -> dev.Device:
    device = dev.register(conn, "0005B9", serial, now=now)
    if work:
        command = m.GetParameterValues(("Device.",))
        cm.enqueue(conn, device.id, command, command_key=f"k{serial}", purpose="operator", now=now)
    return device


async def due(store: Store, now: float, limit: int = 10) -> list[dev.ConnectionRequestTarget]:
    return await store.read(dev.due_connection_requests, now=now, limit=limit)


async def test_a_command_is_reason_to_call_after_a_moments_grace(store: Store, clock: Clock) -> None:
    device = await store.write(make, "1", clock.now)
    assert await due(store, clock.now + 0.4) == []
    [target] = await due(store, clock.now + 0.5)
    assert (target.device_id, target.device_key, target.attempts) == (device.id, "0005B9-1", 0)


async def test_a_target_bears_how_to_call_it(store: Store, clock: Clock) -> None:
    device = await store.write(make, "1", clock.now)
    await store.write(dev.set_connection_request_secret, device.id, "user", b"sealed")
    [target] = await due(store, clock.now + 1)
    assert (target.username, target.secret_sealed, target.url) == ("user", b"sealed", "")


async def test_the_longest_waiting_are_called_first(store: Store, clock: Clock) -> None:
    for n in (3, 1, 2):
        await store.write(make, str(n), clock.now + n)
    found = await due(store, clock.now + 10, limit=2)
    assert [each.device_key for each in found] == ["0005B9-1", "0005B9-2"]


async def test_neither_a_blocked_nor_an_idle_device_is_called(store: Store, clock: Clock) -> None:
    blocked = await store.write(make, "1", clock.now)
    await store.write(dev.block, blocked.id, "", who="operator", now=clock.now)
    await store.write(make, "2", clock.now, work=False)
    assert await due(store, clock.now + 1000) == []


async def test_a_failed_call_is_tried_again_with_growing_patience(store: Store, clock: Clock) -> None:
    device = await store.write(make, "1", clock.now)
    now = clock.now + 1
    waits = []
    for _ in range(len(BACK_OFF) + 2):
        await store.write(dev.connection_request_failed, device.id, "no route " * 100, now=now)
        stored = await store.read(dev.get, device.id)
        assert stored.connection_request_at is not None
        assert len(stored.connection_request_error) == 500
        waits.append(stored.connection_request_at - now)
        assert await due(store, stored.connection_request_at - 0.1) == []
        assert len(await due(store, stored.connection_request_at)) == 1
        now = stored.connection_request_at
    assert waits == [*BACK_OFF, BACK_OFF[-1], BACK_OFF[-1]]
    assert waits == sorted(waits)


async def test_a_device_that_accepted_the_call_is_given_time_to_come(store: Store, clock: Clock) -> None:
    device = await store.write(make, "1", clock.now)
    await store.write(dev.connection_request_failed, device.id, "busy", now=clock.now)
    await store.write(dev.connection_request_sent, device.id, now=clock.now)
    stored = await store.read(dev.get, device.id)
    assert stored.connection_request_at == clock.now + 30
    assert stored.connection_request_error == ""
    [target] = await due(store, clock.now + 30)
    assert target.attempts == 2


async def test_an_outcome_that_comes_late_does_not_call_a_device_that_was_here(
    store: Store, clock: Clock
) -> None:
    device = await store.write(make, "1", clock.now, work=False)
    await store.write(dev.connection_request_failed, device.id, "timeout", now=clock.now)
    stored = await store.read(dev.get, device.id)
    assert (stored.connection_request_at, stored.connection_request_error) == (None, "")


async def test_the_end_of_a_session_ends_the_calls(store: Store, clock: Clock) -> None:
    device = await store.write(make, "1", clock.now)
    [command] = await store.read(cm.list_commands)
    await store.write(cm.cancel, command.id, now=clock.now)
    await store.write(dev.session_over, device.id, now=clock.now)
    assert (await store.read(dev.get, device.id)).connection_request_at is None


async def test_what_could_not_be_sent_is_called_for_later(store: Store, clock: Clock) -> None:
    device = await store.write(make, "1", clock.now)
    await store.write(dev.session_over, device.id, now=clock.now)
    assert (await store.read(dev.get, device.id)).connection_request_at == clock.now + 60


@pytest.mark.parametrize("method", [m.Reboot("k9"), m.FactoryReset()])
async def test_what_a_device_has_accepted_is_no_reason_to_call(store: Store, clock: Clock, method) -> None:
    device = await store.write(make, "1", clock.now, work=False)

    def accept(conn: Connection) -> None:
        cm.enqueue(conn, device.id, method, command_key="k9", purpose="operator", now=clock.now)
        sent = cm.next_command(conn, device.id, 1, now=clock.now)
        assert sent is not None
        cm.settle(conn, sent[0].id, m.response_of(type(method))(), epoch=1, now=clock.now)
        dev.session_over(conn, device.id, now=clock.now)

    await store.write(accept)
    assert await due(store, clock.now + 1000) == []


async def test_a_session_is_idle_when_nothing_waits_and_none_is_newer(store: Store, clock: Clock) -> None:
    device = await store.write(make, "1", clock.now, work=False)
    assert await store.read(dev.idle, device.id, 0)
    assert not await store.read(dev.idle, device.id, 1)
    assert not await store.read(dev.idle, 99, 0)
    await store.write(make, "1", clock.now)
    assert not await store.read(dev.idle, device.id, 0)
