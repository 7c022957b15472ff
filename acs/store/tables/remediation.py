"""Tables of cases, their journals, and the policies they began with."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    literal_column,
    text,
)

from acs.store.tables.base import Id, metadata

__all__ = ["approvals", "case_is_open", "cases", "cases_put_off", "journal", "policies"]

cases = Table(
    "cases",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("device_id", Id, ForeignKey("devices.id", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),  # remediation | provisioning
    Column("state", Text, nullable=False),  # active | waiting (for instruction) | closed
    # REMEDIATED NOTIFIED BLOCKED RELEASED EXTENDED NO_COMMUNICATION REACHED PROVISIONED FAILED SUPERSEDED;
    # while it waits also EMERGENCY_FAILED AWAITS_RELEASE
    Column("outcome", Text),
    Column("procedure", Text, nullable=False),  # P1 P2R P2S P3 DX PROVISION
    Column("playbook", Text, nullable=False),
    Column("playbook_version", Text, nullable=False),
    Column("policy_version", Text, nullable=False),
    Column("alarm_id", Id),
    Column("because", Text, nullable=False, server_default=""),
    Column(
        "facts", Text, nullable=False, server_default="{}"
    ),  # JSON the playbook is given, fixed at opening
    Column("wake_at", Float),
    Column("epoch", BigInteger, nullable=False, server_default="0"),
    Column("opened_at", Float, nullable=False),
    Column("closed_at", Float),
)

case_is_open = cases.c.state.in_([literal_column(f"'{word}'") for word in ("active", "waiting")])

Index(
    "uq_cases_one_active_per_device",
    cases.c.device_id,
    unique=True,
    sqlite_where=text("state IN ('active','waiting')"),
    postgresql_where=text("state IN ('active','waiting')"),
)

Index(
    "ix_cases_wake_at",
    cases.c.wake_at,
    sqlite_where=text("state IN ('active','waiting')"),
    postgresql_where=text("state IN ('active','waiting')"),
)

Index("ix_cases_device", cases.c.device_id, cases.c.id)  # what was done about a device, newest first
Index("ix_cases_device_id_state", cases.c.device_id, cases.c.state)

journal = Table(
    "journal",
    metadata,
    Column("case_id", Id, ForeignKey("cases.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("branch", Text, nullable=False, server_default=""),  # of a playbook's parallel
    Column("name", Text, nullable=False),  # what the playbook asked for; checked on replay
    Column("detail", Text, nullable=False, server_default=""),
    Column("because", Text, nullable=False, server_default=""),
    Column("state", Text, nullable=False),  # waiting | done
    Column("command_id", Id, index=True),
    Column("event", Text, nullable=False, server_default=""),  # event code that ends the wait
    Column("deadline", Float),
    Column("result", Text),  # JSON
    Column("started_at", Float, nullable=False),
    Column("done_at", Float),
)

cases_put_off = Table(  # opened, and begun when there is room
    "cases_put_off",
    metadata,
    Column("case_id", Id, ForeignKey("cases.id", ondelete="CASCADE"), primary_key=True),
    Column("urgency", Integer, nullable=False),  # lower first
    Column("put_off_at", Float, nullable=False),
    Index("ix_cases_put_off_line", "urgency", "put_off_at", "case_id"),
)

approvals = Table(  # instructions that wait for a second person
    "approvals",
    metadata,
    Column("subject", Text, primary_key=True),  # what it is about: a step that waits, a device
    Column("action", Text, primary_key=True),
    Column("who", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("asked_at", Float, nullable=False),
)

policies = Table(
    "policies",
    metadata,
    Column("version", Text, primary_key=True),  # SHA-256 of the body, first 12 hex digits
    Column("body", Text, nullable=False),
    Column("activated_at", Float, nullable=False),
)
