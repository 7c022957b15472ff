"""Advancing a case: one transaction in which its playbook runs until it waits.

Everything the playbook does is rows written in this same transaction, so a crash leaves either all of
it or nothing, and whichever node comes next finds the journal as it is. The row lock is the lease.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from acs import alarms as al
from acs import devices as dev
from acs.commands import cancel, expire, find_command
from acs.devices import Device
from acs.errors import AcsError
from acs.remediation.case_api import CaseApi
from acs.remediation.cases import (
    ACTIVE,
    SHIPPED,
    Case,
    Step,
    change_case,
    find_case,
    journal_of,
)
from acs.remediation.environment import Environment
from acs.remediation.patience import more_time
from acs.remediation.playbooks import PLAYBOOKS, Result
from acs.remediation.policy import Policy, parse_policy
from acs.remediation.put_off import may_be_put_off, put_off, take_put_off
from acs.remediation.replay import Ask, Entry, Finished, Place, compare, run
from acs.remediation.safety.rules import verdict
from acs.remediation.safety.slots import end_slot, granted_cases, push_back, slot_state
from acs.remediation.script_api import BY_PERSONS, RUNS, group_result, operated
from acs.remediation.scripts import find_script, where
from acs.remediation.scripts.guard import FAILURES, limited, unwatched
from acs.remediation.scripts.runs import end_run, withdraw_runs
from acs.remediation.steps import HELD, Started, StepContext, command_result
from acs.remediation.triage import next_case
from acs.store.tables import case_is_open, cases, journal, policies
from acs.subscriptions import DECISION_NEEDED

__all__ = [
    "advance",
    "begin_put_off",
    "close_case",
    "due_cases",
    "end_wait",
    "finish_step",
    "open_next",
    "policy_of",
    "postpone",
]

_MAX_CASES = 8  # in one transaction; what is left waits for the device's next Inform
_MAX_JOURNAL = 64 * 2**20  # characters of results; all are read at each replay
_log = logging.getLogger(__name__)
_ADD_STEP = insert(journal)
_CHANGE_STEP = update(journal).where(
    journal.c.case_id == bindparam("case"), journal.c.seq == bindparam("number")
)


def due_cases(conn: Connection, *, now: float, limit: int) -> list[int]:
    """Return the ids of cases whose time has come, the longest overdue first, then those given a slot."""
    query = (
        select(cases.c.id).where(case_is_open, cases.c.wake_at <= now).order_by(cases.c.wake_at).limit(limit)
    )
    found = [int(row.id) for row in conn.execute(query)]
    return list(dict.fromkeys((*found, *granted_cases(conn, limit=limit))))[:limit]


def postpone(conn: Connection, case_id: int, *, until: float) -> None:
    """Look at an overdue case again at ``until``; leave one alone that was advanced meanwhile."""
    overdue = (cases.c.id == case_id, case_is_open, cases.c.wake_at < until)
    conn.execute(update(cases).where(*overdue).values(wake_at=until))
    push_back(conn, case_id, until=until)


def end_wait(conn: Connection, step: Step, *, now: float) -> None:
    """Have a step looked at now whose command was settled by somebody who can't let its case go on."""
    conn.execute(_CHANGE_STEP, {"case": step.case_id, "number": step.seq, "deadline": now})
    conn.execute(update(cases).where(cases.c.id == step.case_id, case_is_open).values(wake_at=now))


def advance(conn: Connection, case_id: int, *, env: Environment, now: float) -> None:
    """Let the case's playbook run until it waits or ends; where it ends, begin what comes next.

    Harmless when there is nothing to do.
    """
    case = find_case(conn, case_id)
    if case is None:
        return
    dev.lock(conn, case.device_id)
    if _advance_one(conn, case_id, env=env, now=now):
        open_next(conn, case.device_id, env=env, now=now)


def open_next(conn: Connection, device_id: int, *, env: Environment, now: float, later: bool = False) -> None:
    """Open the cases that the device needs, one after the other, until one of them waits.

    ``later``: there is no room for what a case would do now; where it can wait, it is put off.
    """
    for _ in range(_MAX_CASES):
        device = dev.get(conn, device_id)
        case = next_case(conn, device, env=env, now=now)
        if case is None:
            return
        if later and may_be_put_off(case, device, env.policy):
            put_off(conn, case, now=now)
            return
        if not _advance_one(conn, case.id, env=env, now=now):
            return


def begin_put_off(conn: Connection, case_id: int, *, env: Environment, now: float) -> None:
    """Begin a case that was put off; harmless where another node did it."""
    if take_put_off(conn, case_id):
        advance(conn, case_id, env=env, now=now)


