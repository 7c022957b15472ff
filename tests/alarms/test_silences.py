"""Silences: who may make which, when they have an effect, and that all of it is in the audit."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from acs import alarms as al
from acs import devices as dev
from acs.alarms.silences import LONGEST, LONGEST_GRAVE, MOST
from acs.errors import AcsError
from acs.store import Store
from acs.store.tables import audit

NOW = 1_800_000_000.0


async def silence(store: Store, *matchers: str, **options: Any) -> al.Silence:
    facts = {"who": "ann@cli", "why": "known", "starts_at": NOW, "ends_at": NOW + 3600, "now": NOW, **options}
    return await store.write(al.add_silence, list(matchers) or ["site=roof-1"], **facts)


async def in_force(store: Store, now: float) -> list[int]:
    return [each.id for each in await store.read(al.silences_in_force, now=now)]


async def test_a_silence_begins_and_ends_by_the_clock(store: Store) -> None:
    made = await silence(store, "site=roof-1", "severity=minor", starts_at=NOW + 10, ends_at=NOW + 20)
    assert [str(each) for each in made.matchers] == ["site=roof-1", "perceived_severity=MINOR"]
    states = [made.state(NOW + seconds) for seconds in (0, 10, 19, 20)]
    assert states == ["pending", "active", "active", "expired"]
    assert [await in_force(store, NOW + seconds) for seconds in (9, 10, 19, 20)] == [[], [1], [1], []]
    assert await store.read(al.find_silence, made.id) == made
    assert await store.read(al.find_silence, 9) is None


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"why": " "}, "reason"),
        ({"why": "x" * 1001}, "reason"),
        ({"ends_at": NOW}, "ends after it begins"),
        ({"starts_at": NOW - 20, "ends_at": NOW - 10}, "ends after it begins"),
        ({"ends_at": float("nan")}, "ends after it begins"),
        ({"ends_at": float("inf")}, "at most 30 days"),
        ({"ends_at": NOW + LONGEST + 1}, "at most 30 days"),
        ({"ends_at": NOW + LONGEST_GRAVE + 1, "grave": True}, "at most 7 days"),
        ({"starts_at": NOW + 91 * 86400, "ends_at": NOW + 92 * 86400}, "begins within 90 days"),
    ],
)
async def test_one_that_makes_no_sense_is_not_made(store: Store, options: dict[str, Any], why: str) -> None:
    with pytest.raises(AcsError, match=why):
        await silence(store, **options)
    assert await store.read(al.list_silences, now=NOW, ended=True) == []


async def test_there_are_not_too_many(store: Store) -> None:
    def fill(conn: Any) -> None:
        for _ in range(MOST):
            times = {"starts_at": NOW, "ends_at": NOW + 10, "now": NOW}
            al.add_silence(conn, ["site=a"], who="ann@cli", why="known", **times)

    await store.write(fill)
    with pytest.raises(AcsError, match="expire one"):
        await silence(store)
    await silence(store, now=NOW + 10, ends_at=NOW + 30)  # those have ended


async def test_one_of_critical_security_alarms_needs_a_second_person(store: Store) -> None:
    made = await silence(store, grave=True)
    assert made.state(NOW) == "asked"
    assert await in_force(store, NOW) == []
    for same in ("ann@cli", "ann@token-7", "Ann@token-8"):
        with pytest.raises(AcsError, match="second person"):
            await store.write(al.approve_silence, made.id, who=same, why="yes", now=NOW)
    with pytest.raises(AcsError, match="reason"):
        await store.write(al.approve_silence, made.id, who="bob@cli", why="", now=NOW)
    approved = await store.write(al.approve_silence, made.id, who="bob@token-1", why="seen it", now=NOW + 1)
    assert (approved.approved_by, approved.approved_why) == ("bob@token-1", "seen it")
    assert approved.state(NOW + 1) == "active"
    assert await in_force(store, NOW + 1) == [made.id]
    with pytest.raises(AcsError, match="waits for no approval"):
        await store.write(al.approve_silence, made.id, who="eve@cli", why="me too", now=NOW + 1)


async def test_one_can_be_ended_early_and_stays_in_the_list(store: Store) -> None:
    made = await silence(store)
    ended = await store.write(al.expire_silence, made.id, who="bob@cli", why="repaired", now=NOW + 5)
    assert (ended.ends_at, ended.expired_by, ended.state(NOW + 5)) == (NOW + 5, "bob@cli", "expired")
    assert await store.read(al.list_silences, now=NOW + 5) == []
    assert [each.id for each in await store.read(al.list_silences, now=NOW + 5, ended=True)] == [made.id]
    for late in (made.id, 77):
        with pytest.raises(AcsError, match=str(late)):
            await store.write(al.expire_silence, late, who="bob@cli", now=NOW + 6)
    with pytest.raises(AcsError, match="has ended"):
        await store.write(al.approve_silence, made.id, who="bob@cli", why="x", now=NOW + 6)
    assert await store.write(al.prune_silences, before=NOW, limit=9) == 0
    assert await store.write(al.prune_silences, before=NOW + 6, limit=9) == 1


async def test_who_did_what_is_in_the_audit(store: Store) -> None:
    made = await silence(store, grave=True)
    await store.write(al.approve_silence, made.id, who="bob@cli", why="seen it", now=NOW + 1)
    await store.write(al.expire_silence, made.id, who="cyd@cli", now=NOW + 2)
    rows = await store.read(lambda conn: conn.execute(select(audit).order_by(audit.c.id)).all())
    assert [(row.who, row.action, row.target) for row in rows] == [
        ("ann@cli", "silence asked for", "silence 1"),
        ("bob@cli", "silence approved", "silence 1"),
        ("cyd@cli", "silence expired", "silence 1"),
    ]
    assert rows[0].detail == "site=roof-1: known"
    assert await store.read(dev.verify_audit) is None
