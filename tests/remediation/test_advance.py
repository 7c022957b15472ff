"""What surrounds the playbooks: failures, policies of running cases, deadlines, the clock."""

from __future__ import annotations

import sys

import pytest
from sqlalchemy import update

from acs import remediation as rm
from acs.remediation import Engine, Environment, parse_policy
from acs.remediation.playbooks import PLAYBOOKS
from acs.store import Store
from acs.store.tables import journal
from tests.world import POLICY, World

module = sys.modules["acs.remediation.advance"]


def test_a_playbook_that_fails_sets_its_case_aside_and_harms_nobody_else(monkeypatch):
    async def broken(case):
        await case.note("about to fail")
        raise RuntimeError("a mistake in the playbook")

    monkeypatch.setitem(PLAYBOOKS, ("reconfiguration", "1"), broken)
    world = World()
    world.boot()
    world.tamper("configuration-modified")
    (case,) = world.cases()
    assert (case.state, case.outcome) == ("waiting", "FAILED")
    assert "a mistake in the playbook" in case.because
    assert world.journal(case) == []  # what it had begun is undone
    assert world.refused == []
    world.instruct(case, "CLOSE", "mended")
    assert world.cases()[0].state == "closed"


def test_a_changed_playbook_is_noticed():
    world = World()
    world.boot()
    world.henb.tamper("configuration-modified", world.now)
    world.run(2)
    (case,) = world.cases()
    with world.conn.begin():
        world.conn.execute(
            update(journal).where(journal.c.case_id == case.id, journal.c.seq == 1).values(name="dance")
        )
    world.run(4000)
    (case,) = world.cases()
    assert case.outcome == "FAILED"
    assert "NonDeterministicError" in case.because


def test_a_running_case_finishes_on_the_policy_it_was_opened_under():
    world = World(policy=POLICY + "ladders: {reconfiguration: [reboot]}\n")
    world.boot()
    world.henb.tamper("configuration-modified", world.now)
    world.run(2)
    world.env = Environment(parse_policy(POLICY), world.env.file_url, world.env.upload_url)
    world.run(4000)
    (case,) = world.cases()
    assert world.rungs(case) == ["reboot"]
    assert case.outcome == "REMEDIATED"


def test_a_case_that_is_gone_or_waits_is_left_alone():
    world = World()
    world.boot()
    world.tamper("circuit-modified")
    before = world.journal(world.cases()[0])
    with world.conn.begin():
        rm.advance(world.conn, world.cases()[0].id, env=world.env, now=world.now + 10**6)
        rm.advance(world.conn, 999, env=world.env, now=world.now)
    assert world.journal(world.cases()[0]) == before


def test_a_trouble_of_the_database_is_not_taken_for_one_of_the_playbook(monkeypatch):
    from sqlalchemy.exc import OperationalError

    def fails(*args, **kwargs):
        raise OperationalError("SELECT", {}, Exception("disk full"))

    monkeypatch.setattr(module, "_play", fails)
    world = World()
    with pytest.raises(OperationalError):
        world.boot()
    assert world.look(rm.list_cases) == []


def test_a_device_that_needs_more_cases_than_one_transaction_allows_gets_the_rest_later(monkeypatch):
    monkeypatch.setattr(module, "_MAX_CASES", 1)
    world = World()
    world.boot()
    world.henb.tamper("case-opened", world.now)
    world.henb.tamper("configuration-modified", world.now)
    world.run(4000)
    assert {case.outcome for case in world.cases()} <= {"REMEDIATED", "NOTIFIED"}


async def test_the_engine_advances_what_is_due_and_survives_failures(tmp_path, monkeypatch):
    import asyncio

    store = await Store.open(f"sqlite:///{tmp_path}/acs.db")
    engine = Engine(store, Environment(parse_policy(POLICY), lambda *_: ""))
    assert await engine.tick() == 0
    calls = []

    async def tick():
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("once")
        raise asyncio.CancelledError

    monkeypatch.setattr(engine, "tick", tick)
    monkeypatch.setattr("acs.remediation.engine._PAUSE", 0.001)
    with pytest.raises(asyncio.CancelledError):
        await engine.run()
    assert len(calls) == 2
    await store.close()
