"""What people may tell a case that waits, and what each word causes; pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

from acs.remediation.cases import ACTIVE, Case, Step
from acs.remediation.closing import ends_with_black_list
from acs.remediation.policy import Policy
from acs.remediation.steps import APPROVAL, INSTRUCTIONS_AWAITED

__all__ = ["ANSWERS", "BY_ITSELF", "INSTRUCTIONS", "SET_ASIDE", "Instruction", "choices", "fitting"]

Instruction = Literal["RETRY", "BLOCK", "RELEASE", "EXPECT_EMERGENCY", "CLOSE", "APPROVE", "DENY"]
INSTRUCTIONS: tuple[Instruction, ...] = get_args(Instruction)
ANSWERS: tuple[Instruction, ...] = ("APPROVE", "DENY")
SET_ASIDE = "FAILED"
"""The outcome of a case that waits because its playbook failed."""
BY_ITSELF = "CLOSE"
"""What a case can be told that waits for no instruction."""
_BLOCK = "put the device on the black list, and ask the network for what the policy says of BLOCK"
_CLOSE = "end the case as it is; nothing more is done about its alarm until the device raises it again"
_RELEASE = "undo what the network was asked for, and end the case"
_CAUSES: dict[str, dict[Instruction, str]] = {
    "NO_COMMUNICATION": {
        "RETRY": "trigger the device over its distress channels again, and go on when it comes",
        "BLOCK": _BLOCK,
        "RELEASE": _RELEASE,
        "EXPECT_EMERGENCY": "wait {emergency:g} s for it to come with its fail-safe image",
        "CLOSE": _CLOSE,
    },
    "EXTENDED": {  # the device answers; nothing is awaited of it
        "RETRY": "climb the ladder again from its first rung",
        "BLOCK": _BLOCK,
        "RELEASE": _RELEASE,
        "CLOSE": _CLOSE,
    },
    "EMERGENCY_FAILED": {
        "RETRY": "serve its fail-safe image again, and wait {emergency:g} s for it to ask for software",
        "BLOCK": "refuse it with its fail-safe image too, and ask the network for what the policy says",
        "RELEASE": _RELEASE,
        "EXPECT_EMERGENCY": "the same as RETRY; one that was blocked is let in with it",
        "CLOSE": "end the case as it is; one that was let in from the black list is on it again",
    },
    "BLOCKED": {
        "RELEASE": "take it off the black list and undo what the network was asked for; it may radiate after"
        " what the policy wants ({readmission})",
        "EXPECT_EMERGENCY": "keep it blocked, but serve its fail-safe image for {emergency:g} s; it is"
        " released when that has loaded software",
        "CLOSE": "end the case; the device stays on the black list",
    },
    "AWAITS_RELEASE": {
        "RELEASE": "undo what the network was asked for; the device is provisioned, and may radiate",
        "BLOCK": _BLOCK,
        "CLOSE": "end the case; the device is on the black list again",
    },
    SET_ASIDE: {
        "RETRY": "begin anew in another case, with the playbook and the policy as they are now",
        "CLOSE": _CLOSE,
    },
}
_SHUT_OUT: dict[Instruction, str] = {
    "CLOSE": "end the case; the device stays on the black list, or is on it again"
}
_APPROVAL: dict[Instruction, str] = {
    "APPROVE": "the playbook goes on with what it asks for",
    "DENY": "the playbook goes on without it",
}
_AT_WORK: dict[Instruction, str] = {"CLOSE": "stop what it is at, withdraw its commands, and end it"}


def fitting(outcome: str | None) -> tuple[Instruction, ...]:
    """Return what a case can be told that waits with this outcome."""
    return tuple(_CAUSES.get(outcome or "", _CAUSES["NO_COMMUNICATION"]))


def choices(case: Case, steps: Iterable[Step], policy: Policy) -> dict[Instruction, str]:
    """Return what people may tell a case now, and what each word causes; nothing for one that is closed."""
    if case.state not in ACTIVE:
        return {}
    journal = list(steps)
    events = {each.event for each in journal if not each.done}
    if case.state == "waiting" and APPROVAL in events:
        return _APPROVAL
    if case.state == "waiting" and events.intersection(INSTRUCTIONS_AWAITED):
        told = _CAUSES.get(case.outcome or "", _CAUSES["NO_COMMUNICATION"])
    elif case.state == "waiting" and case.outcome == SET_ASIDE:
        told = _SHUT_OUT if ends_with_black_list(journal) else _CAUSES[SET_ASIDE]
    else:
        told = _AT_WORK
    readmission = {"reset": "reset and test", "test": "test"}.get(policy.measures.readmission, "nothing more")
    words = {"emergency": policy.distress.emergency, "readmission": readmission}
    return {word: text.format(**words) for word, text in told.items()}
