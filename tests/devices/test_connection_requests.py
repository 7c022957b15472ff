"""Which devices are called, when, and how patiently."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection

from acs import commands as cm
from acs import devices as dev
from acs.cwmp import messages as m
from acs.devices.connection_requests import BACK_OFF, MAX_WAIT
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


@pytest.mark.parametrize(("result", "left"), [("http unauthorized", ""), ("http connect", "why")])
async def test_a_device_with_other_credentials_is_not_one_that_refused_them(
    store: Store, clock: Clock, result: str, left: str
) -> None:
    device = await store.write(make, "1", clock.now)
    failed = partial(dev.connection_request_failed, result=result, now=clock.now)
    await store.write(failed, device.id, "why")
    await store.write(dev.set_connection_request_secret, device.id, "", None)
    assert (await store.read(dev.get, device.id)).connection_request_error == left


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


async def test_what_can_not_end_otherwise_soon_waits_longest_and_what_failed_together_is_spread(
    store: Store, clock: Clock
) -> None:
    device = await store.write(make, "1", clock.now)

    async def pause(**facts: Any) -> float:
        await store.write(dev.connection_request_failed, device.id, "why", now=clock.now, **facts)
        stored = await store.read(dev.get, device.id)
        assert stored.connection_request_at is not None
        assert stored.connection_request_tried_at == clock.now
        return stored.connection_request_at - clock.now

    assert await pause(lasting=True) == BACK_OFF[-1]
    assert await pause(jitter=1.0) == BACK_OFF[1] * 1.5
    assert await pause(wait=100.0, result="http busy") == 100
    assert await pause(wait=1e9) == MAX_WAIT
    assert (await store.read(dev.get, device.id)).connection_request_result == "failed"


async def test_a_device_tells_in_its_inform_where_else_it_can_be_called(store: Store, clock: Clock) -> None:
    device = await store.write(make, "1", clock.now)
    values = {"UDPConnectionRequestAddress": "192.0.2.9:7547", "ConnReqJabberID": "a@x/y", "NATDetected": "1"}
    told = tuple(m.ParameterValue(f"Device.ManagementServer.{name}", value) for name, value in values.items())
    identity = m.DeviceId("ACME", "0005B9", "HeNB", "1")
    inform = m.Inform(identity, (m.Event("4 VALUE CHANGE"),), 1, "2026-01-01T00:00:00Z", 0, told)

    def act(conn: Connection) -> None:
        dev.check_in(conn, dev.get(conn, device.id), inform, namespace=m.CWMP_1_2, now=clock.now)

    await store.write(act)
    [target] = await due(store, clock.now + 1000)
    assert (target.udp_address, target.jabber_id, target.nat_detected) == ("192.0.2.9:7547", "a@x/y", True)


async def test_an_outcome_that_comes_late_does_not_put_the_next_call_off(store: Store, clock: Clock) -> None:
    device = await store.write(make, "1", clock.now)
    [target] = await due(store, clock.now + 1)

    def come_and_go(conn: Connection) -> None:
        dev.session_over(conn, device.id, now=clock.now, patience=1.0)  # what waits is called for anew

    await store.write(come_and_go)
    await store.write(
        dev.connection_request_sent, device.id, now=clock.now + 1, result="udp sent", due_at=target.due_at
    )
    stored = await store.read(dev.get, device.id)
    assert stored.connection_request_at == clock.now + 1
    assert stored.connection_request_result == "udp sent"
