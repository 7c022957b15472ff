"""The black list and what the network does beside it: who asks for it, and who takes it back (S1 L9, L88)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection

from acs import devices as dev
from acs import measures as ms
from acs.devices import Device
from acs.errors import AcsError
from acs.remediation.cases import Case, journal_of
from acs.remediation.measures import Occasion, wanted_measures
from acs.remediation.policy import Policy
from acs.remediation.steps import INSTRUCTIONS_AWAITED

__all__ = [
    "LetIn",
    "expected_since",
    "let_in_to_register",
    "measures_by_policy",
    "release",
    "takes_two",
    "who_lets_in",
]

LetIn = Literal["persons", "policy", "persons later", "nobody"]


def measures_by_policy(
    conn: Connection,
    device: Device,
    occasion: Occasion,
    policy: Policy,
    *,
    procedure: str,
    facts: Mapping[str, Any],
    who: str,
    because: str,
    case_id: int | None = None,
    system_dn: str,
    now: float,
) -> list[str]:
    """Have the network do what the policy says for this occasion; return a sentence for each measure.

    A measure that no system carries out is told rather than a failure.
    """
    wanted = wanted_measures(
        policy.measures, occasion, procedure=procedure, product_class=device.product_class, facts=facts
    )
    told = []
    for name, reason in wanted.items():
        try:
            made = ms.request_measures(
                conn,
                device,
                [name],
                who=who,
                because=f"{reason}: {because}",
                case_id=case_id,
                system_dn=system_dn,
                now=now,
            )
        except AcsError as error:
            told.append(str(error))
        else:
            told.append(f"{name}: {', '.join(each.target for each in made) or 'in force already'}")
    return told


def release(
    conn: Connection,
    device: Device,
    readmission: str,
    *,
    who: str,
    because: str,
    case_id: int | None = None,
    system_dn: str,
    now: float,
) -> None:
    """Take a device off the black list, and undo what the network was asked to do about it.

    ``readmission`` is what it has to go through before it may radiate: reset, test or none.
    """
    if device.admission == "blocked":
        dev.unblock(conn, device.id, because, who=who, now=now)
        if readmission != "none":
            dev.require_readmission(conn, device.id, readmission, now=now)
    ms.undo_measures(conn, device, who=who, because=because, case_id=case_id, system_dn=system_dn, now=now)


def let_in_to_register(
    conn: Connection, device: Device, readmission: str, because: str, *, who: str, now: float
) -> None:
    """Let a blocked device register, without radiating; what the network does about it stays in force."""
    dev.unblock(conn, device.id, because, who=who, now=now)
    kind = "test" if readmission == "none" else readmission
    dev.require_readmission(conn, device.id, kind, now=now)


def takes_two(conn: Connection, device_id: int, policy: Policy) -> bool:
    """Whether the policy wants two persons to release this device: always, or since the network was told."""
    if "RELEASE" in policy.distress.second_approval:
        return True
    return policy.measures.second_approval and bool(ms.in_force(conn, device_id))


def who_lets_in(conn: Connection, device_id: int, case: Case, policy: Policy) -> LetIn:
    """Return who lets a blocked device register with what it loaded in emergency remediation.

    ``persons``: somebody told the case EXPECT_EMERGENCY. ``policy``: ``emergency.blocked`` is ``admit``. That
    speaks for the black list of the HeMS: ``persons later`` where the network does something about the
    device, since higher level management decided that, and takes it back (S1 L88, L97), or where a release
    takes two. ``nobody``: it was blocked in the middle of it.
    """
    told_at = expected_since(conn, device_id, case)
    standing = ms.in_force(conn, device_id)
    if told_at is not None and all(each.created_at <= told_at for each in standing):
        return "persons"
    if told_at is None and policy.emergency.blocked != "admit":
        return "nobody"
    return "persons later" if standing or "RELEASE" in policy.distress.second_approval else "policy"


def expected_since(conn: Connection, device_id: int, case: Case) -> float | None:
    """Return when this case was told EXPECT_EMERGENCY last; None: not since the device was blocked."""
    since = dev.blocked_at(conn, device_id)
    told = [
        each.done_at
        for each in journal_of(conn, case.id)
        if each.event in INSTRUCTIONS_AWAITED and each.done_at and _expects(each.result)
    ]
    return max((each for each in told if each >= since), default=None)


def _expects(result: str | None) -> bool:
    told = msgspec.json.decode(result or "null")
    return isinstance(told, dict) and told.get("action") == "EXPECT_EMERGENCY"
