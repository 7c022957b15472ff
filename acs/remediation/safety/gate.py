"""The gate that a case passes before it disturbs its device."""

from __future__ import annotations

from sqlalchemy import Connection

from acs import devices as dev
from acs.cwmp import messages as m
from acs.devices import Device
from acs.distress import EMERGENCY
from acs.remediation.cases import Case
from acs.remediation.environment import Environment
from acs.remediation.safety.rules import Hold, disruptive, groups_of_device, in_order, urgency
from acs.remediation.safety.slots import ask, slot_state

__all__ = ["groups_of_case", "may_send"]

_TEXT = 100  # characters of what a device says of itself, in the name of a group


def may_send(
    conn: Connection, case: Case, device: Device, message: m.Message, *, env: Environment, now: float
) -> Hold | None:
    """Return None when a request of a case may go to its device now, or why it has to wait.

    What disturbs nobody may always, as at a device that runs its fail-safe image, and so may what is urgent
    and what makes a new device ready.
    """
    rules = env.policy.safety
    if device.channel == EMERGENCY:
        return None
    if not disruptive(message, rules) or case.kind == "provisioning" or case.procedure in rules.urgent:
        return None
    groups = [] if slot_state(conn, case.id) else groups_of_case(conn, case, device)
    severity = case.fact.get("perceived_severity")
    return ask(
        conn, case.id, groups, urgency=urgency(severity), rules=rules, system_dn=env.system_dn, now=now
    )


def groups_of_case(conn: Connection, case: Case, device: Device) -> list[str]:
    """Return the names of the groups that a case counts in, the most particular first."""
    model = device.product_class or device.oui
    tags = [f"group:{name}" for name in dev.groups_of(conn, device.id)]
    if site := dev.site_of(conn, device.id):
        tags.append(f"site:{site}")
    fact = case.fact
    cause = str(fact.get("specific_problem") or fact.get("probable_cause") or case.playbook)[:_TEXT]
    kind = f"kind:{case.procedure} {cause} {model[:_TEXT]}"
    return in_order({kind, *groups_of_device(model, device.software_version, tags)})
