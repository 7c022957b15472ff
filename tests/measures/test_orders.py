"""Asking for measures, undoing them, and what each system has still to be told: on both engines."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from acs import devices as dev
from acs import measures as ms
from acs import remediation as rm
from acs.errors import AcsError
from acs.security import Authority, Sealer
from acs.store import Store
from acs.store.tables import audit, measure_targets, outbox
from acs.subscriptions import Failure
from tests.conftest import Clock

SEALER = Sealer(bytes(32))
DN = "DC=test"


def no_url(*_: object) -> str:
    raise AcsError("none")


ENV = rm.Environment(rm.load_policy(None), no_url, system_dn=DN)
DOWN = Failure("down", "no answer within 10 s")


class Bench:
    """A store with a device and three systems."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store, self.clock = store, clock

    async def ready(self) -> Bench:
        self.device = await self.store.write(dev.register, "0005B9", "A1", product_class="HeNB", now=1.0)
        for name, system in (("segw", "SEGW"), ("gateway", "GATEWAY"), ("letters", "SUBSCRIBER")):
            url = f"https://{name}.example/measures"
            await self.store.write(ms.add_target, name, system, url, sealer=SEALER, who="me", now=1.0)
        self.targets = {each.name: each.id for each in await self.store.read(ms.list_targets)}
        return self

    async def ask(self, *names: str) -> list[ms.Measure]:
        told = {"who": "ann@cli", "because": "stolen", "system_dn": DN, "now": self.clock.now}
        return await self.store.write(ms.request_measures, self.device, names, **told)

    async def undo(self, *names: str) -> list[ms.Measure]:
        told = {"who": "ann@cli", "because": "found", "system_dn": DN, "now": self.clock.now}
        return await self.store.write(ms.undo_measures, self.device, names, **told)

    async def take(self, name: str) -> list[ms.Order]:
        return await self.store.write(ms.take_orders, self.targets[name], node="n1", now=self.clock.now)

    async def settle(self, name: str, outcomes: dict[int, Failure | None]) -> None:
        how = {"node": "n1", "longest": 300, "jitter": 0.0, "system_dn": DN, "now": self.clock.now}
        await self.store.write(ms.settle, self.targets[name], outcomes, **how)

    async def comments(self) -> list[str]:
        import json

        rows = await self.store.read(lambda conn: conn.execute(select(outbox.c.body)).scalars().all())
        return [json.loads(each)["commentText"] for each in rows]


@pytest.fixture
async def bench(store: Store, clock: Clock) -> Bench:
    return await Bench(store, clock).ready()


@pytest.mark.row("S1 L90")
async def test_a_measure_is_asked_for_once_and_told_on_type_2(bench: Bench):
    [made] = await bench.ask("SEGW_BLOCK")
    assert (made.target, made.action, made.state) == ("segw", "apply", "waiting")
    assert await bench.ask("SEGW_BLOCK") == []  # it is in force already
    [order] = await bench.take("segw")
    assert (order.serial_number, order.product_class) == ("A1", "HeNB")
    await bench.settle("segw", {made.id: None})
    assert await bench.ask("SEGW_BLOCK") == []
    [standing] = await bench.store.read(ms.in_force, bench.device.id)
    assert (standing.id, standing.state) == (made.id, "done")
    assert await bench.comments() == [
        "measure blockListAdd at segw: requested",
        "measure blockListAdd at segw: done",
    ]
    kept = await bench.store.read(lambda conn: conn.execute(select(audit.c.action)).scalars().all())
    assert {"measure blockListAdd asked for", "measure done"} <= set(kept)


async def test_two_measures_of_one_system_about_a_device_keep_their_order(bench: Bench):
    [block] = await bench.ask("SEGW_BLOCK")
    [undone] = await bench.undo()
    other = await bench.store.write(dev.register, "0005B9", "A2", product_class="HeNB", now=1.0)
    told = {"who": "ann@cli", "because": "x", "system_dn": DN, "now": bench.clock.now}
    [second] = await bench.store.write(ms.request_measures, other, ["SEGW_BLOCK"], **told)
    assert [each.measure.id for each in await bench.take("segw")] == [block.id, second.id]
    assert await bench.take("segw") == []  # it is served already
    await bench.settle("segw", {block.id: Failure("failed", "answered 500"), second.id: None})
    assert await bench.take("segw") == []  # the undoing waits for what it undoes
    bench.clock.now += 2
    [again] = await bench.take("segw")
    assert again.measure.id == block.id
    await bench.settle("segw", {block.id: None})
    [last] = await bench.take("segw")
    assert (last.measure.id, last.measure.action) == (undone.id, "undo")
    await bench.settle("segw", {undone.id: None})
    assert await bench.store.read(ms.in_force, bench.device.id) == []


