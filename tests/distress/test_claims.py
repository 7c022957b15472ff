"""Triggers as rows: each is sent by one node, also where several look at once."""

from __future__ import annotations

import asyncio

from acs import devices as dev
from acs import distress as ds
from acs.observability import Metrics
from acs.security import Secrets
from acs.southbound import TriggerSender
from acs.store import Store

NOW = 1_800_000_000.0
PATH = ds.Path("Internet", "192.0.2.7:7550")


def request(conn, how_many: int = 1) -> list[int]:
    device = dev.find(conn, "0005B9-A1") or dev.register(conn, "0005B9", "A1", now=NOW)
    paths = [PATH] * how_many
    return [ds.request_trigger(conn, device, each, case_id=None, hourly=999, now=NOW) for each in paths]


async def test_a_trigger_is_claimed_once_and_taken_over_from_a_node_that_died(store):
    (number,) = await store.write(request)
    claimed = [each.id for each in await store.write(ds.claim_triggers, now=NOW, limit=9)]
    assert claimed == [number]
    assert await store.read(ds.due_triggers, now=NOW + 1, limit=9) == []
    assert await store.write(ds.claim_triggers, now=NOW + 1, limit=9) == []
    (again,) = await store.write(ds.claim_triggers, now=NOW + ds.CLAIM, limit=9)
    assert again.id == number
    await store.write(ds.trigger_sent, number, "sent", now=NOW + ds.CLAIM)
    assert await store.write(ds.claim_triggers, now=NOW + 2 * ds.CLAIM - 1, limit=9) == []


class Counting:
    """A medium that notes what goes out over it, on whichever node."""

    method = "UDP"

    def __init__(self) -> None:
        self.sent: list[int] = []

    async def send(self, due, trigger, key) -> str:
        self.sent.append(due.id)
        await asyncio.sleep(0)
        return "sent" if due.id % 2 else "not sent: no route"


async def test_of_two_nodes_one_sends(database_url, clock, tmp_path):
    stores = [await Store.open(database_url, clock=clock) for _ in range(2)]
    medium, metrics = Counting(), Metrics()
    try:
        numbers = await stores[0].write(request, 60)
        secrets = Secrets.load_or_create(tmp_path)
        senders = [TriggerSender(each, secrets, [medium], metrics) for each in stores]
        while await stores[0].read(ds.due_triggers, now=clock(), limit=1):
            await asyncio.gather(*(each.begin_due() for each in senders))
        async with asyncio.timeout(20):
            await asyncio.gather(*(each.idle() for each in senders))
    finally:
        for each in stores:
            await each.close()
    assert sorted(medium.sent) == numbers
    counted = metrics.registry.get_sample_value
    labels = {"kind": "Internet", "method": "UDP"}
    assert counted("acs_distress_triggers_total", {**labels, "result": "sent"}) == 30
    assert counted("acs_distress_triggers_total", {**labels, "result": "not sent"}) == 30
