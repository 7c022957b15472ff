"""Which case a device needs next: for its gravest untreated security alarm, to be provisioned, configured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from secrets import token_hex
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, select

from acs import alarms as al
from acs import devices as dev
from acs.alarms import Alarm
from acs.datamodel import profile_for
from acs.devices import Device
from acs.distress import EMERGENCY, INITIAL, STANDARD
from acs.errors import AcsError
from acs.remediation.cases import SHIPPED, Case, active_case, open_case
from acs.remediation.environment import Environment
from acs.remediation.playbooks import PLAYBOOK_OF
from acs.remediation.policy import Decision, classify
from acs.remediation.scripts import keep_source
from acs.remediation.scripts.library import PREFIX
from acs.remediation.scripts.runs import Run, begin_run, take_run
from acs.store.tables import cases

__all__ = [
    "SIGNATURE",
    "classify_alarm",
    "facts_of",
    "is_held",
    "needs_provisioning",
    "next_case",
    "rank",
    "remediated",
    "signature",
    "signature_of",
]

_RANK = {"PLAYBOOK": 0, "P1": 0, "DX": 1, "P2R": 2, "P2S": 3, "READMIT": 3, "P3": 4, "EM": 5}
Signature = tuple[str, ...]
SIGNATURE = ("event_type", "probable_cause", "specific_problem")
"""The facts that make two alarms of a device the same trouble."""
_REMEDIATED = select(cases.c.facts).where(
    cases.c.device_id == bindparam("device"),
    cases.c.state == "closed",
    cases.c.outcome == "REMEDIATED",
    cases.c.closed_at >= bindparam("since"),
)
MOST_CASES = 60
"""The most cases of one device within an hour; a device may raise alarms without end."""
_HOUR = 3600.0
_OPENED = (
    select(cases.c.opened_at)
    .where(cases.c.device_id == bindparam("device"))
    .order_by(cases.c.id.desc())
    .offset(MOST_CASES - 1)
    .limit(1)
)


def rank(procedure: str) -> int:
    """Return how far a procedure goes; provisioning goes nowhere.

    An operator's playbook in the place of a procedure goes as far as a reconfiguration.
    """
    return _RANK["P2R"] if procedure.startswith(PREFIX) else _RANK.get(procedure, -1)


def classify_alarm(
    device: Device, alarm: Alarm, ago: Mapping[Signature, int], *, env: Environment
) -> Decision:
    """Return the procedure for an alarm (S1 L27), fatal when remediation did not last (S1 L46).

    ``ago``: as ``remediated`` returns it.
    """
    decision = classify(
        env.policy,
        alarm.event_type,
        alarm.probable_cause,
        alarm.perceived_severity,
        specific_problem=alarm.specific_problem,
        product_class=device.product_class,
    )
    assert decision is not None  # a checked policy ends with a rule that fits everything
    if rank(decision.procedure) >= rank("DX"):
        times = ago.get(signature_of(alarm), 0)
        if times >= env.policy.limits.recurrences:
            return Decision("P3", f"remediated {times} times, and it is back", decision.rule)
    return decision


def is_held(held: Mapping[int, bool], alarm: Alarm, decision: Decision) -> bool:
    """Tell whether remediation of an alarm is held; blocking only where two persons wanted it so.

    ``held``: as ``acs.alarms.held_from_remediation`` returns it.
    """
    return alarm.id in held and (held[alarm.id] or decision.procedure != "P3")


def remediated(conn: Connection, device_id: int, *, env: Environment, now: float) -> Counter[Signature]:
    """Return how often the device was remedied of each trouble within the policy's ``recurrence_window``."""
    since = now - env.policy.limits.recurrence_window
    facts = map(
        msgspec.json.decode, conn.execute(_REMEDIATED, {"device": device_id, "since": since}).scalars()
    )
    return Counter(signature(each) for each in facts)


