"""What remediation does when something happens: an alarm, an Inform, the end of a command, a word.

Each function runs inside the transaction that made the thing happen durable.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from sqlalchemy import Connection

from acs import alarms as al
from acs import detection as dt
from acs import devices as dev
from acs.alarms import Alarm, AlarmChange
from acs.commands import Command
from acs.cwmp import events as ev
from acs.cwmp import messages as m
from acs.devices import CheckIn, Device
from acs.distress import DISTRESS, INITIAL, STANDARD, path_told
from acs.errors import AcsError
from acs.remediation.advance import advance, begin_put_off, close_case, end_wait, finish_step, open_next
from acs.remediation.cases import Case, Step, active_case, find_case, journal_of, steps_waiting_for
from acs.remediation.discovery import addresses_settled, tell_addresses
from acs.remediation.environment import Environment
from acs.remediation.playbooks.parts import ALARM_CLEARED
from acs.remediation.policy import Decision
from acs.remediation.script_api import Cleared
from acs.remediation.scripts import Script, request_run
from acs.remediation.scripts.runs import case_of
from acs.remediation.steps import (
    INSTRUCTION_OR_BOOT,
    INSTRUCTION_OR_SESSION,
    REGISTRATION,
    SESSION,
    command_result,
)
from acs.remediation.triage import classify_alarm, is_held, rank, remediated, signature, signature_of

__all__ = [
    "alarms_changed",
    "apply_declared",
    "begin_runs",
    "command_withdrawn",
    "commands_settled",
    "device_informed",
    "open_case_alarms",
    "run_playbook",
    "waiting_steps",
]


def open_case_alarms(conn: Connection, device_id: int) -> frozenset[int]:
    """Return the ids of alarms that a boot must not end: security alarms while a remediation is open."""
    case = active_case(conn, device_id)
    if case is None or case.kind != "remediation":
        return frozenset()
    return frozenset(each.id for each in al.active_alarms(conn, device_id) if each.security)


def alarms_changed(
    conn: Connection,
    device: Device,
    changes: Iterable[AlarmChange],
    *,
    env: Environment,
    now: float,
    later: bool = False,
) -> None:
    """Open a case for a security alarm, or leave it to the one that is open, unless it is graver (S1 L27).

    An alarm that is left is looked at again when that case closes. ``later``: as ``open_next`` has it.
    """
    found = [change for change in changes if change.alarm.security]
    if not found:
        return
    raised = [change for change in found if change.kind != "cleared"]
    held = al.held_from_remediation(conn, device.id) if raised else {}
    ago = remediated(conn, device.id, env=env, now=now) if raised else Counter()
    for change in found:
        if change.kind == "cleared":
            _cleared(conn, device, change, env=env, now=now)
        else:
            decision = classify_alarm(device, change.alarm, ago, env=env)
            _supersede(conn, device, change, decision, held, env=env, now=now)
    open_next(conn, device.id, env=env, now=now, later=later)


def _supersede(
    conn: Connection,
    device: Device,
    change: AlarmChange,
    decision: Decision,
    held: Mapping[int, bool],
    *,
    env: Environment,
    now: float,
) -> None:
    """Close the open case when the alarm calls for a procedure that goes further."""
    alarm = change.alarm
    if is_held(held, alarm, decision):
        return
    if alarm.case_id is not None:
        treated = find_case(conn, alarm.case_id)
        if treated is not None and rank(treated.procedure) >= rank(decision.procedure):
            return
        al.assign_alarm(conn, alarm.id, None)
    case = active_case(conn, device.id)
    if case is not None and rank(decision.procedure) > rank(case.procedure):
        because = f"alarm {alarm.alarm_identifier} calls for {decision.procedure}: {decision.because}"
        close_case(conn, case, "SUPERSEDED", because, env=env, now=now)
        al.release_alarms(conn, device.id, case.id)  # their turn comes again
    elif case is not None and case.kind == "remediation" and _same_kind(case, alarm):
        al.assign_alarm(conn, alarm.id, case.id)  # raised anew, for example after a reboot


def _same_kind(case: Case, alarm: Alarm) -> bool:
    return signature_of(alarm) == signature(case.fact)


def _cleared(conn: Connection, device: Device, change: AlarmChange, *, env: Environment, now: float) -> None:
    case, steps = waiting_steps(conn, device.id)
    for step in steps:
        assert case is not None
        wanted = Cleared.parse(step.event)
        if wanted is not None:
            active = al.active_alarms(conn, device.id)
            came = not any(each.security and wanted.fits(each) for each in active)
        else:
            came = step.event == ALARM_CLEARED and _same_kind(case, change.alarm)
        if came:
            finish_step(conn, step, True, now=now)
            advance(conn, case.id, env=env, now=now)


def waiting_steps(conn: Connection, device_id: int) -> tuple[Case | None, list[Step]]:
    """Return the device's open case and the steps it waits for: one, unless the playbook has branches."""
    case = active_case(conn, device_id)
    if case is None:
        return None, []
    return case, [each for each in journal_of(conn, case.id) if not each.done]


