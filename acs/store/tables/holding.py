"""Tables of what keeps alarms from managers: silences, inhibition rules, which alarms are held back."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, ForeignKey, Integer, Table, Text, text

from acs.store.tables.base import Id, metadata

__all__ = ["holds", "inhibitions", "silences"]

silences = Table(
    "silences",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("matchers", Text, nullable=False),  # JSON: list of texts
    Column("who", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("starts_at", Float, nullable=False),
    Column("ends_at", Float, nullable=False, index=True),  # brought forward when somebody ends it
    Column("hold_remediation", Boolean, nullable=False, server_default=text("false")),
    Column("grave", Boolean, nullable=False, server_default=text("false")),  # also critical security alarms
    Column("approved_by", Text, nullable=False, server_default=""),  # the second person, where one is needed
    Column("approved_why", Text, nullable=False, server_default=""),
    Column("approved_at", Float),
    Column("expired_by", Text, nullable=False, server_default=""),  # who ended it before its time
)

inhibitions = Table(  # the section `inhibit` of the policy in force, for every process alike
    "inhibitions",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("rule", Text, nullable=False),  # JSON
)

# One row an alarm: what holds it back now, or did last.
holds = Table(
    "alarm_holds",
    metadata,
    Column("alarm_id", Id, ForeignKey("alarms.id", ondelete="CASCADE"), primary_key=True),
    Column("device_id", Id, ForeignKey("devices.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", Text, nullable=False),  # silence | inhibition
    Column("by", Text, nullable=False),  # "silence 3", or the name of the rule
    Column("because", Text, nullable=False),
    Column("hold_remediation", Boolean, nullable=False),
    Column("grave", Boolean, nullable=False),  # a silence that two persons want for critical ones too
    Column("withheld", Text, nullable=False, server_default=""),  # new | changed: what was not told of it
    Column("since", Float, nullable=False),
    Column("ended_at", Float, index=True),  # NULL: it is held back now
)