def _advance_one(conn: Connection, case_id: int, *, env: Environment, now: float) -> bool:
    """Let one case go on; tell whether it is over, so that its device may need another."""
    case = find_case(conn, case_id, lock=True)
    if case is None or case.state not in ACTIVE:
        return True
    steps = journal_of(conn, case_id)
    looked_at = [_look_again(conn, case, step, env=env, now=now) for step in steps]
    changed = looked_at != steps
    again = [each for each in looked_at if not each.done and each.event == HELD]
    if again and slot_state(conn, case_id) == "held":
        again = []
    if (
        not changed
        and not again
        and steps
        and not steps[-1].done
        and not steps[-1].branch
        and steps[-1].event != RUNS
    ):
        return False  # nothing came; with branches another one may go on, and runs ask for the next look
    steps = looked_at
    savepoint = conn.begin_nested()
    try:
        over = _play(conn, case, steps, again, env=env, now=now)
    except SQLAlchemyError:
        raise  # the database's trouble, not the playbook's: the whole transaction is undone
    except FAILURES as error:
        # A playbook's mistake must not keep the device from checking in: the case waits for a person.
        savepoint.rollback()
        _log.exception("the playbook failed", extra={"case_id": case.id, "playbook": case.playbook})
        _set_aside(conn, case, error, env=env, now=now)
        return False
    else:
        savepoint.commit()
        return over


def _set_aside(conn: Connection, case: Case, error: BaseException, *, env: Environment, now: float) -> None:
    at = f" at {place}" if (place := where(error)) else ""
    because = f"the playbook {case.playbook} failed{at}: {type(error).__name__}: {error}"[:500]
    change_case(conn, case.id, state="waiting", outcome="FAILED", wake_at=None, because=because)
    end_slot(conn, case.id, verdict("FAILED"))
    text = f"case {case.id} waits for an instruction"
    _comment(conn, case, text, because, asks=True, env=env, now=now)


def _look_again(conn: Connection, case: Case, step: Step, *, env: Environment, now: float) -> Step:
    """End a wait whose time is over, or that for runs on other devices; return the step as it is now."""
    if step.done:
        return step
    if step.event == RUNS:
        results = group_result(conn, step, now=now)
        return step if results is None else finish_step(conn, step, results, now=now)
    if step.deadline is None or step.deadline > now:
        return step
    longer = more_time(conn, case, step, session=env.policy.timers.session, now=now)
    return longer or _overdue(conn, step, now=now)


def _overdue(conn: Connection, step: Step, *, now: float) -> Step:
    """End a wait whose time is over: the command is given up, the event did not come."""
    result: Any = None
    if step.command_id is not None:
        command = expire(conn, step.command_id, now=now)
        if command is None:  # it was settled in the very moment
            command = find_command(conn, step.command_id)
        assert command is not None
        result = command_result(command)
    elif step.event:
        result = False
    return finish_step(conn, step, result, now=now)


def finish_step(conn: Connection, step: Step, result: Any, *, now: float) -> Step:
    """Record the result of a step that was waited for."""
    text = msgspec.json.encode(result).decode()
    done: dict[str, Any] = {"state": "done", "result": text, "done_at": now}
    conn.execute(_CHANGE_STEP, {"case": step.case_id, "number": step.seq, **done})
    return replace(step, **done)


@dataclass(slots=True)
class _Player:
    """Begins the new steps of one run, and those that were ``held`` so far."""

    conn: Connection
    case: Case
    policy: Policy
    env: Environment
    now: float
    seq: int
    held: dict[Place, Entry]
    seqs: dict[Place, int]
    device: Device | None = None
    open: list[Started] = field(default_factory=list)

    def begin(self, place: Place, ask: Ask) -> Entry:
        with unwatched():
            return self._begin(place, ask)

    def _begin(self, place: Place, ask: Ask) -> Entry:
        before = self.held.get(place)
        if before is not None:
            compare(place, before, ask)
            seq = self.seqs[place]
        else:
            self.seq += 1
            seq = self.seq
        if self.device is None:
            self.device = dev.get(self.conn, self.case.device_id)
        context = StepContext(self.conn, self.case, self.device, self.policy, self.env, seq, self.now)
        started: Started = ask.begin(context)
        values = {
            "state": "done" if started.done else "waiting",
            "command_id": started.command_id,
            "event": started.event,
            "deadline": started.deadline,
            "result": msgspec.json.encode(started.result).decode() if started.done else None,
            "done_at": self.now if started.done else None,
        }
        if before is None:
            told = {"branch": place.branch, "name": ask.name, "detail": ask.detail, "because": ask.because}
            row = {"case_id": self.case.id, "seq": seq, "started_at": self.now, **told, **values}
            self.conn.execute(_ADD_STEP, row)
        else:
            self.conn.execute(_CHANGE_STEP, {"case": self.case.id, "number": seq, **values})
        if not started.done:
            self.open.append(started)
        return Entry(ask.name, started.done, started.result, self.now)


