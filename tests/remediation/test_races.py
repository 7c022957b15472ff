"""No alarm is forgotten, no case holds up another, on one node or on two."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import exc, text
from sqlalchemy.util import await_only

from acs import alarms as al
from acs import commands as cm
from acs import devices as dev
from acs import remediation as rm
from acs.cwmp import messages as m
from acs.store import Store
from tests.conftest import Clock
from tests.world import World


def alarm(world: World, identifier: str, problem: str) -> al.Alarm:
    with world.conn.begin():
        change = al.raise_alarm(
            world.conn,
            world.device,
            identifier=identifier,
            event_type="INTEGRITY_VIOLATION",
            probable_cause="INFORMATION_MODIFICATION_DETECTED",
            perceived_severity="MAJOR",
            specific_problem=problem,
            additional_text="",
            detector="HeNB",
            now=world.now,
        )
        assert change is not None
        rm.alarms_changed(world.conn, world.device, [change], env=world.env, now=world.now)
    return change.alarm


def test_an_alarm_whose_case_gave_way_to_a_graver_one_is_treated_after_it() -> None:
    world = World()
    world.boot()
    world.reachable = False
    first = alarm(world, "1", "CONFIG_MODIFIED")
    alarm(world, "2", "SW_MODIFIED")
    assert [case.outcome for case in world.cases()] == ["SUPERSEDED", None]
    world.instruct(world.cases()[-1], "CLOSE")
    latest = world.cases()[-1]
    assert (latest.alarm_id, latest.procedure, latest.state) == (first.id, "P2R", "active")


@pytest.fixture
def env() -> rm.Environment:
    return rm.Environment(rm.parse_policy(rm.default_policy_text()), lambda device, name, now: "https://acs/")


def waiting_case(conn, serial: str, env: rm.Environment, now: float) -> int:
    device = dev.register(conn, "0005B9", serial, now=now)
    change = al.raise_alarm(
        conn,
        device,
        identifier="1",
        event_type="INTEGRITY_VIOLATION",
        probable_cause="INFORMATION_MODIFICATION_DETECTED",
        perceived_severity="MAJOR",
        specific_problem="CONFIG_MODIFIED",
        additional_text="",
        detector="HeNB",
        now=now,
    )
    assert change is not None
    dev.set_golden(conn, "*", [m.ParameterValue("Device.X", "1")])
    rm.alarms_changed(conn, device, [change], env=env, now=now)
    case = rm.active_case(conn, device.id)
    assert case is not None
    return case.id


async def test_a_case_that_can_not_be_advanced_keeps_no_other_waiting(
    store: Store, clock: Clock, env: rm.Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison = await store.write(waiting_case, "A1", env, clock.now)
    good = await store.write(waiting_case, "A2", env, clock.now)
    clock.now += 1000
    real = rm.advance

    def advance(conn, case_id, **options) -> None:
        if case_id == poison:
            raise exc.DBAPIError("UPDATE", {}, ValueError("cursed"))
        real(conn, case_id, **options)

    monkeypatch.setattr("acs.remediation.engine.advance", advance)
    await rm.Engine(store, env).tick()
    steps = await store.read(rm.journal_of, good)
    assert all(step.done or step.deadline is None or step.deadline > clock.now for step in steps)
    # and it does not stand first in line for ever
    assert poison not in await store.read(rm.due_cases, now=clock.now, limit=10)
    assert poison in await store.read(rm.due_cases, now=clock.now + 60, limit=10)


async def someone_waits(store: Store) -> None:
    """Return when a transaction of this database waits for another's lock."""
    query = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(20):
        while not await store.read(lambda conn: conn.execute(query).scalar_one()):
            await asyncio.sleep(0)


async def test_an_inform_that_waited_for_an_older_post_sees_what_that_post_began(
    postgresql_url: str, clock: Clock
) -> None:
    one = await Store.open(postgresql_url, clock=clock)
    other = await Store.open(postgresql_url, clock=clock)
    device = await one.write(dev.register, "0005B9", "A1", now=clock.now)
    locked, go_on = asyncio.Event(), asyncio.Event()

    def post(conn) -> None:
        dev.lock(conn, device.id)
        locked.set()
        await_only(go_on.wait())
        cm.enqueue(conn, device.id, m.Reboot("k"), command_key="k", purpose="operator", now=clock.now)

    older = asyncio.create_task(one.write(post))
    await locked.wait()
    newer = asyncio.create_task(other.write(dev.find, device.device_key, lock=True))
    await someone_waits(one)
    assert not newer.done()
    go_on.set()
    await older
    found = await newer
    await one.close()
    await other.close()
    assert found is not None
    assert found.has_open_commands


async def test_an_instruction_and_a_session_do_not_lock_each_other_out(
    postgresql_url: str, clock: Clock, env: rm.Environment
) -> None:
    store = await Store.open(postgresql_url, clock=clock)
    case_id = await store.write(waiting_case, "A1", env, clock.now)
    case = await store.read(rm.find_case, case_id)
    locked, go_on = asyncio.Event(), asyncio.Event()
    runs = []

    def session(conn) -> None:
        runs.append("session")
        dev.lock(conn, case.device_id)
        locked.set()
        await_only(go_on.wait())
        rm.advance(conn, case_id, env=env, now=clock.now)

    def instruct(conn) -> None:
        runs.append("instruct")
        rm.instruct(conn, case_id, "CLOSE", who="w", why="y", env=env, now=clock.now)

    first = asyncio.create_task(store.write(session))
    await locked.wait()
    second = asyncio.create_task(store.write(instruct))
    await someone_waits(store)
    go_on.set()
    await asyncio.gather(first, second)
    await store.close()
    assert runs == ["session", "instruct"]  # a deadlock would have one of them done again


async def test_who_withdraws_a_command_as_it_is_answered_changes_nothing(
    postgresql_url: str, clock: Clock
) -> None:
    store = await Store.open(postgresql_url, clock=clock)
    device = await store.write(dev.register, "0005B9", "A1", now=clock.now)
    made = await store.write(
        cm.enqueue, device.id, m.Reboot("k"), command_key="k", purpose="operator", now=clock.now
    )
    locked, go_on = asyncio.Event(), asyncio.Event()

    def answered(conn) -> None:
        dev.lock(conn, device.id)
        cm.next_command(conn, device.id, 1, now=clock.now)
        cm.settle(conn, made.id, m.Fault(9002, "not now"), epoch=1, now=clock.now)
        locked.set()
        await_only(go_on.wait())

    session = asyncio.create_task(store.write(answered))
    await locked.wait()
    person = asyncio.create_task(store.write(cm.cancel, made.id, now=clock.now))
    await someone_waits(store)
    go_on.set()
    await session
    assert await person is None
    found = await store.read(cm.find_command, made.id)
    await store.close()
    assert (found.state, found.fault_code) == ("failed", 9002)
