"""Silences over the northbound interface: scopes, two persons, the audit; the node lets alarms out itself."""

from __future__ import annotations

import pytest

from acs import subscriptions as sub
from acs.security import Sealer
from tests.security.managers import Manager, alarm, manager
from tests.waiting import until

__all__ = ["manager"]  # a fixture

KNOWN = {"matchers": ["oui=0005B9", "severity in (WARNING, MINOR)"], "why": "power works"}


async def add(manager: Manager, **options):
    body = {**KNOWN, "ends_at": manager.bench.clock[0] + 100, **options}
    return await manager.ask("POST", "/v1/silences", json=body)


async def active(manager: Manager) -> list[dict]:
    return (await manager.ask("GET", "/v1/alarms?state=active"))[1]["items"]


async def test_a_silenced_alarm_is_shown_as_such_and_told_when_the_silence_ends(manager):
    now = manager.bench.clock[0]
    facts = {"sealer": Sealer(bytes(32)), "who": "op", "owner": "noc", "now": now}
    await manager.write(sub.add_subscription, "https://localhost:1/", sub.Filter(), **facts)
    status, made, _ = await add(manager)
    assert (status, made["state"], made["ends_at"]) == (201, "active", now + 100)
    assert made["matchers"] == ["oui=0005B9", "perceived_severity in (WARNING, MINOR)"]
    await manager.write(alarm, now=now)
    [shown] = await active(manager)
    assert (shown["held_back"]["kind"], shown["held_back"]["by"]) == ("silence", "silence 1")
    assert shown["held_back"]["because"].endswith(": power works")
    assert [each.waiting for each in await manager.read(sub.backlogs)] == [0]
    status, ended, _ = await manager.ask("DELETE", "/v1/silences/1")
    assert (status, ended["state"]) == (200, "expired")

    async def let_out():  # by the node's own watch
        return not (await active(manager))[0]["held_back"]

    await until(let_out)
    assert [each.waiting for each in await manager.read(sub.backlogs)] == [1]
    audited = [(action, target) for _, action, target in await manager.audited()]
    assert ("silence added", "silence 1") in audited
    assert ("silence expired", "silence 1") in audited


async def test_one_of_critical_security_alarms_takes_two_persons(manager):
    _, made, _ = await add(manager, grave=True)
    assert made["state"] == "asked"
    status, problem, _ = await manager.ask("POST", "/v1/silences/1/approve", json={"why": "yes"})
    assert (status, "second person" in problem["detail"]) == (409, True)
    _, other = await manager.new_token("alarms:silence", owner="security")
    status, made, _ = await manager.ask("POST", "/v1/silences/1/approve", json={"why": "yes"}, token=other)
    assert (status, made["state"]) == (200, "active")
    assert made["approved_by"].startswith("security@token-")


async def test_reading_and_writing_are_two_scopes(manager):
    _, reader = await manager.new_token("alarms:read")
    _, writer = await manager.new_token("alarms:silence")
    assert (await manager.ask("GET", "/v1/silences", token=reader))[0] == 200
    assert (await manager.ask("GET", "/v1/silences", token=writer))[0] == 403
    for method, path in (("POST", ""), ("DELETE", "/1"), ("POST", "/1/approve")):
        status, problem, _ = await manager.ask(method, f"/v1/silences{path}", token=reader, json={})
        assert (status, "alarms:silence" in problem["detail"]) == (403, True)
    assert (await manager.ask("DELETE", "/v1/silences/9", token=writer))[0] == 404


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"matchers": ["site!=x"]}, "every alarm"),
        ({"matchers": []}, "length"),
        ({"matchers": ["site=~(" + "a" * 300]}, "256"),
        ({"ends_at": 1.0}, "ends after it begins"),
        ({"why": " "}, "reason"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_what_makes_no_sense_is_refused(manager, options, why):
    status, problem, _ = await add(manager, **options)
    assert status in (400, 422)
    assert why in problem["detail"]
    assert (await manager.ask("GET", "/v1/silences?ended=true"))[1]["items"] == []