def signature(facts: Mapping[str, Any]) -> Signature:
    """Return what makes two alarms of a device the same trouble, by the facts of a case about it.

    As the rules of a policy, it does not depend on how the device spells the SpecificProblem: one that is to
    be blocked because its trouble came back is not to spell it anew each time.
    """
    told = [str(facts.get(name) or "") for name in SIGNATURE]
    return *told[:2], told[2].strip().upper()


def signature_of(alarm: Alarm) -> Signature:
    """Return it by an alarm."""
    return signature({name: getattr(alarm, name) for name in SIGNATURE})


def next_case(conn: Connection, device: Device, *, env: Environment, now: float) -> Case | None:
    """Open the case that the device needs next; None when it has an open one or needs none."""
    if device.blocked or device.channel == EMERGENCY or active_case(conn, device.id) is not None:
        return None
    untreated = [each for each in al.active_alarms(conn, device.id) if each.security and each.case_id is None]
    held = al.held_from_remediation(conn, device.id) if untreated else {}
    ago = remediated(conn, device.id, env=env, now=now) if untreated else Counter()
    decided = [(classify_alarm(device, each, ago, env=env), each) for each in untreated]
    decided = [(decision, each) for decision, each in decided if not is_held(held, each, decision)]
    if device.readmission and not any(decision.procedure == "P3" for decision, _ in decided):
        # Nothing is asked of it before it has come by itself.
        heard = (device.last_inform_at or 0) >= (device.released_at or 0) and device.channel == STANDARD
        return _readmission_case(conn, device, env=env, now=now) if heard else None
    if decided:
        decision, alarm = max(decided, key=lambda pair: (rank(pair[0].procedure), -pair[1].id))
        fatal = rank(decision.procedure) >= rank("P3") or decision.procedure in env.policy.safety.urgent
        if not fatal and _had_its_share(conn, device, now=now):
            return None  # the alarm is told and stays; its turn comes
        return _remediation_case(conn, device, alarm, decision, env=env, now=now)
    # At the initial HeMS nothing more is done: its serving HeMS does that.
    return None if device.channel == INITIAL else _wanted_case(conn, device, env=env, now=now)


def _had_its_share(conn: Connection, device: Device, *, now: float) -> bool:
    """Tell whether so many cases were opened for a device lately that alarms of it wait, and record that."""
    before = conn.execute(_OPENED, {"device": device.id}).scalar()
    if before is None or before <= now - _HOUR:
        return False
    detail = f"{MOST_CASES} cases within an hour; what is not fatal waits"
    dev.audit_seldom(conn, "remediation", "too many cases", device.device_key, detail, now=now)
    return True


def _wanted_case(conn: Connection, device: Device, *, env: Environment, now: float) -> Case | None:
    """Open the case of what is not about an alarm: provisioning, declared state, an operator's playbook."""
    if needs_provisioning(conn, device) and not _had_its_share(conn, device, now=now):
        return _provisioning_case(conn, device, env=env, now=now)
    if device.last_inform_at is not None:
        request = dev.take_config_request(conn, device.id)
        if request is not None:
            return _configuration_case(conn, device, request, env=env, now=now)
    asked = take_run(conn, device.id)
    return None if asked is None else _playbook_case(conn, device, asked, env=env, now=now)


def _playbook_case(conn: Connection, device: Device, asked: Run, *, env: Environment, now: float) -> Case:
    case = open_case(
        conn,
        device.id,
        kind="playbook",
        procedure="PLAYBOOK",
        playbook=asked.playbook,
        playbook_version=asked.version,
        policy=env.policy,
        alarm_id=None,
        because=f"{asked.who}: {asked.why}",
        facts={**facts_of(device), "who": asked.who, "seed": token_hex(8)},
        now=now,
    )
    begin_run(conn, asked.id, case.id)
    return case


