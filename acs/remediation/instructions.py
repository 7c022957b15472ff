"""What people tell remediation: instructions to waiting cases, and to reach a device (S1 L47, L66, L72)."""

from __future__ import annotations

from typing import Literal, get_args

from sqlalchemy import Connection, insert, select

from acs import devices as dev
from acs.errors import AcsError
from acs.remediation.advance import advance, close_case, finish_step, open_next, policy_of
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
from acs.remediation.environment import Environment
from acs.remediation.steps import APPROVAL, INSTRUCTION, INSTRUCTION_OR_SESSION
from acs.remediation.triage import facts_of
from acs.store.tables import approvals

__all__ = ["INSTRUCTIONS", "Instruction", "instruct", "reach"]

Instruction = Literal["RETRY", "BLOCK", "RELEASE", "EXPECT_EMERGENCY", "CLOSE", "APPROVE", "DENY"]
INSTRUCTIONS: tuple[Instruction, ...] = get_args(Instruction)
_ANSWERS = ("APPROVE", "DENY")
_GENERAL = tuple(each for each in INSTRUCTIONS if each not in _ANSWERS)
_FITTING: dict[str, tuple[Instruction, ...]] = {"BLOCKED": ("RELEASE", "EXPECT_EMERGENCY", "CLOSE")}


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
    events = (APPROVAL,) if action in _ANSWERS else (INSTRUCTION, INSTRUCTION_OR_SESSION)
    step = next((each for each in journal_of(conn, case_id) if not each.done and each.event in events), None)
    if step is not None and case.state == "waiting":
        return _tell(conn, case, step, action, who=who, why=why, env=env, now=now)
    if action in _ANSWERS:
        raise AcsError(f"case {case_id} asks for no approval; see: acs cases show {case_id}")
    if action != "CLOSE":
        raise AcsError(f"case {case_id} is at work and waits for no instruction; CLOSE ends it")
    dev.audit(conn, who, "case CLOSE", str(case_id), why, now=now)
    close_case(conn, case, case.outcome or "CLOSED", f"closed by {who}: {why}", env=env, now=now)
    open_next(conn, case.device_id, env=env, now=now)
    return True


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
    fitting = _FITTING.get(case.outcome or "", _GENERAL)
    if step.event != APPROVAL and action not in fitting:
        raise AcsError(f"case {case.id} is {case.outcome}; it can be told {', '.join(fitting)}")
    if action in policy_of(conn, case, env).distress.second_approval:
        first = _first_approval(conn, case, step, action, who=who, why=why, now=now)
        if first is None:
            return False
        who, why = f"{first[0]} and {who}", f"{first[1]}; {why}"
    dev.audit(conn, who, f"case {action}", str(case.id), why, now=now)
    finish_step(conn, step, {"action": action, "who": who, "why": why}, now=now)
    if action == "RETRY":  # begins anew, which may take what only a running node has: URLs of files
        change_case(conn, case.id, state="active", outcome=None, wake_at=now)
    else:
        advance(conn, case.id, env=env, now=now)
    return True


def _first_approval(
    conn: Connection, case: Case, step: Step, action: Instruction, *, who: str, why: str, now: float
) -> tuple[str, str] | None:
    """Return who said the same before, and why; None where this is the first, which is then kept."""
    key = {"case_id": case.id, "seq": step.seq, "action": action}
    query = select(approvals.c.who, approvals.c.why).where(*(approvals.c[n] == v for n, v in key.items()))
    row = conn.execute(query).first()
    if row is None:
        conn.execute(insert(approvals).values(**key, who=who, why=why, asked_at=now))
        dev.audit(conn, who, f"case {action} asked for", str(case.id), why, now=now)
        return None
    if _person(row.who) == _person(who):
        raise AcsError(f"{action} of case {case.id} needs a second person's approval, not {who}'s again")
    return str(row.who), str(row.why)


def _person(who: str) -> str:
    """Return whose name stands in ``NAME@cli`` or ``NAME@token-7``: two tokens do not make two persons."""
    return who.rpartition("@")[0] or who


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
