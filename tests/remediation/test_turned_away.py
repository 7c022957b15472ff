"""A device that the ACS had no room for is late by the ACS's doing: no wait is counted against it."""

from __future__ import annotations

import pytest

from acs import devices as dev
from tests.world import World


def world_that_is_full(seconds: float, *, noted: bool) -> World:
    """Return a world whose device alarms, is rebooted, and then comes in vain for so many seconds."""
    world = World()
    world.boot()
    full = float("inf")

    def lose(where: str) -> bool:
        nonlocal full
        if world.henb.executed and world.henb.executed[-1].method == "Reboot" and full == float("inf"):
            full = world.now + seconds
        if where != "request" or not full - seconds <= world.now < full or world.conn.in_transaction():
            return False
        if noted:
            with world.conn.begin():
                dev.note_turned_away(world.conn, {world.key}, now=world.now)
        return True

    world.lose = lose
    world.tamper("configuration-modified", until="reboot", seconds=seconds + 4000)
    return world


@pytest.mark.parametrize("seconds", [500, 2000])
def test_a_device_that_was_turned_away_has_time_to_come_again(seconds):
    world = world_that_is_full(seconds, noted=True)
    (case,) = world.cases()
    assert (case.state, case.outcome) == ("closed", "REMEDIATED")
    reboot = next(step for step in world.journal(case) if step.name == "Reboot")
    assert reboot.done_at - reboot.started_at > seconds


def test_a_device_that_does_not_come_has_no_more_time_than_before():
    world = world_that_is_full(500, noted=False)
    (case,) = world.cases()
    assert any("did not react in time" in step.because for step in world.journal(case))


def test_a_device_that_is_always_turned_away_is_given_up_in_the_end():
    world = world_that_is_full(10_000, noted=True)
    (case,) = world.cases()
    steps = world.journal(case)
    reboot = next(step for step in steps if step.name == "Reboot")
    assert reboot.done_at - reboot.started_at == pytest.approx(7200, abs=1)
    assert any("did not react in time" in step.because for step in steps)


async def test_names_of_devices_are_their_keys_or_those_of_their_certificates(store):
    def act(conn):
        one = dev.register(conn, "0005B9", "1", product_class="HeNB", now=1.0)
        two = dev.register(
            conn, "0005B9", "2", product_class="HeNB", certificate_name="2.0005b9.henb.x", now=1.0
        )
        three = dev.register(conn, "0005B9", "3", product_class="HeNB", now=1.0)
        dev.note_turned_away(conn, {one.device_key, "2.0005b9.henb.x", "nobody"}, now=7.0)
        return [dev.turned_away_at(conn, each.id) for each in (one, two, three)]

    assert await store.write(act) == [7.0, 7.0, None]