async def test_a_system_that_is_down_is_tried_again_for_ever_and_ever_less_often(bench: Bench):
    [made] = await bench.ask("GATEWAY_BLOCK")
    waits = []
    for _ in range(30):
        [order] = await bench.take("gateway")
        await bench.settle("gateway", {order.measure.id: DOWN})
        [target] = [each for each in await bench.store.read(ms.list_targets) if each.name == "gateway"]
        waits.append(target.retry_at - bench.clock.now)
        assert await bench.store.read(ms.due_targets, now=bench.clock.now) == []
        bench.clock.now = target.retry_at
    assert waits[:4] == [1, 2, 4, 8]
    assert waits[-1] == 300
    assert await bench.store.read(ms.due_targets, now=bench.clock.now) == [bench.targets["gateway"]]
    [found] = await bench.store.read(ms.list_measures, state="waiting")
    assert (found.id, found.error) == (made.id, DOWN.why)


async def test_what_is_refused_is_given_up_shown_and_tried_again_by_a_person(bench: Bench):
    [made] = await bench.ask("SUBSCRIBER_REPLACE")
    await bench.take("letters")
    await bench.settle("letters", {made.id: Failure("refused", "answered 422: no such subscriber")})
    [dead] = await bench.store.read(ms.list_measures, state="dead")
    assert dead.error == "answered 422: no such subscriber"
    assert (await bench.comments())[-1] == (
        "measure replace at letters: given up: answered 422: no such subscriber"
    )
    assert await bench.take("letters") == []
    with pytest.raises(AcsError, match="no measure 999"):
        await bench.store.write(ms.retry_measure, 999, who="ann@cli", now=2.0)
    await bench.store.write(ms.retry_measure, dead.id, who="ann@cli", now=2.0)
    [order] = await bench.take("letters")
    await bench.settle("letters", {order.measure.id: None})
    with pytest.raises(AcsError, match="is done"):
        await bench.store.write(ms.retry_measure, dead.id, who="ann@cli", now=2.0)


async def test_what_was_given_up_may_have_been_carried_out_so_it_can_be_undone(bench: Bench):
    [made] = await bench.ask("SEGW_REMOVE")
    await bench.take("segw")
    await bench.settle("segw", {made.id: Failure("refused", "answered 400")})
    [undone] = await bench.undo()
    assert ms.operation_of(undone.measure, undone.action) == "allowListAdd"
    with pytest.raises(AcsError, match="was followed by another"):
        await bench.store.write(ms.retry_measure, made.id, who="ann@cli", now=2.0)


async def test_a_claim_of_a_dead_node_ends(bench: Bench):
    await bench.ask("SEGW_BLOCK")
    assert await bench.take("segw")
    assert await bench.store.read(ms.due_targets, now=bench.clock.now) == []
    bench.clock.now += ms.LEASE
    assert await bench.take("segw")
    await bench.store.write(ms.release_all)
    assert await bench.take("segw")


async def test_what_makes_no_sense_is_refused_in_a_sentence(bench: Bench):
    with pytest.raises(AcsError, match="'SEGW_BLOKC' is no measure; known are SEGW_BLOCK"):
        await bench.ask("SEGW_BLOKC")
    with pytest.raises(AcsError, match="no system carries out OTHER; add one"):
        await bench.ask("OTHER")
    add = {"sealer": SEALER, "who": "me", "now": 1.0}
    for arguments, why in (
        (("segw", "SEGW", "https://x.example"), "a system segw already"),
        (("a b", "SEGW", "https://x.example"), "the name 'a b' is none"),
        (("x", "SEGV", "https://x.example"), "'SEGV' is no kind of system"),
        (("x", "SEGW", "http://x.example"), "begins with https"),
        (("x", "SEGW", "https://u:p@x.example"), "neither user, password"),
    ):
        with pytest.raises(AcsError, match=why):
            await bench.store.write(ms.add_target, *arguments, **add)
    with pytest.raises(AcsError, match="can't be used"):
        await bench.store.write(ms.add_target, "x", "SEGW", "https://x.example", client=b"PEM", **add)


