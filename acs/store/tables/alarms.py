"""Tables of the alarm list and the events it was made of."""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Integer, Table, Text, UniqueConstraint

from acs.store.tables.base import Id, metadata

__all__ = ["alarm_events", "alarms"]

alarms = Table(
    "alarms",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("device_id", Id, ForeignKey("devices.id", ondelete="CASCADE"), nullable=False),
    Column("alarm_identifier", Text, nullable=False),
    Column("state", Text, nullable=False),  # active | cleared
    Column("event_type", Text, nullable=False),  # canonical, for example INTEGRITY_VIOLATION
    Column("probable_cause", Text, nullable=False),  # canonical, or the raw text where unknown
    Column("probable_cause_code", Integer),
    Column("specific_problem", Text, nullable=False, server_default=""),
    Column("perceived_severity", Text, nullable=False),  # CRITICAL MAJOR MINOR WARNING INDETERMINATE CLEARED
    Column("managed_object_instance", Text, nullable=False, server_default=""),
    Column("additional_text", Text, nullable=False, server_default=""),
    Column("additional_information", Text, nullable=False, server_default=""),
    Column("raised_at", Float, nullable=False),
    Column("changed_at", Float),
    Column("cleared_at", Float),
    Column(
        "clear_reason", Text, nullable=False, server_default=""
    ),  # device | resync | cleared-by-reboot | operator
    Column("detector", Text, nullable=False),  # securityAlarmDetector: HeNB:<DN> or HeMS:<DN>
    Column("ack_state", Text, nullable=False, server_default="UNACKNOWLEDGED"),
    Column("ack_user_id", Text, nullable=False, server_default=""),
    Column("ack_at", Float),
    Column("case_id", Id),  # the case opened for it since it was raised; NULL: none yet
    UniqueConstraint("device_id", "alarm_identifier"),
)

alarm_events = Table(
    "alarm_events",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("device_id", Id, ForeignKey("devices.id", ondelete="CASCADE"), nullable=False),
    Column("alarm_identifier", Text, nullable=False),
    Column("event_time", Text, nullable=False),  # raw text, part of the identity of the event
    Column("notification_type", Text, nullable=False),
    Column("perceived_severity", Text, nullable=False),
    Column("source", Text, nullable=False),  # "ExpeditedEvent.3", "QueuedEvent.1", "resync"
    Column("received_at", Float, nullable=False),
    UniqueConstraint("device_id", "alarm_identifier", "event_time", "notification_type"),
)
