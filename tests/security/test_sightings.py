"""The network tells over REST whom it sees connected (S1 L72): its own scope, bounds, one row a device."""

from __future__ import annotations

from sqlalchemy import select

from acs.store.tables import sightings
from tests.security.managers import Manager, alarm, manager

__all__ = ["manager"]  # a fixture


async def seen(manager: Manager, source: object, device: str = "0005B9-A1", **options):
    path = f"/v1/devices/{device}/sightings"
    status, answer, _ = await manager.ask("POST", path, json={"source": source}, **options)
    return status, answer


async def test_a_sighting_is_noted_with_its_source_and_time(manager):
    await manager.write(alarm)  # a device comes with it
    for source in ("henb-gw-1", "mme-1"):
        status, answer = await seen(manager, source)
        assert (status, answer.get("device")) == (200, "0005B9-A1"), answer
    rows = await manager.read(lambda conn: conn.execute(select(sightings)).all())
    assert [(row.source, row.seen_at) for row in rows] == [("mme-1", manager.bench.clock[0])]


async def test_it_takes_its_scope_a_device_and_a_source(manager):
    await manager.write(alarm)
    _, reader = await manager.new_token("devices:read")
    assert (await seen(manager, "mme-1", token=reader))[0] == 403
    assert (await seen(manager, "mme-1", device="0005B9-X"))[0] == 404
    for wrong in ("", "x" * 129, 7, "mme\0"):
        assert (await seen(manager, wrong))[0] in (400, 422)
    assert await manager.read(lambda conn: conn.execute(select(sightings)).all()) == []
