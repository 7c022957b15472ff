"""Tables of safety at scale: who has a slot or waits for one, and what is known of each group."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, Table, Text, text

from acs.store.tables.base import Id, metadata

__all__ = ["safety_counted", "safety_groups", "safety_slots"]

safety_slots = Table(
    "safety_slots",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("case_id", Id, ForeignKey("cases.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("state", Text, nullable=False),  # held granted running ended
    Column("groups", Text, nullable=False),  # JSON: the names of the groups it counts in
    Column("urgency", Integer, nullable=False),  # lower first
    Column("asked_at", Float, nullable=False),
    Column("granted_at", Float),
    # of one that is held: why, for which group, and when it is worth another look at the earliest
    Column("reason", Text, nullable=False, server_default=""),
    Column("blocked_by", Text, nullable=False, server_default=""),
    Column("until", Float),
    Column("verdict", Text, nullable=False, server_default=""),  # of one that ended: good, bad or neither
)

Index(
    "uq_safety_slots_open_of_case",
    safety_slots.c.case_id,
    unique=True,
    sqlite_where=text("state IN ('held','granted','running')"),
    postgresql_where=text("state IN ('held','granted','running')"),
)
Index(
    "ix_safety_slots_held",
    safety_slots.c.urgency,
    safety_slots.c.asked_at,
    safety_slots.c.id,
    sqlite_where=text("state = 'held'"),
    postgresql_where=text("state = 'held'"),
)
Index(
    "ix_safety_slots_taken",
    safety_slots.c.state,
    sqlite_where=text("state <> 'held'"),
    postgresql_where=text("state <> 'held'"),
)

safety_groups = Table(
    "safety_groups",
    metadata,
    Column("name", Text, primary_key=True),  # fleet, site:…, model:…, version:…, group:…, kind:…
    Column("size", Integer, nullable=False, server_default="0"),  # devices
    Column("sized_at", Float),
    Column("succeeded", Integer, nullable=False, server_default="0"),  # cases in a row, for the canaries
    Column("succeeded_at", Float),
    Column("recent", Text, nullable=False, server_default="[]"),  # JSON: [since, good, bad] …
    Column("paused_at", Float),
    Column("paused_by", Text, nullable=False, server_default=""),
    Column("paused_why", Text, nullable=False, server_default=""),
    Column("automatic", Boolean, nullable=False, server_default=text("false")),  # by the stop rule
)

# When a case of a device last counted for its groups: one device is one voice, however many cases it causes.
safety_counted = Table(
    "safety_counted",
    metadata,
    Column("device_id", Id, ForeignKey("devices.id", ondelete="CASCADE"), primary_key=True),
    Column("verdict", Text, primary_key=True),  # good or bad
    Column("at", Float, nullable=False),
)
