"""The steps a playbook can take, and what each writes when it begins.

A step either is done as it begins (a read that is recorded, a note, a block) or waits for a command's
outcome, an event of the device, a time, or an instruction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from math import isfinite
from typing import Any

from sqlalchemy import Connection

from acs import alarms as al
from acs.commands import Command, RefusedRequest, enqueue
from acs.cwmp import messages as m
from acs.cwmp import pack, unpack
from acs.devices import Device
from acs.errors import AcsError
from acs.remediation.cases import Case, change_case
from acs.remediation.environment import Environment
from acs.remediation.policy import Policy
from acs.remediation.replay import Ask
from acs.remediation.safety.gate import may_send
from acs.subscriptions import DECISION_NEEDED

__all__ = [
    "APPROVAL",
    "HELD",
    "IMAGE_REQUESTED",
    "INSTRUCTION",
    "INSTRUCTIONS_AWAITED",
    "INSTRUCTION_OR_BOOT",
    "INSTRUCTION_OR_SESSION",
    "REGISTRATION",
    "SESSION",
    "Outcome",
    "Started",
    "StepContext",
    "approval_step",
    "command_result",
    "command_step",
    "duration",
    "event_step",
    "immediate_step",
    "instruction_step",
    "sleep_step",
    "tell_managers",
]


APPROVAL = "approval"
HELD = "held"
"""The event of a disruptive step that has not begun: its case waits for a slot."""
INSTRUCTION = "instruction"
INSTRUCTION_OR_SESSION = "instruction or session"
INSTRUCTION_OR_BOOT = "instruction or boot"
"""The event of a step that the device ends as well when it comes after a boot, with whichever software."""
INSTRUCTIONS_AWAITED = (INSTRUCTION, INSTRUCTION_OR_SESSION, INSTRUCTION_OR_BOOT)
IMAGE_REQUESTED = "request for software"
"""The event of a fail-safe image that asks for software."""
REGISTRATION = "registration"
"""The event of a HeNB that comes after a boot; the result is the SoftwareVersion, and who says so."""
SESSION = "session"
"""The event of any session that the device opens; the result is the channel that it came over."""


@dataclass(frozen=True, slots=True)
class StepContext:
    """What a step has at hand when it begins."""

    conn: Connection
    case: Case
    device: Device
    policy: Policy
    env: Environment
    seq: int
    now: float
    unlimited: bool = False
    """Nothing is really sent, so nothing has to wait for a slot."""

    @property
    def key(self) -> str:
        """The CommandKey and ParameterKey of this step: unique, at most 32 characters."""
        return f"c{self.case.id}-{self.seq}"


@dataclass(frozen=True, slots=True)
class Started:
    """How a step began: done with a JSON-able result, or what it waits for."""

    done: bool
    result: Any = None
    command_id: int | None = None
    event: str = ""
    deadline: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an RPC: ``state`` is succeeded, failed, expired or cancelled."""

    state: str
    fault_code: int = 0
    fault_string: str = ""
    answer: m.Message | None = None
    parameter_faults: tuple[m.SetParameterValuesFault, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the effect came about."""
        return self.state == "succeeded"

    @property
    def silent(self) -> bool:
        """Whether the device did not react in time."""
        return self.state in ("expired", "cancelled")

    @classmethod
    def from_result(cls, result: dict[str, Any]) -> Outcome:
        """Read what ``command_result`` wrote."""
        answer = result.get("answer")
        message = unpack(answer["method"], answer["fields"]) if answer else None
        faults = message.parameter_faults if isinstance(message, m.Fault) else ()
        return cls(
            result["state"], result.get("fault_code") or 0, result.get("fault_string", ""), message, faults
        )


def duration(seconds: object, what: str) -> float:
    """Return a number of seconds that a playbook gave. Raises ``AcsError`` for what is none."""
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and isfinite(seconds):
        return seconds
    remedy = "; write timedelta(…).total_seconds()" if isinstance(seconds, timedelta) else ""
    raise AcsError(f"{what} is a number of seconds, not {seconds!r:.80}{remedy}")


def command_result(command: Command) -> dict[str, Any]:
    """Return a settled command as the JSON-able result of its step."""
    answer = command.answer
    return {
        "state": command.state,
        "fault_code": command.fault_code,
        "fault_string": command.fault_string,
        "answer": {"method": m.method_name(answer), "fields": pack(answer)} if answer is not None else None,
    }


def command_step(
    build: Callable[[StepContext], m.Message], *, name: str, because: str, timeout: float, detail: str = ""
) -> Ask:
    """Send an RPC, a disruptive one in its turn, and wait at most ``timeout`` seconds for its outcome."""

    def begin(context: StepContext) -> Started:
        deadline = context.now + duration(timeout, "timeout")
        try:
            message = build(context)
            if not context.unlimited and _held(context, message):
                return Started(done=False, event=HELD)
            command = enqueue(
                context.conn,
                context.device.id,
                message,
                command_key=context.key,
                purpose="case",
                case_id=context.case.id,
                priority=3 if context.case.kind == "remediation" else 5,
                expires_at=deadline,
                now=context.now,
            )
        except RefusedRequest as refused:
            # As if the device had refused it, but before it was asked (9003: invalid arguments).
            fault = {"state": "failed", "fault_code": 9003, "fault_string": str(refused)[:256]}
            return Started(done=True, result={**fault, "answer": None})
        return Started(done=False, command_id=command.id, deadline=deadline)

    return Ask(name, because, begin, detail)


def _held(context: StepContext, message: m.Message) -> bool:
    held = may_send(context.conn, context.case, context.device, message, env=context.env, now=context.now)
    return held is not None


def event_step(event: str, *, because: str, timeout: float) -> Ask:
    """Wait until the device tells ``event`` in an Inform; the result is whether it came in time."""

    def begin(context: StepContext) -> Started:
        return Started(done=False, event=event, deadline=context.now + duration(timeout, "timeout"))

    return Ask(f"wait for {event}", because, begin)


def sleep_step(seconds: float, *, because: str) -> Ask:
    """Wait for ``seconds``."""
    seconds = duration(seconds, "the time to sleep")

    def begin(context: StepContext) -> Started:
        return Started(done=False, deadline=context.now + seconds)

    return Ask("sleep", because, begin, f"{seconds:g} s")


def tell_managers(context: StepContext, comment: str, because: str, *, asks: bool = False) -> None:
    """Tell the managers on Type 2 about a step (notifyComments); ``asks``: it is for people to decide now."""
    body = {
        "caseId": context.case.id,
        "device": context.device.device_key,
        "commentText": comment,
        "because": because,
        "systemDN": context.env.system_dn,
        **({DECISION_NEEDED: True} if asks else {}),
    }
    al.notify(context.conn, context.device, "notifyComments", body, now=context.now)


def approval_step(question: str, *, because: str, timeout: float | None) -> Ask:
    """Ask, and wait until a person approves or denies; the managers are told that somebody is asked.

    The result says who and why, or is False after ``timeout``.
    """

    def begin(context: StepContext) -> Started:
        change_case(context.conn, context.case.id, state="waiting")
        deadline = None if timeout is None else context.now + duration(timeout, "timeout")
        tell_managers(context, f"case {context.case.id} asks: {question}", because, asks=True)
        return Started(done=False, event=APPROVAL, deadline=deadline)

    return Ask("approve", because, begin, question)


def instruction_step(outcome: str, *, because: str, event: str = INSTRUCTION) -> Ask:
    """Put the case aside with ``outcome`` until somebody instructs it; the result is the instruction.

    ``event``: INSTRUCTION, or one that the device's next session, or its next boot, brings too; the result is
    then its ``channel``.
    """

    def begin(context: StepContext) -> Started:
        change_case(context.conn, context.case.id, state="waiting", outcome=outcome, wake_at=None)
        return Started(done=False, event=event)

    return Ask("wait for instruction", because, begin, outcome)


def immediate_step(
    name: str, act: Callable[[StepContext], Any], *, because: str = "", detail: str = ""
) -> Ask:
    """Do something in this transaction and record its JSON-able result."""

    def begin(context: StepContext) -> Started:
        return Started(done=True, result=act(context))

    return Ask(name, because, begin, detail)