def commands_settled(conn: Connection, settled: Iterable[Command], *, env: Environment, now: float) -> None:
    """Hand the outcome of each command to the step that waits for it."""
    settled = tuple(settled)
    addresses_settled(conn, settled, env=env, now=now)
    for command in settled:
        if command.case_id is None:
            continue
        for step in steps_waiting_for(conn, command.id):
            finish_step(conn, step, command_result(command), now=now)
            advance(conn, command.case_id, env=env, now=now)


def command_withdrawn(conn: Connection, command: Command, *, now: float) -> None:
    """Have the case of a command that a person withdrew go on without it, as soon as its clock looks.

    The step that waited for it has the outcome ``cancelled``.
    """
    for step in steps_waiting_for(conn, command.id):
        end_wait(conn, step, now=now)


def device_informed(
    conn: Connection,
    check_in: CheckIn,
    events: Iterable[m.Event],
    *,
    env: Environment,
    now: float,
    later: bool = False,
) -> None:
    """Hand the events of an Inform to the step that waits for one; provision a new or reset device.

    A case that was put off begins, unless it is to be done ``later`` again.
    """
    device = check_in.device
    if check_in.bootstrap:
        dev.mark_provisioned(conn, device.id, "")
    if device.channel == INITIAL:
        tell_addresses(conn, check_in, env=env, now=now)
        if not device.has_open_case:
            open_next(conn, device.id, env=env, now=now)
        return
    inform_events = tuple(events)
    codes = {ev.event_name(event.code) for event in inform_events}
    if not device.has_open_case:
        fresh = check_in.bootstrap or device.has_untreated_alarms or device.readmission
        if fresh or device.provisioned_for != (device.software_version or "?"):
            open_next(conn, device.id, env=env, now=now, later=later)
        else:
            _may_radiate_now(conn, device, env=env, now=now)
        return
    case, steps = waiting_steps(conn, device.id)
    if case is not None and not steps and not later:
        begin_put_off(conn, case.id, env=env, now=now)
        return
    path = path_told(inform_events) if device.channel == DISTRESS else ""
    told: dict[str, object] = {
        **dict.fromkeys(codes, True),
        SESSION: f"{device.channel} {path}".rstrip(),
        INSTRUCTION_OR_SESSION: {"channel": device.channel, "path": path},
    }
    if device.channel == STANDARD and check_in.boot:
        told[REGISTRATION] = {"version": device.software_version, "who": ""}
        told[INSTRUCTION_OR_BOOT] = {"channel": STANDARD}
    came = [each for each in steps if each.event in told]
    for step in came:
        finish_step(conn, step, told[step.event], now=now)
    if case is not None and came:
        advance(conn, case.id, env=env, now=now)


def _may_radiate_now(conn: Connection, device: Device, *, env: Environment, now: float) -> None:
    """Have done what was withheld from a device, once nothing is found that speaks against it."""
    if dt.end_withholding(conn, device, env.policy.detection):
        because = "nothing speaks against radiating any more"
        apply_declared(conn, device.id, who="detection", because=because, env=env, now=now)


def run_playbook(
    conn: Connection, device_id: int, script: Script, *, who: str, why: str, env: Environment, now: float
) -> Case | None:
    """Have an operator's playbook run on a device: now, or when the case that is open has ended.

    Returns the case that does it, None where it has to wait. Kept in the audit. Raises ``AcsError`` without a
    reason or for a blocked device.
    """
    if not why.strip():
        raise AcsError("a run needs a reason; say why")
    dev.lock(conn, device_id)
    device = dev.get(conn, device_id)
    if device.blocked:
        raise AcsError(f"{device.device_key} is blocked; nothing is sent to it")
    version = f"{script.name} {script.version}: {why}"
    dev.audit(conn, who, "playbook run", device.device_key, version, now=now)
    run_id = request_run(conn, device_id, script, who=who, why=why, now=now)
    open_next(conn, device_id, env=env, now=now)
    case_id = case_of(conn, run_id)
    return None if case_id is None else find_case(conn, case_id)


def begin_runs(conn: Connection, device_id: int, *, env: Environment, now: float) -> None:
    """Open the case of a run that waits for this device, where it is free."""
    dev.lock(conn, device_id)
    open_next(conn, device_id, env=env, now=now)


def apply_declared(
    conn: Connection, device_id: int, *, who: str, because: str, env: Environment, now: float
) -> Case | None:
    """Have the declared state applied to a device: now, or when the case that is open has ended.

    Returns the case that does it, None where it has to wait for another one, for the first Inform, or for the
    end of a block. Kept in the audit.
    """
    dev.lock(conn, device_id)
    device = dev.get(conn, device_id)
    dev.audit(conn, who, "declared state applied", device.device_key, because, now=now)
    dev.request_config(conn, device_id, who=who, because=because, now=now)
    open_next(conn, device_id, env=env, now=now)
    case = active_case(conn, device_id)
    return case if case is not None and case.kind == "configuration" else None
