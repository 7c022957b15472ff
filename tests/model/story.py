"""What must be true of a case, of the record on Type 2 and of the HeNB, whatever went wrong on the way."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import func, select

from acs import alarms as al
from acs import remediation as rm
from acs.cwmp import messages as m
from acs.southbound import transactions as tx
from acs.store.tables import alarm_events, cases, commands, outbox
from tests.world import ManagedHenb, World

__all__ = ["Watched", "check_end", "check_step", "executed_twice", "type_2_of", "type_2_story"]

_CLOSED = re.compile(r"case (\d+) closed: (\w+)\Z")
_ONCE = ("Reboot", "FactoryReset", "Download", "Upload", "AddObject", "DeleteObject")
ENDS = {
    *("REMEDIATED", "NOTIFIED", "BLOCKED", "RELEASED", "EXTENDED", "NO_COMMUNICATION", "REACHED", "CLOSED"),
    *("SUPERSEDED", "EMERGENCY_FAILED", "HANDED_OVER"),
}
"""The outcomes that a remediation may have (S1 L27-L97)."""


@dataclass(frozen=True)
class Told:
    """One event of an alarm whose Inform the HeMS acknowledged."""

    alarm_identifier: str
    event_time: str
    notification_type: str


class Watched(World):
    """A world that remembers which alarms were acknowledged to the HeNB."""

    def __init__(self, **given: Any) -> None:
        self.acknowledged: list[Told] = []
        super().__init__(**given)

    def _open(self, inform: m.Inform) -> tx.Opened:
        opened = super()._open(inform)  # no LostError: the InformResponse came
        events = al.extract(inform.parameters).events
        self.acknowledged += [
            Told(each.alarm_identifier, each.event_time, each.notification_type) for each in events
        ]
        return opened


def check_step(world: Watched) -> None:
    """See that at this moment nothing is lost, nothing was done twice, and nothing waits silently."""
    assert executed_twice(world) == []
    _check_cases(world)
    _check_alarms_kept(world)
    _check_type_2(world)


def executed_twice(world: ManagedHenb) -> list[str]:
    """Return the effects that came about more often than they were asked for."""
    done = Counter((each.method, each.command_key) for each in world.henb.executed)
    sent = world.look(
        lambda conn: conn.execute(
            select(func.count()).where(commands.c.method == "FactoryReset", commands.c.attempts > 0)
        ).scalar_one()
    )
    allowed = {("FactoryReset", ""): sent}  # it has no CommandKey (TR-069 A.4.1.4)
    return [
        f"{method} {key}: {count} times"
        for (method, key), count in done.items()
        if method in _ONCE and count > allowed.get((method, key), 1)
    ]


def _check_cases(world: World) -> None:
    """See that each case is closed, or has a clock that ends its wait, or waits for a person who was told."""
    found = world.look(rm.list_cases, limit=1000)
    open_ones = Counter(each.device_id for each in found if each.state != "closed")
    assert all(count == 1 for count in open_ones.values()), "two open cases of one device"
    for case in found:
        if case.kind == "remediation" and case.state == "closed":
            assert case.outcome in ENDS, f"case {case.id}: {case.outcome}: {case.because}"
        if case.state == "active":
            late = case.wake_at is None or case.wake_at < world.now
            assert not late, f"case {case.id} is active and nothing wakes it: {world.journal(case)[-1]}"
        if case.state == "waiting":
            assert case.outcome in ENDS, f"case {case.id} waits as {case.outcome}: {case.because}"
            assert _waits_aloud(world, case), f"case {case.id} waits as {case.outcome}, and nobody was told"


def _waits_aloud(world: World, case: rm.Case) -> bool:
    """Tell whether the managers were told of a case since it was last instructed."""
    journal = world.journal(case)
    last = max(
        (
            at
            for at, step in enumerate(journal)
            if step.event and step.done and step.result and '"action"' in step.result
        ),
        default=-1,
    )
    return any(step.name == "notify" for step in journal[last + 1 :])


def _check_alarms_kept(world: Watched) -> None:
    """See that no event was acknowledged to the HeNB that is not recorded."""
    rows = world.look(lambda conn: conn.execute(select(alarm_events)).all())
    kept = {(row.alarm_identifier, row.event_time, row.notification_type) for row in rows}
    for told in world.acknowledged:
        assert (told.alarm_identifier, told.event_time, told.notification_type) in kept, told


def type_2_story(world: World) -> tuple[set[str], dict[int, str]]:
    """Read the record of Type 2 of a world; see ``type_2_of``."""
    rows = world.look(lambda conn: conn.execute(select(outbox).order_by(outbox.c.id)).all())
    return type_2_of([msgspec.json.decode(row.body) for row in rows])


def type_2_of(bodies: Iterable[dict[str, Any]]) -> tuple[set[str], dict[int, str]]:
    """Read what managers were told as they do: return the active alarms, and how each case ended.

    Fails where an alarm changes or ends before it is new, or a case ends twice.
    """
    active: set[str] = set()
    ended: dict[int, str] = {}
    for body in bodies:
        kind, alarm = body["notificationType"], body.get("alarmId", "")
        if kind == "notifyNewAlarm":
            assert alarm not in active, f"{alarm} is new twice"
            active.add(alarm)
        elif kind == "notifyChangedAlarm":
            assert alarm in active, f"{alarm} is changed before it is new"
        elif kind == "notifyClearedAlarm":
            assert alarm in active, f"{alarm} is cleared before it is new"
            active.remove(alarm)
        closed = _CLOSED.match(body.get("commentText", ""))
        if closed is not None:
            assert int(closed[1]) not in ended, f"case {closed[1]} ended twice"
            assert body["caseId"] == int(closed[1])
            ended[int(closed[1])] = closed[2]
    return active, ended


def _check_type_2(world: World) -> None:
    active, ended = type_2_story(world)
    key = world.device.device_key
    assert active == {f"{key}:{each.alarm_identifier}" for each in world.alarms()}
    closed = select(cases.c.id, cases.c.outcome).where(
        cases.c.state == "closed", cases.c.kind.in_(("remediation", "playbook"))
    )
    rows = world.look(lambda conn: conn.execute(closed).all())
    assert ended == {row.id: row.outcome for row in rows}


def check_end(world: Watched, *, healed: bool) -> None:
    """See that everything came to an end; ``healed``: nothing is broken any more, so both sides agree."""
    check_step(world)
    for case in world.look(rm.list_cases, limit=1000):
        assert case.state != "active", f"case {case.id} comes to no end: {world.journal(case)[-1]}"
    henb, device = world.henb, world.device
    untreated = [each for each in world.alarms() if each.security and each.case_id is None]
    waiting = any(each.state == "waiting" for each in world.cases())  # others wait for its end
    assert device.blocked or waiting or not untreated, f"nobody cares for {untreated}"
    if not healed or henb.state != "running" or device.blocked:
        return
    told = {active.alarm_identifier for active in henb.tampers if active.alarm_identifier}
    own = [each for each in world.alarms() if not each.detector.startswith("HeMS:")]
    known = {each.alarm_identifier for each in own}
    assert told <= known, f"the HeMS does not know of {told - known}"
    gone = [each for each in own if each.alarm_identifier not in told and not each.clear_reason]
    assert not gone, f"the HeMS takes for active what the HeNB has ended: {gone}"
