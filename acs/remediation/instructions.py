"""What people tell remediation: instructions to waiting cases, and to reach a device (S1 L47, L66, L72)."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from acs import alarms as al
from acs import devices as dev
from acs import measures as ms
from acs.distress import EMERGENCY
from acs.errors import AcsError
from acs.remediation.advance import advance, close_case, finish_step, open_next, policy_of
from acs.remediation.black_list import measures_by_policy, release, takes_two
from acs.remediation.cases import (
    ACTIVE,
    Case,
    Step,
    active_case,
    change_case,
    find_case,
    journal_of,
    open_case,
)
from acs.remediation.choices import ANSWERS, INSTRUCTIONS, SET_ASIDE, Instruction, fitting
from acs.remediation.closing import ends_with_black_list, only_let_in
from acs.remediation.environment import Environment
from acs.remediation.put_off import put_off
from acs.remediation.scripts import request_run
from acs.remediation.steps import APPROVAL, INSTRUCTIONS_AWAITED
from acs.remediation.triage import facts_of, next_case

__all__ = ["INSTRUCTIONS", "Instruction", "block", "instruct", "reach", "unblock", "undo"]

_WAIT_IN_LINE = ("playbook", "configuration")
"""Kinds of cases that people ask for: what is asked for waits until the device is free for it."""


def instruct(
    conn: Connection, case_id: int, action: Instruction, *, who: str, why: str, env: Environment, now: float
) -> bool:
    """Tell a case that waits for instruction what to do; ``who`` and ``why`` are kept in the audit.

    Returns False where the policy wants a second person to say the same first. Raises ``AcsError`` when there
    is no such case, when it does not wait, or when it can't be told that.
    """
    found = find_case(conn, case_id)
    if found is None:
        raise AcsError(f"there is no case {case_id}; see: acs cases list")
    dev.lock(conn, found.device_id)  # before its case, as everybody does
    case = find_case(conn, case_id, lock=True)
    assert case is not None
    if case.state not in ACTIVE:
        raise AcsError(f"case {case_id} is {case.state} with outcome {case.outcome}; nothing waits in it")
    if not why.strip():
        raise AcsError("an instruction needs a reason; say why")
    events = (APPROVAL,) if action in ANSWERS else INSTRUCTIONS_AWAITED
    step = next((each for each in journal_of(conn, case_id) if not each.done and each.event in events), None)
    if step is not None and case.state == "waiting":
        return _tell(conn, case, step, action, who=who, why=why, env=env, now=now)
    if action in ANSWERS:
        raise AcsError(f"case {case_id} asks for no approval; see: acs cases show {case_id}")
    set_aside = case.state == "waiting" and case.outcome == SET_ASIDE
    if action != "CLOSE" and not (set_aside and action == "RETRY"):
        stands = "is set aside; RETRY begins anew" if set_aside else "is at work and waits for no instruction"
        raise AcsError(f"case {case_id} {stands}; CLOSE ends it")
    if action == "RETRY" and ends_with_black_list(journal_of(conn, case_id)):
        raise AcsError(
            f"case {case_id} can't be begun anew: it ends with its device on the black list, and who wants it"
            " let in has to release it; CLOSE ends it"
        )
    agreed = _agreed(conn, case, action, f"case {case_id}", who=who, why=why, env=env, now=now)
    if agreed is None:
        return False
    who, why = agreed
    dev.audit(conn, who, f"case {action}", str(case_id), why, now=now)
    if action == "RETRY":
        _begin_anew(conn, case, who=who, why=why, env=env, now=now)
        return True
    kept = _keep_blocked(conn, case, who=who, why=why, env=env, now=now)
    outcome = "BLOCKED" if kept else case.outcome or "CLOSED"
    close_case(conn, case, outcome, f"closed by {who}: {why}", env=env, now=now)
    open_next(conn, case.device_id, env=env, now=now)
    return True


def _takes_two(conn: Connection, case: Case, action: Instruction, *, env: Environment) -> bool:
    """Whether the policy wants two persons; to let a device in again that the network was told of, it may."""
    policy = policy_of(conn, case, env)
    if action in policy.distress.second_approval:
        return True
    expected = action == "EXPECT_EMERGENCY" and dev.get(conn, case.device_id).admission == "blocked"
    return (action == "RELEASE" or expected) and takes_two(conn, case.device_id, policy)


def _agreed(
    conn: Connection,
    case: Case,
    action: Instruction,
    subject: str,
    *,
    who: str,
    why: str,
    env: Environment,
    now: float,
) -> tuple[str, str] | None:
    """Return who says it and why, both persons where it takes two; None while the second is missing."""
    if not _takes_two(conn, case, action, env=env):
        return who, why
    first = dev.second_person(conn, subject, f"case {action}", what=str(case.id), who=who, why=why, now=now)
    return None if first is None else (f"{first[0]} and {who}", f"{first[1]}; {why}")


def _tell(
    conn: Connection,
    case: Case,
    step: Step,
    action: Instruction,
    *,
    who: str,
    why: str,
    env: Environment,
    now: float,
) -> bool:
    known = fitting(case.outcome)
    if step.event != APPROVAL and action not in known:
        raise AcsError(f"case {case.id} is {case.outcome}; it can be told {', '.join(known)}")
    agreed = _agreed(
        conn, case, action, f"case {case.id} step {step.seq}", who=who, why=why, env=env, now=now
    )
    if agreed is None:
        return False
    who, why = agreed
    dev.audit(conn, who, f"case {action}", str(case.id), why, now=now)
    if action == "CLOSE":
        _keep_blocked(conn, case, who=who, why=why, env=env, now=now)
    finish_step(conn, step, {"action": action, "who": who, "why": why}, now=now)
    if action == "RETRY":  # begins anew, which may take what only a running node has: URLs of files
        change_case(conn, case.id, state="active", outcome=None, wake_at=now)
    else:
        advance(conn, case.id, env=env, now=now)
    return True


def _begin_anew(conn: Connection, case: Case, *, who: str, why: str, env: Environment, now: float) -> None:
    """End a case whose playbook failed, and have what it was about begun in another one.

    That has the playbook and the policy as they are now; a running node begins it, which has URLs of files.
    A fail-safe image begins it when it comes. Raises ``AcsError`` where nothing would begin.
    """
    close_case(conn, case, "SUPERSEDED", f"{who} has it begun anew: {why}", env=env, now=now)
    al.release_alarms(conn, case.device_id, case.id)
    if case.kind == "playbook":
        request_run(conn, case.device_id, env.library.get(case.playbook), who=who, why=why, now=now)
    elif case.kind == "configuration":
        dev.request_config(conn, case.device_id, who=who, because=why, now=now)
    device = dev.get(conn, case.device_id)
    begun = next_case(conn, device, env=env, now=now)
    if begun is not None:
        put_off(conn, begun, now=now)
    elif case.kind not in _WAIT_IN_LINE and device.channel != EMERGENCY:
        raise AcsError(
            f"nothing would begin in the place of case {case.id} now: {device.device_key} is blocked, or no"
            " alarm of it is to be treated; CLOSE ends it"
        )


def _keep_blocked(conn: Connection, case: Case, *, who: str, why: str, env: Environment, now: float) -> bool:
    """Block a device again that a case which is closed let in to register; tell whether it was done.

    To close a case is no release: that takes RELEASE, and perhaps two persons.
    """
    if not only_let_in(journal_of(conn, case.id)) or dev.is_blocked(conn, case.device_id):
        return False
    because = f"its case {case.id} was closed without a release: {why}"
    _block(conn, case.device_id, case, who=who, why=because, env=env, now=now)
    return True


def block(
    conn: Connection,
    device_id: int,
    measures: Iterable[str] = (),
    *,
    who: str,
    why: str,
    env: Environment,
    now: float,
) -> bool:
    """Put a device on the black list, and ask the network for what the policy says of BLOCK (S1 L88, L92).

    ``measures``: what else it is asked for. Where a case waits that can be told BLOCK, it is. Returns False
    where the policy wants a second person to say the same first. Raises ``AcsError`` without a reason, and
    for a measure that is unknown or that no system carries out; then nothing is done.
    """
    wanted = sorted(set(measures))
    if not why.strip():
        raise AcsError("to block a device needs a reason; say why")
    dev.lock(conn, device_id)
    case = active_case(conn, device_id)
    if case is not None and _can_be_told(conn, case, "BLOCK"):
        if not instruct(conn, case.id, "BLOCK", who=who, why=why, env=env, now=now):
            return False
    else:
        device = dev.get(conn, device_id)
        if "BLOCK" in env.policy.distress.second_approval:
            subject = f"device {device_id}"
            what = device.device_key
            first = dev.second_person(conn, subject, "device block", what=what, who=who, why=why, now=now)
            if first is None:
                return False
            who, why = f"{first[0]} and {who}", f"{first[1]}; {why}"
        _block(conn, device_id, case, who=who, why=why, env=env, now=now)
    if wanted:
        device = dev.get(conn, device_id)
        ms.request_measures(conn, device, wanted, who=who, because=why, system_dn=env.system_dn, now=now)
    return True


def _can_be_told(conn: Connection, case: Case, action: Instruction) -> bool:
    waits = any(not each.done and each.event in INSTRUCTIONS_AWAITED for each in journal_of(conn, case.id))
    return waits and case.state == "waiting" and action in fitting(case.outcome)


def _block(
    conn: Connection, device_id: int, case: Case | None, *, who: str, why: str, env: Environment, now: float
) -> None:
    """Block a device that no case blocks; ``case``: what is open of it, by whose facts rules fit."""
    device = dev.block(conn, device_id, why, who=who, now=now)
    body = {"device": device.device_key, "commentText": "blocked in the HeMS", "because": f"{who}: {why}"}
    al.notify(conn, device, "notifyComments", {**body, "systemDN": env.system_dn}, now=now)
    measures_by_policy(
        conn,
        device,
        "BLOCK",
        env.policy,
        procedure=case.procedure if case is not None else "",
        facts=case.fact if case is not None else {},
        who=who,
        because=why,
        system_dn=env.system_dn,
        now=now,
    )


def unblock(conn: Connection, device_id: int, *, who: str, why: str, env: Environment, now: float) -> bool:
    """Let a blocked device in again, and undo what the network was asked to do about it.

    Where a case waits with the device blocked, it is told RELEASE. Returns False where the policy wants a
    second person to say the same first. Raises ``AcsError`` without a reason.
    """
    if not why.strip():
        raise AcsError("to unblock a device needs a reason; say why")
    dev.lock(conn, device_id)
    case = active_case(conn, device_id)
    if case is not None and case.state == "waiting" and case.outcome in ("BLOCKED", "AWAITS_RELEASE"):
        return instruct(conn, case.id, "RELEASE", who=who, why=why, env=env, now=now)
    device = dev.get(conn, device_id)
    if takes_two(conn, device_id, env.policy):
        first = dev.second_person(
            conn,
            f"device {device_id}",
            "device unblock",
            what=device.device_key,
            who=who,
            why=why,
            now=now,
        )
        if first is None:
            return False
        who, why = f"{first[0]} and {who}", f"{first[1]}; {why}"
    readmission = env.policy.measures.readmission
    release(conn, device, readmission, who=who, because=why, system_dn=env.system_dn, now=now)
    return True


def undo(
    conn: Connection,
    device_id: int,
    names: Iterable[str],
    *,
    who: str,
    why: str,
    env: Environment,
    now: float,
) -> list[ms.Measure] | None:
    """Undo measures (none named: all in force of the device); return what was asked for.

    None where the policy wants a second person to say the same first. Raises ``AcsError`` where there is
    nothing to undo, for an unknown measure, and without a reason.
    """
    wanted = sorted(set(names))
    dev.lock(conn, device_id)
    device = dev.get(conn, device_id)
    if not any(not wanted or each.measure in wanted for each in ms.in_force(conn, device_id)):
        raise AcsError(f"no such measure is in force about {device.device_key}; see: acs measures list")
    if not why.strip():
        raise AcsError("to undo a measure needs a reason; say why")
    if env.policy.measures.second_approval:
        subject = f"device {device_id}"
        action = f"measures undo {' '.join(wanted)}".rstrip()
        first = dev.second_person(conn, subject, action, what=device.device_key, who=who, why=why, now=now)
        if first is None:
            return None
        who, why = f"{first[0]} and {who}", f"{first[1]}; {why}"
    return ms.undo_measures(conn, device, wanted, who=who, because=why, system_dn=env.system_dn, now=now)


def reach(conn: Connection, device_id: int, *, who: str, why: str, env: Environment, now: float) -> Case:
    """Reach a device that is not heard of: over the standard path, or by extended remediation (S1 L72).

    Returns the case that does it. Raises ``AcsError`` for a device that is blocked or has an open case.
    """
    dev.lock(conn, device_id)
    device = dev.get(conn, device_id)
    if not why.strip():
        raise AcsError("a forced management request needs a reason; say why")
    if device.blocked:
        raise AcsError(f"{device.device_key} is {device.admission}: {device.admission_reason}")
    open_one = active_case(conn, device_id)
    if open_one is not None:
        what = f"{device.device_key} has the open case {open_one.id}"
        raise AcsError(f"{what}; see: acs cases show {open_one.id}")
    dev.audit(conn, who, "forced management request", device.device_key, why, now=now)
    case = open_case(
        conn,
        device_id,
        kind="remediation",
        procedure="REACH",
        playbook="reach",
        policy=env.policy,
        alarm_id=None,
        because=f"{who}: {why}",
        facts={**facts_of(device), "who": who},
        now=now,
    )
    advance(conn, case.id, env=env, now=now)
    found = find_case(conn, case.id)
    assert found is not None
    return found
