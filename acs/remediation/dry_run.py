"""What a playbook would do: played in a transaction that is undone, with answers that are assumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from acs import devices as dev
from acs.commands import find_command
from acs.cwmp import messages as m
from acs.cwmp import pack
from acs.devices import Device
from acs.remediation.case_api import CaseApi
from acs.remediation.cases import Case, active_case, change_case, open_case
from acs.remediation.environment import Environment
from acs.remediation.replay import Ask, Entry, Finished, Place, run
from acs.remediation.script_api import BY_PERSONS, RUNS, operated
from acs.remediation.scripts import Script, find_script, keep_source
from acs.remediation.scripts.guard import limited
from acs.remediation.scripts.runs import device_keys, runs_of
from acs.remediation.steps import APPROVAL, Started, StepContext

__all__ = ["Assumed", "DryStep", "dry_run"]

_SESSION = 1.0  # seconds that an RPC is taken to last


@dataclass(frozen=True, slots=True)
class Assumed:
    """The answers: values of parameters (else what the device told last), methods that fail, a denial."""

    values: Mapping[str, str] = field(default_factory=dict)
    failing: frozenset[str] = frozenset()
    denied: bool = False


@dataclass(frozen=True, slots=True)
class DryStep:
    """One step; ``after`` seconds, and the result that was assumed."""

    after: float
    branch: str
    name: str
    detail: str
    because: str
    result: Any


def dry_run(
    conn: Connection, device: Device, script: Script, assumed: Assumed, *, env: Environment, now: float
) -> tuple[list[DryStep], str, str]:
    """Return the steps that would come, the outcome and why. Nothing of it is kept, nothing is sent.

    Raises what the playbook raises.
    """
    savepoint = conn.begin_nested()
    try:
        opened = active_case(conn, device.id)
        if opened is not None:
            change_case(conn, opened.id, state="closed")
        keep_source(conn, script, now=now)
        case = open_case(
            conn,
            device.id,
            kind="playbook",
            procedure="PLAYBOOK",
            playbook=script.name,
            playbook_version=script.version,
            policy=env.policy,
            alarm_id=None,
            because="a dry run",
            facts={"root": device.root, "seed": "dry run"},
            now=now,
        )
        player = _Player(conn, case, device, assumed, env, now)
        api = CaseApi(
            facts=case.fact,
            policy=env.policy,
            procedure=case.procedure,
            because=case.because,
            started=now,
            case_id=case.id,
            find=lambda name, version: find_script(conn, name, version).function,
        )
        with limited():
            ended = run(operated(script)(api), player.known.get, player.begin, resumed=api.resumed)
        assert isinstance(ended, Finished)  # every step is done as it begins
        return player.steps, ended.value.outcome, ended.value.because
    finally:
        savepoint.rollback()


@dataclass(slots=True)
class _Player:
    conn: Connection
    case: Case
    device: Device
    assumed: Assumed
    env: Environment
    now: float
    known: dict[Place, Entry] = field(default_factory=dict)
    steps: list[DryStep] = field(default_factory=list)

    def begin(self, place: Place, ask: Ask) -> Entry:
        seq = len(self.steps) + 1
        policy = self.env.policy
        context = StepContext(
            self.conn, self.case, self.device, policy, self.env, seq, self.now, unlimited=True
        )
        started: Started = ask.begin(context)
        after = self.now - self.case.opened_at
        result = started.result if started.done else self._assume(started, ask)
        self.steps.append(DryStep(after, place.branch, ask.name, ask.detail, ask.because, result))
        return Entry(ask.name, True, result, self.now)

    def _assume(self, started: Started, ask: Ask) -> Any:
        if started.command_id is not None:
            command = find_command(self.conn, started.command_id)
            assert command is not None
            self.now += _SESSION
            return self._answer(command.message)
        if not started.event:  # a sleep
            self.now = started.deadline or self.now
            return None
        if started.event in BY_PERSONS:
            word = "DENY" if self.assumed.denied else "APPROVE"
            action = word if started.event == APPROVAL else "CLOSE"
            return {"action": action, "who": "assumed", "why": "a dry run"}
        if started.event == RUNS:
            runs = runs_of(self.conn, self.case.id, len(self.steps) + 1)
            keys = device_keys(self.conn, [each.device_id for each in runs])
            return dict.fromkeys(keys.values(), "DONE")
        return not {ask.name, ask.name.removeprefix("wait for ")} & self.assumed.failing

    def _answer(self, message: m.Message) -> dict[str, Any]:
        name = m.method_name(message)
        if name in self.assumed.failing:
            return {"state": "failed", "fault_code": 9002, "fault_string": "assumed", "answer": None}
        answer: m.Message | None = None
        if isinstance(message, m.GetParameterValues):
            answer = m.GetParameterValuesResponse(tuple(self._values(message.names)))
        elif isinstance(message, m.AddObject):
            answer = m.AddObjectResponse(1)
        told = {"method": m.method_name(answer), "fields": pack(answer)} if answer is not None else None
        return {"state": "succeeded", "fault_code": None, "fault_string": "", "answer": told}

    def _values(self, names: tuple[str, ...]) -> list[m.ParameterValue]:
        found: dict[str, str] = {}
        for name in names:
            known = dev.parameters_of(self.conn, self.device.id, prefix=name)
            found.update((path, each.value) for path, each in known.items() if _means(name, path))
            found.update((path, value) for path, value in self.assumed.values.items() if _means(name, path))
        return [m.ParameterValue(name, value) for name, value in found.items()]


def _means(name: str, path: str) -> bool:
    """Whether a name or partial path means this parameter."""
    return path == name or (name.endswith(".") and path.startswith(name))
