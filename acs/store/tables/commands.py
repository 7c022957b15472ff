"""Tables of the command queue."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
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

__all__ = ["command_is_open", "command_parts", "commands"]

commands = Table(
    "commands",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("device_id", Id, ForeignKey("devices.id", ondelete="CASCADE"), nullable=False),
    Column("command_key", Text, nullable=False, unique=True),  # idempotency key, at most 32 characters
    Column("method", Text, nullable=False),
    Column("payload", Text, nullable=False),  # JSON of the message's fields
    Column("purpose", Text, nullable=False),  # case | operator | alarm-resync
    Column("case_id", Id, index=True),
    Column("priority", Integer, nullable=False, server_default="5"),  # lower first
    Column("state", Text, nullable=False),  # queued sent accepted succeeded failed expired cancelled
    Column("session_epoch", BigInteger),
    Column("attempts", Integer, nullable=False, server_default="0"),  # times sent
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float),
    Column("sent_at", Float),
    Column("settled_at", Float),
    Column("fault_code", Integer),
    Column("fault_string", Text, nullable=False, server_default=""),
    Column("result", Text),  # JSON of the response
    # of one that is sent in parts: which part is next or outstanding, and what method that is
    Column("part", Integer),
    Column("part_method", Text, nullable=False, server_default=""),
)

command_parts = Table(
    "command_parts",
    metadata,
    Column("command_id", Id, ForeignKey("commands.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("method", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("answered", Boolean, nullable=False, server_default=text("false")),
    Column("size", Integer, nullable=False, server_default="0"),  # characters of the result
    Column("result", Text),  # JSON of the response; none where smaller parts took its place
)

# Written with literals, as in the index: with parameters SQLite would not use a partial index.
command_is_open = commands.c.state.in_(
    [literal_column(f"'{word}'") for word in ("queued", "sent", "accepted")]
)

Index("ix_commands_device", commands.c.device_id, commands.c.id)  # what was done to a device, newest first

# What people sent and no case, as long as it is with its device: it counts in the limits of safety.
Index(
    "ix_commands_by_hand",
    commands.c.id,
    sqlite_where=text("purpose = 'operator' AND state IN ('sent','accepted')"),
    postgresql_where=text("purpose = 'operator' AND state IN ('sent','accepted')"),
)
Index(
    "ix_commands_open",
    commands.c.device_id,
    commands.c.priority,
    commands.c.id,
    sqlite_where=text("state IN ('queued','sent','accepted')"),
    postgresql_where=text("state IN ('queued','sent','accepted')"),
)
