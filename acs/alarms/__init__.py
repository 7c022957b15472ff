"""Alarms: their words, their intake from Informs, the alarm list, resynchronisation, provisioning."""

from acs.alarms.alarm_list import (
    acknowledge,
    active_alarms,
    apply,
    assign_alarm,
    clear_alarm,
    find_alarm,
    get_alarm,
    list_alarms,
    raise_alarm,
    release_alarms,
    reset_rings,
)
from acs.alarms.intake import AlarmEvent, Extract, extract, parse_time
from acs.alarms.model import Alarm, AlarmChange, Applied
from acs.alarms.outbox import alarm_body, notify
from acs.alarms.provisioning import (
    EXPEDITED,
    QUEUED,
    fault_management_paths,
    notification_request,
    reporting_request,
)
from acs.alarms.resync import CLEARED_BY_REBOOT, RESYNC, apply_resync, current_alarms, resync_request
from acs.alarms.retention import prune_alarms
from acs.alarms.vocabulary import (
    EVENT_TYPES,
    PROBABLE_CAUSES,
    SECURITY_EVENT_TYPES,
    SEVERITIES,
    event_type,
    is_security,
    probable_cause,
    severity,
)

__all__ = [
    "CLEARED_BY_REBOOT",
    "EVENT_TYPES",
    "EXPEDITED",
    "PROBABLE_CAUSES",
    "QUEUED",
    "RESYNC",
    "SECURITY_EVENT_TYPES",
    "SEVERITIES",
    "Alarm",
    "AlarmChange",
    "AlarmEvent",
    "Applied",
    "Extract",
    "acknowledge",
    "active_alarms",
    "alarm_body",
    "apply",
    "apply_resync",
    "assign_alarm",
    "clear_alarm",
    "current_alarms",
    "event_type",
    "extract",
    "fault_management_paths",
    "find_alarm",
    "get_alarm",
    "is_security",
    "list_alarms",
    "notification_request",
    "notify",
    "parse_time",
    "probable_cause",
    "prune_alarms",
    "raise_alarm",
    "release_alarms",
    "reporting_request",
    "reset_rings",
    "resync_request",
    "severity",
]