def _play(
    conn: Connection, case: Case, steps: list[Step], again: list[Step], *, env: Environment, now: float
) -> bool:
    """Run the playbook as far as it goes; the steps of ``again``, which were held, are begun anew.

    Returns whether the case is closed.
    """
    policy = policy_of(conn, case, env)
    script = None
    if case.playbook_version != SHIPPED:
        script = find_script(conn, case.playbook, case.playbook_version)
    known, seqs = _known(steps, exactly=script is not None)
    numbers = {each.seq for each in again}
    held = {place: known.pop(place) for place, seq in seqs.items() if seq in numbers}
    player = _Player(conn, case, policy, env, now, steps[-1].seq if steps else 0, held, seqs)

    def operators(name: str, version: str) -> Callable[..., Any]:
        watch()
        return find_script(conn, name, version).function

    api = CaseApi(
        facts=case.fact,
        policy=policy,
        procedure=case.procedure,
        because=case.because,
        started=case.opened_at,
        case_id=case.id,
        find=operators,
    )
    playbook = PLAYBOOKS[(case.playbook, case.playbook_version)] if script is None else operated(script)
    with limited(at_once=script is not None) as watch:
        ended = run(playbook(api), known.get, player.begin, resumed=api.resumed)
    if isinstance(ended, Finished):
        result: Result = ended.value
        close_case(conn, case, result.outcome, result.because, env=env, now=now)
        return True
    waits = [(step.event, step.deadline) for step in steps if not step.done]
    waits += [(each.event, each.deadline) for each in player.open]
    person = any(event in BY_PERSONS for event, _ in waits)
    deadlines = [deadline for _, deadline in waits if deadline is not None]
    wake_at = min(deadlines, default=None)
    state = "waiting" if person else "active"
    if (case.state, case.wake_at) != (state, wake_at) or player.open:
        gone_on = {"outcome": None} if (case.state, state) == ("waiting", "active") else {}
        change_case(conn, case.id, wake_at=wake_at, state=state, **gone_on)
    if waits and all(
        event in BY_PERSONS for event, _ in waits
    ):  # it is set aside, and disturbs nobody meanwhile
        found = find_case(conn, case.id)
        end_slot(conn, case.id, verdict(found.outcome if found else None))
    return False


def _known(steps: list[Step], *, exactly: bool) -> tuple[dict[Place, Entry], dict[Place, int]]:
    """Return the journal by place, and the numbers of its steps.

    ``exactly``: a replay has to repeat detail and reason as well.
    """
    size = sum(len(step.result or "") for step in steps)
    if size > _MAX_JOURNAL:
        raise AcsError(
            f"the results of its steps have {size} characters, {_MAX_JOURNAL} are allowed; read fewer"
            " parameters"
        )
    known: dict[Place, Entry] = {}
    seqs: dict[Place, int] = {}
    count: Counter[str] = Counter()
    for step in steps:
        count[step.branch] += 1
        result = msgspec.json.decode(step.result) if step.result else None
        told = (step.detail, step.because) if exactly else None
        at = step.done_at or step.started_at
        place = Place(step.branch, count[step.branch])
        known[place], seqs[place] = Entry(step.name, step.done, result, at, told), step.seq
    return known, seqs


def policy_of(conn: Connection, case: Case, env: Environment) -> Policy:
    """Return the policy under which the case was opened; it finishes on that one."""
    version = case.policy_version
    if version == env.policy.version:
        return env.policy
    body = conn.execute(select(policies.c.body).where(policies.c.version == version)).scalar_one()
    return parse_policy(body)


def close_case(
    conn: Connection, case: Case, outcome: str, because: str, *, env: Environment, now: float
) -> None:
    """Close a case, withdraw what it left open, and tell the managers."""
    for step in journal_of(conn, case.id):
        if step.done:
            continue
        if step.command_id is not None:
            cancel(conn, step.command_id, now=now)
        finish_step(conn, step, None, now=now)
    change_case(conn, case.id, state="closed", outcome=outcome, closed_at=now, wake_at=None, because=because)
    end_slot(conn, case.id, verdict(outcome))
    withdraw_runs(conn, case.id)
    parent = end_run(conn, case.id, outcome)
    if parent is not None:
        # Its clock looks after it: to lock another device here could be a deadlock.
        conn.execute(update(cases).where(cases.c.id == parent, case_is_open).values(wake_at=now))
    if case.kind in ("remediation", "playbook"):
        _comment(conn, case, f"case {case.id} closed: {outcome}", because, env=env, now=now)


def _comment(
    conn: Connection,
    case: Case,
    text: str,
    because: str,
    *,
    asks: bool = False,
    env: Environment,
    now: float,
) -> None:
    """Tell the managers on Type 2 what became of a case; ``asks``: it is for people to decide now."""
    device = dev.get(conn, case.device_id)
    body = {
        "caseId": case.id,
        "device": device.device_key,
        "commentText": text,
        "because": because,
        "systemDN": env.system_dn,
        **({DECISION_NEEDED: True} if asks else {}),
    }
    al.notify(conn, device, "notifyComments", body, now=now)