def needs_provisioning(conn: Connection, device: Device) -> bool:
    """Whether the device is new, reset or runs other software than it was provisioned under.

    Where the last attempt under this software failed, only its next boot is reason for another.
    """
    if device.last_inform_at is None or device.provisioned_for == (device.software_version or "?"):
        return False
    query = (
        select(cases.c.outcome, cases.c.opened_at)
        .where(cases.c.device_id == device.id, cases.c.kind == "provisioning")
        .order_by(cases.c.id.desc())
        .limit(1)
    )
    last = conn.execute(query).first()
    return last is None or last.outcome != "FAILED" or last.opened_at < (device.booted_at or 0)


def facts_of(device: Device) -> dict[str, Any]:
    """Return what every playbook is told of the device."""
    busy = profile_for(device).busy_faults
    return {"root": device.root, **({"busy_faults": busy} if busy else {})}


def _remediation_case(
    conn: Connection, device: Device, alarm: Alarm, decision: Decision, *, env: Environment, now: float
) -> Case:
    facts = {
        **facts_of(device),
        "alarm_identifier": alarm.alarm_identifier,
        "event_type": alarm.event_type,
        "probable_cause": alarm.probable_cause,
        "specific_problem": alarm.specific_problem,
        "perceived_severity": alarm.perceived_severity,
        "rule": decision.rule,
        "seed": token_hex(8),
    }
    procedure, playbook, version, because = _playbook_of(conn, decision, env=env, now=now)
    case = open_case(
        conn,
        device.id,
        kind="remediation",
        procedure=procedure,
        playbook=playbook,
        playbook_version=version,
        policy=env.policy,
        alarm_id=alarm.id,
        because=because,
        facts=facts,
        now=now,
    )
    al.assign_alarm(conn, alarm.id, case.id)
    if procedure == "P3":  # no silence that one person made is about what blocks a device
        al.review(conn, device.id, now=now)
    return case


def _playbook_of(
    conn: Connection, decision: Decision, *, env: Environment, now: float
) -> tuple[str, str, str, str]:
    """Return procedure, playbook, version and why; in place of one that can't be used: a diagnosis."""
    if not decision.procedure.startswith(PREFIX):
        return decision.procedure, PLAYBOOK_OF[decision.procedure], SHIPPED, decision.because
    try:
        script = env.library.get(decision.procedure.removeprefix(PREFIX))
    except AcsError as error:
        return "DX", PLAYBOOK_OF["DX"], SHIPPED, f"{decision.because}; diagnosed, since {error}"
    keep_source(conn, script, now=now)
    return decision.procedure, script.name, script.version, decision.because


def _readmission_case(conn: Connection, device: Device, *, env: Environment, now: float) -> Case:
    bootstrapped = (device.bootstrapped_at or 0) >= (device.released_at or 0)
    return open_case(
        conn,
        device.id,
        kind="remediation",
        procedure="READMIT",
        playbook="readmission",
        policy=env.policy,
        alarm_id=None,
        because=f"it was blocked and is released: {device.admission_reason}",
        facts={**facts_of(device), "readmission": device.readmission, "bootstrapped": bootstrapped},
        now=now,
    )


def _provisioning_case(conn: Connection, device: Device, *, env: Environment, now: float) -> Case:
    if not device.provisioned_for:
        because = "the device is new here or was reset"
    else:
        because = f"it was provisioned under {device.provisioned_for!r} and runs {device.software_version!r}"
    return open_case(
        conn,
        device.id,
        kind="provisioning",
        procedure="PROVISION",
        playbook="provisioning",
        policy=env.policy,
        alarm_id=None,
        because=because,
        facts={**facts_of(device), "software_version": device.software_version},
        now=now,
    )


def _configuration_case(
    conn: Connection, device: Device, request: dev.ConfigRequest, *, env: Environment, now: float
) -> Case:
    return open_case(
        conn,
        device.id,
        kind="configuration",
        procedure="CONFIGURE",
        playbook="configuration",
        policy=env.policy,
        alarm_id=None,
        because=f"{request.who}: {request.because}",
        facts={**facts_of(device), "who": request.who},
        now=now,
    )
