"""How FaultMgmt has to be set so that security alarms arrive at once (S1 L24). Pure.

The security rows of SupportedAlarm are made expedited; ExpeditedEvent is notified actively and QueuedEvent
passively; the throttle that delays sessions for active notifications is switched off.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from acs.alarms.vocabulary import event_type, is_security
from acs.cwmp import messages as m

__all__ = [
    "ATTRIBUTES",
    "EXPEDITED",
    "QUEUED",
    "attributes_request",
    "fault_management_paths",
    "lost_notifications",
    "notification_request",
    "reporting_request",
]

EXPEDITED = "0 Expedited"
QUEUED = "1 Queued"
ATTRIBUTES = "alarm-attributes"
"""The purpose of a command that reads or restores notification attributes."""
_ROW = re.compile(
    r"(?P<row>[\w.-]*\.FaultMgmt\.SupportedAlarm\.\d{1,9}\.)(?P<name>EventType|ReportingMechanism)\Z",
    re.ASCII,
)


def fault_management_paths(root: str) -> tuple[str, ...]:
    """Return where FaultMgmt may be below a root such as ``Device.``, the likeliest first.

    TR-181 and TR-098 have it at the root, TR-196 Issue 1 in the FAPService.
    """
    base = root or "Device."
    return f"{base}FaultMgmt.", f"{base}Services.FAPService.1.FaultMgmt."


def reporting_request(
    supported: Iterable[m.ParameterValue], *, mechanism: str = EXPEDITED, parameter_key: str
) -> m.SetParameterValues | None:
    """Return the request that makes security alarms ``mechanism``, None when they are so already.

    ``supported`` are the parameters of SupportedAlarm. A row that is expedited is left alone.
    """
    rows: dict[str, dict[str, str]] = {}
    for value in supported:
        found = _ROW.match(value.name)
        if found is not None:
            rows.setdefault(found["row"], {})[found["name"]] = value.value.strip()
    wrong = [
        row
        for row, values in rows.items()
        if is_security(event_type(values.get("EventType", "")))
        and values.get("ReportingMechanism") not in (EXPEDITED, mechanism)
    ]
    if not wrong:
        return None
    values = tuple(m.ParameterValue(f"{row}ReportingMechanism", mechanism) for row in wrong)
    return m.SetParameterValues(values, parameter_key)


def notification_request(base: str) -> m.SetParameterAttributes:
    """Return the request that makes the device tell of new rows: expedited at once, queued next time.

    ``base`` is the path of its FaultMgmt.
    """
    return m.SetParameterAttributes(
        (
            m.SetParameterAttribute(f"{base}ExpeditedEvent.", 2),
            m.SetParameterAttribute(f"{base}QueuedEvent.", 1),
        )
    )


def attributes_request(base: str) -> m.GetParameterAttributes:
    """Return the request whose answer tells whether the device still has what ``notification_request`` set.

    Attributes outlive a reboot (TR-069 A.3.2.5), yet devices are known to lose them.
    """
    return m.GetParameterAttributes(tuple(each.name for each in notification_request(base).parameters))


def lost_notifications(
    base: str, attributes: Iterable[m.ParameterAttribute]
) -> m.SetParameterAttributes | None:
    """Return the request that sets again what was lost, None when nothing was.

    ``attributes`` are those the device told. An event table without rows says nothing of itself: then there
    is nothing to compare, and it is set again, which does no harm.
    """
    told = tuple(attributes)
    lost = tuple(
        wanted
        for wanted in notification_request(base).parameters
        if {each.notification for each in told if each.name.startswith(wanted.name)} != {wanted.notification}
    )
    return m.SetParameterAttributes(lost) if lost else None
