"""Carrying measures out over real sockets: signed, in order, at least once, and nowhere else."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager

import pytest

from acs import devices as dev
from acs import measures as ms
from acs.enforcement import Enforcer
from acs.observability import Metrics
from acs.security import Sealer
from acs.settings import Settings
from acs.simulator import Vendor
from acs.simulator.operator_network import OperatorNetwork
from acs.southbound import Guard
from acs.store import Store
from tests.measures.standins import make_known
from tests.waiting import until

SEALER = Sealer(bytes(range(32)))
NAME = "a1.0005b9.henb.femto.example"


class Bench:
    """A store, the stand-ins, and a device."""

    def __init__(self, store: Store, network: OperatorNetwork) -> None:
        self.store, self.network = store, network
        self.metrics = Metrics()

    @asynccontextmanager
    async def enforcing(self, *networks: str):
        guard = Guard(networks, setting="measure_networks")
        settings = Settings(delivery_longest_wait=0.1)
        enforcer = Enforcer(self.store, settings, SEALER, self.metrics, guard, system_dn="DC=test")
        task = asyncio.create_task(enforcer.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            guard.close()

    async def ask(self, *names: str) -> None:
        told = {"who": "ann@cli", "because": "stolen", "system_dn": "DC=test", "now": time.time()}
        await self.store.write(ms.request_measures, self.device, names, **told)

    async def undo(self, *names: str) -> None:
        told = {"who": "ann@cli", "because": "found", "system_dn": "DC=test", "now": time.time()}
        await self.store.write(ms.undo_measures, self.device, names, **told)

    async def settled(self) -> list[ms.Measure]:
        """Wait until nothing waits; return all measures, the oldest first."""

        async def nothing_waits() -> bool:
            return not await self.store.read(ms.list_measures, state="waiting")

        await until(nothing_waits)
        return (await self.store.read(ms.list_measures))[::-1]

    async def error(self, name: str) -> str:
        found = await self.store.read(ms.list_targets)
        return next(each.last_error for each in found if each.name == name)


@pytest.fixture
async def bench(sqlite_url, tmp_path):
    store = await Store.open(sqlite_url, clock=time.time)
    network = OperatorNetwork(tmp_path / "network", Vendor(tmp_path / "vendor").ca_path)
    await network.start()
    made = Bench(store, network)
    await make_known(store, network, SEALER)
    made.device = await store.write(dev.register, "0005B9", "A1", certificate_name=NAME, now=1.0)
    try:
        yield made
    finally:
        await network.stop()
        await store.close()


@pytest.mark.row("S1 L90")
@pytest.mark.row("S1 L92")
@pytest.mark.row("S1 L94")
async def test_each_system_does_its_part_and_undoes_it(bench: Bench):
    async with bench.enforcing("127.0.0.0/8", "::1/128"):
        await bench.ask("SEGW_BLOCK", "GATEWAY_BLOCK", "SUBSCRIBER_REPLACE")
        done = await bench.settled()
        assert [(each.target, each.state, each.attempts) for each in done] == [
            ("segw", "done", 1),
            ("henb-gw", "done", 1),
            ("subscribers", "done", 1),
        ]
        assert bench.network.segw.lists.blocked == {NAME: "stolen"}
        assert bench.network.gateway.lists.blocked == {"0005b9-a1": "stolen"}
        assert [each.operation for each in bench.network.subscribers.letters] == ["replace"]
        await bench.undo()
        await bench.settled()
    assert not bench.network.segw.lists.blocked
    assert not bench.network.gateway.lists.blocked
    assert [each.operation for each in bench.network.subscribers.letters] == ["replace", "withdraw"]
    assert bench.metrics.registry.get_sample_value("acs_measures_total", {"result": "done"}) == 6


async def test_what_waits_is_carried_out_after_a_restart_and_once(bench: Bench):
    await bench.ask("SUBSCRIBER_REPLACE")
    [order] = await bench.store.write(
        ms.take_orders, await _number(bench, "subscribers"), node="dead", now=time.time()
    )
    async with bench.enforcing("127.0.0.0/8", "::1/128"):  # a node that has just begun
        await bench.settled()
    # It had been carried out before the crash, and is sent again: it comes to the same.
    again = {"state": "waiting"}
    from sqlalchemy import update

    from acs.store.tables import measures

    await bench.store.write(lambda conn: conn.execute(update(measures).values(again)) and None)
    async with bench.enforcing("127.0.0.0/8", "::1/128"):
        [found] = await bench.settled()
    assert (found.id, found.state, len(bench.network.subscribers.letters)) == (order.measure.id, "done", 1)


async def _number(bench: Bench, name: str) -> int:
    found = await bench.store.read(ms.list_targets)
    return next(each.id for each in found if each.name == name)


async def test_a_system_that_fails_is_asked_again_and_the_order_is_kept(bench: Bench):
    bench.network.measures.refuse_next = [503, 500, 502, 401]
    await bench.ask("SEGW_BLOCK")
    await bench.undo("SEGW_BLOCK")
    await bench.ask("SEGW_BLOCK")
    async with bench.enforcing("127.0.0.0/8", "::1/128"):
        done = await bench.settled()
    assert [each.action for each in done] == ["apply", "undo", "apply"]
    assert {each.state for each in done} == {"done"}
    assert bench.network.segw.lists.blocked == {NAME: "stolen"}
    assert bench.network.measures.requests == 7


async def test_what_a_system_refuses_is_given_up_until_a_person_says_again(bench: Bench):
    bench.network.measures.refuse_next = [422]
    await bench.ask("GATEWAY_BLOCK")
    async with bench.enforcing("127.0.0.0/8", "::1/128"):
        [dead] = await bench.settled()
        assert (dead.state, dead.error) == ("dead", "the manager answered 422: refused on demand")
        await bench.store.write(ms.retry_measure, dead.id, who="ann@cli", now=time.time())
        [done] = await bench.settled()
    assert done.state == "done"


async def test_nothing_is_sent_where_the_operator_does_not_allow_it(bench: Bench):
    await bench.ask("SEGW_BLOCK")
    async with bench.enforcing():  # loopback is allowed to nobody who does not say so

        async def refused() -> bool:
            return "see the setting measure_networks" in await bench.error("segw")

        await until(refused)
    assert bench.network.measures.requests == 0
    [waiting] = await bench.store.read(ms.list_measures)
    assert waiting.state == "waiting"


async def test_a_system_without_the_secret_does_nothing_until_it_has_it(bench: Bench):
    path = bench.network.directory / "segw.secret"
    secret = path.read_text()
    path.write_text("whsec_" + "A" * 43 + "=")
    await bench.ask("SEGW_REMOVE")
    async with bench.enforcing("127.0.0.0/8", "::1/128"):

        async def refused() -> bool:
            return "the signature is wrong" in await bench.error("segw")

        await until(refused)
        assert not bench.network.segw.lists.disallowed
        path.write_text(secret)
        await bench.settled()
    assert bench.network.segw.lists.disallowed == {NAME: "stolen"}


async def test_a_sealed_secret_of_another_key_is_told_and_keeps_nothing_else_from_going(bench: Bench):
    wrong = Sealer(bytes(32))
    url = bench.network.url("segw")
    await bench.store.write(ms.add_target, "old", "OTHER", url, sealer=wrong, who="me", now=1.0)
    await bench.ask("OTHER", "SEGW_BLOCK")
    async with bench.enforcing("127.0.0.0/8", "::1/128"):

        async def told() -> bool:
            return "can't be opened" in await bench.error("old")

        await until(told)

        async def done() -> bool:
            return bool(await bench.store.read(ms.list_measures, state="done"))

        await until(done)
