"""Tables of the distress channels: a device's paths in order, and the triggers that went over them."""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, Table, Text, UniqueConstraint, text

from acs.store.tables.base import Id, metadata

__all__ = ["distress_paths", "distress_sequences", "distress_triggers"]

distress_paths = Table(
    "distress_paths",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("device_id", Id, ForeignKey("devices.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),  # tried in this order, from 1
    Column("kind", Text, nullable=False),  # IPsec2 | Internet | AirInterface
    Column("method", Text, nullable=False, server_default="UDP"),  # UDP | COAP | XMPP
    Column("address", Text, nullable=False),  # where the trigger goes: host:port, or a Jabber ID
    UniqueConstraint("device_id", "position"),
)

distress_triggers = Table(
    "distress_triggers",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),  # the id in the datagram
    Column("device_id", Id, ForeignKey("devices.id", ondelete="CASCADE"), nullable=False),
    Column("case_id", Id, index=True),
    Column("kind", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("requested_at", Float, nullable=False),
    Column("claimed_at", Float),  # by the node that sends it
    Column("sent_at", Float),  # or given up
    Column("result", Text, nullable=False, server_default=""),
)

distress_sequences = Table(
    "distress_sequences",
    metadata,
    Column("device_id", Id, ForeignKey("devices.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Id, nullable=False),  # the last Partial IV (RFC 8613) that was given out
)

Index("ix_distress_triggers_device", distress_triggers.c.device_id, distress_triggers.c.requested_at)
Index(
    "ix_distress_triggers_unsent",
    distress_triggers.c.id,
    sqlite_where=text("sent_at IS NULL"),
    postgresql_where=text("sent_at IS NULL"),
)