async def test_secrets_of_a_system_are_sealed_and_bound_to_its_url(bench: Bench, tmp_path):
    issued = Authority.load_or_create(tmp_path, "CA").issue_client("hems.example")
    url, client = "https://new.example/measures", issued.key + issued.certificate
    told = {"bearer": "a token", "client": client, "who": "me", "now": 1.0, "sealer": SEALER}
    target, secret = await bench.store.write(ms.add_target, "new", "OTHER", url, **told)
    row = await bench.store.read(
        lambda conn: conn.execute(select(measure_targets).where(measure_targets.c.id == target.id)).one()
    )
    assert not any(part in bytes(row.client_sealed) for part in (b"PRIVATE", b"a token", secret.encode()))
    carrier = await bench.store.read(ms.open_carrier, target.id, SEALER)
    assert (carrier.secret, carrier.bearer, carrier.client) == (secret, "a token", client)
    await bench.store.write(ms.remove_target, "new", who="me", now=2.0)
    assert await bench.store.read(ms.open_carrier, target.id, SEALER) is None


@pytest.mark.row("S1 L88.1")
async def test_to_undo_takes_two_persons(bench: Bench):
    await bench.ask("SEGW_BLOCK", "GATEWAY_BLOCK")

    async def undo(who: str, *names: str) -> list[ms.Measure] | None:
        told = {"who": who, "why": "repaired", "env": ENV, "now": bench.clock.now}
        return await bench.store.write(rm.undo, bench.device.id, names, **told)

    assert await undo("ann@cli", "SEGW_BLOCK") is None
    with pytest.raises(AcsError, match="needs a second person's approval"):
        await undo("ann@token-7", "SEGW_BLOCK")
    assert await undo("bob@cli", "GATEWAY_BLOCK") is None  # about something else
    [made] = await undo("bob@cli", "SEGW_BLOCK")
    assert (made.measure, made.who) == ("SEGW_BLOCK", "ann@cli and bob@cli")
    assert [each.measure for each in await bench.store.read(ms.in_force, bench.device.id)] == [
        "GATEWAY_BLOCK"
    ]
    assert await undo("bob@cli") is None  # a first word is used up
    with pytest.raises(AcsError, match="no such measure is in force"):
        await undo("bob@cli", "OTHER")


async def test_a_device_of_which_a_measure_is_in_force_is_unblocked_by_two(bench: Bench):
    await bench.ask("SEGW_BLOCK")
    await bench.store.write(dev.block, bench.device.id, "stolen", who="ann@cli", now=2.0)

    async def unblock(who: str) -> bool:
        told = {"who": who, "why": "found", "env": ENV, "now": bench.clock.now}
        return await bench.store.write(rm.unblock, bench.device.id, **told)

    assert not await unblock("ann@cli")
    assert (await bench.store.read(dev.get, bench.device.id)).blocked
    assert await unblock("bob@cli")
    found = await bench.store.read(dev.get, bench.device.id)
    assert (found.blocked, found.readmission) == (False, "reset")
    assert await bench.store.read(ms.in_force, bench.device.id) == []


async def test_what_is_in_force_is_not_forgotten(bench: Bench):
    [kept] = await bench.ask("SEGW_BLOCK")
    [gone] = await bench.ask("GATEWAY_BLOCK")
    [undone] = await bench.undo("GATEWAY_BLOCK")
    await bench.settle("segw", {kept.id: None})
    await bench.settle("gateway", {gone.id: None, undone.id: None})
    count = await bench.store.write(ms.prune_measures, before=bench.clock.now + 1, limit=100)
    assert count == 2
    assert [each.id for each in await bench.store.read(ms.list_measures)] == [kept.id]
