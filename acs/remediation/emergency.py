"""A HeNB that runs its fail-safe image, as the emergency management system sees it come (S1 L82)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from secrets import token_hex

from sqlalchemy import Connection

from acs import alarms as al
from acs import devices as dev
from acs.commands import asked_anew
from acs.cwmp import messages as m
from acs.devices import CheckIn, Device
from acs.distress import EMERGENCY
from acs.errors import AcsError
from acs.remediation.advance import advance, close_case, finish_step
from acs.remediation.black_list import expected_since
from acs.remediation.cases import (
    SHIPPED,
    Case,
    Step,
    active_case,
    find_case,
    journal_of,
    open_case,
    remediated_since,
)
from acs.remediation.environment import Environment
from acs.remediation.playbooks import PLAYBOOK_OF
from acs.remediation.playbooks.emergency import EMERGENCY_FAILED
from acs.remediation.reaching import IN_EMERGENCY
from acs.remediation.reactions import commands_settled, waiting_steps
from acs.remediation.steps import (
    IMAGE_REQUESTED,
    INSTRUCTION,
    INSTRUCTION_OR_BOOT,
    INSTRUCTION_OR_SESSION,
    REGISTRATION,
    SESSION,
)
from acs.remediation.triage import SIGNATURE, facts_of

__all__ = [
    "emergency_expected",
    "emergency_informed",
    "emergency_over",
    "image_requested",
    "is_emergency",
    "registered_elsewhere",
]

_ASKS = re.compile(r"X [0-9A-F]{6} EMERGENCY", re.ASCII)
"""The vendor-specific event of a fail-safe image that knows no RequestDownload."""


def emergency_expected(conn: Connection, device: Device, *, env: Environment) -> bool:
    """Tell whether a device on the black list is served while it runs its fail-safe image.

    An EXPECT_EMERGENCY counts until somebody blocks the device again.
    """
    allowed = env.policy.emergency.blocked
    if allowed != "expected":
        return allowed == "admit"
    case = active_case(conn, device.id)
    if case is None or case.outcome == "BLOCKED":
        return False
    return expected_since(conn, device.id, case) is not None


def emergency_over(conn: Connection, device: Device) -> str:
    """Return why a fail-safe image is served no more, "" where it is (S1 L84).

    Emergency remediation failed as often as it may, and people decide: until they do, the credentials of the
    fail-safe image, which are all that the HeNB has, are good for nothing. It should have shut down.
    """
    case = active_case(conn, device.id)
    if case is None or case.outcome != EMERGENCY_FAILED:
        return ""
    if not any(each.event == INSTRUCTION and not each.done for each in journal_of(conn, case.id)):
        return ""
    return (
        f"emergency remediation of {device.device_key} failed and people decide; with RETRY or"
        f" EXPECT_EMERGENCY for case {case.id} its fail-safe image is served again"
    )


def is_emergency(case: Case, steps: Iterable[Step]) -> bool:
    """Tell by its journal whether emergency remediation has begun in this case."""
    return case.procedure == "EM" or any(each.name == IN_EMERGENCY for each in steps)


def emergency_informed(
    conn: Connection, check: CheckIn, events: Iterable[m.Event], *, env: Environment, now: float
) -> None:
    """Attach the device to its case, or open one in the place of a case that can't go on (S1 L82).

    Its configuration is gone with the software that had it: it is provisioned anew when it registers.
    """
    device = check.device
    dev.mark_provisioned(conn, device.id, "")
    case, steps = waiting_steps(conn, device.id)
    if case is not None and not _prepared(conn, case, steps):
        because = "the HeNB began emergency remediation: it runs its fail-safe image"
        close_case(conn, case, "SUPERSEDED", because, env=env, now=now)
        _open(conn, device, case, env=env, now=now)
    elif case is None:
        _open(conn, device, None, env=env, now=now)
    else:
        began = {"channel": EMERGENCY}
        told: dict[str, object] = {
            SESSION: EMERGENCY,
            INSTRUCTION_OR_SESSION: began,
            INSTRUCTION_OR_BOOT: began,
        }
        if check.boot:  # it fell back to its fail-safe image
            told[REGISTRATION] = {"version": device.software_version, "who": ""}
        came = [each for each in steps if each.event in told]
        for step in came:
            finish_step(conn, step, told[step.event], now=now)
        if came:
            advance(conn, case.id, env=env, now=now)
    if any(_ASKS.fullmatch(each.code.strip()) for each in events):
        image_requested(conn, device, env=env, now=now)


def _prepared(conn: Connection, case: Case, steps: Iterable[Step]) -> bool:
    """Whether the playbook of a case goes on with a device that runs its fail-safe image."""
    if case.kind != "remediation" or case.playbook_version != SHIPPED:
        return False
    waits = any(each.event in (SESSION, INSTRUCTION_OR_SESSION) for each in steps)
    return waits or is_emergency(case, journal_of(conn, case.id))


def _open(conn: Connection, device: Device, before: Case | None, *, env: Environment, now: float) -> None:
    """Open an emergency case; it takes over the alarm of the case ``before`` it."""
    facts = {**facts_of(device), "software_version": device.software_version, "seed": token_hex(8)}
    because = f"the HeNB runs its fail-safe image {device.software_version}"
    alarm_id = None
    since = now - env.policy.limits.recurrence_window
    facts["recurrences"] = remediated_since(conn, device.id, "EM", since=since)
    if before is not None and before.kind == "remediation":
        facts |= {name: before.fact.get(name) for name in SIGNATURE}
        because += f"; it was treated in case {before.id}"
        alarm_id = before.alarm_id
        al.release_alarms(conn, device.id, before.id)
    case = open_case(
        conn,
        device.id,
        kind="remediation",
        procedure="EM",
        playbook=PLAYBOOK_OF["EM"],
        policy=env.policy,
        alarm_id=alarm_id,
        because=because,
        facts=facts,
        now=now,
    )
    if alarm_id is not None:
        al.assign_alarm(conn, alarm_id, case.id)
    advance(conn, case.id, env=env, now=now)


def image_requested(conn: Connection, device: Device, *, env: Environment, now: float) -> str:
    """Hand a request for software to the case that waits for it; return what came of it.

    The device's words choose nothing: what it gets is the image that is approved for it.
    """
    epoch = dev.get(conn, device.id).session_epoch
    settled = asked_anew(conn, device.id, epoch=epoch, now=now)
    if settled is not None:
        commands_settled(conn, settled, env=env, now=now)
        return "the Download before it did not arrive"
    case, steps = waiting_steps(conn, device.id)
    asked = [each for each in steps if each.event == IMAGE_REQUESTED]
    if case is None or not asked:
        return "nothing waits for it"
    for step in asked:
        finish_step(conn, step, True, now=now)
    advance(conn, case.id, env=env, now=now)
    return f"handed to case {case.id}"


def registered_elsewhere(
    conn: Connection, device_id: int, version: str, *, who: str, why: str, env: Environment, now: float
) -> Case:
    """Note that a device registered at a serving HeMS that keeps its own store (S1 L82).

    Returns the emergency case that waited for it. Raises ``AcsError`` where none did, or without a reason.
    """
    if not why.strip():
        raise AcsError("a registration elsewhere needs a reason; say how it is known")
    dev.lock(conn, device_id)
    device = dev.get(conn, device_id)
    case, steps = waiting_steps(conn, device_id)
    waited = [each for each in steps if each.event == REGISTRATION]
    if case is None or not waited:
        raise AcsError(f"no emergency case of {device.device_key} waits for its registration")
    dev.audit(conn, who, "registered elsewhere", device.device_key, f"{version[:64]}: {why}", now=now)
    for step in waited:
        finish_step(conn, step, {"version": version, "who": who}, now=now)
    advance(conn, case.id, env=env, now=now)
    return find_case(conn, case.id) or case
