"""Tables of what devices sent."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, Table, Text

from acs.store.tables.base import Id, metadata

__all__ = ["uploads", "uploads_total"]

uploads = Table(
    "uploads",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("device_id", Id, ForeignKey("devices.id", ondelete="CASCADE"), nullable=False),
    Column("grant_key", Text, unique=True),  # of the one-time URL; null: came by a standing one
    Column("kind", Text, nullable=False),  # the FileType of the Upload, or PM
    Column("command_key", Text, nullable=False, server_default=""),
    Column("name", Text, nullable=False, server_default=""),  # what the device calls it: for people only
    Column("media_type", Text, nullable=False, server_default=""),
    Column("state", Text, nullable=False),  # receiving | stored | broken
    Column("attempt", Integer, nullable=False, server_default="1"),
    Column("reserved", BigInteger, nullable=False, server_default="0"),  # bytes of quota while receiving
    Column("size", BigInteger, nullable=False, server_default="0"),  # bytes
    Column("sha256", Text, nullable=False, server_default=""),
    Column("storage_key", Text, nullable=False, server_default=""),
    Column("reason", Text, nullable=False, server_default=""),  # why it is broken, or was not handled
    Column("address", Text, nullable=False, server_default=""),
    Column("created_at", Float, nullable=False),
    Column("changed_at", Float, nullable=False),
    Column("handler_attempts", Integer, nullable=False, server_default="0"),
    Column("handle_at", Float),  # when a handler is to have it; null: nothing is to be done
    Column("handled_at", Float),
)

uploads_total = Table(
    "uploads_total",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # 1: it has one row
    Column("bytes", BigInteger, nullable=False),  # of all uploads, kept and reserved, when they were counted
    Column("counted_at", Float, nullable=False),
)

Index("ix_uploads_device", uploads.c.device_id, uploads.c.state)
Index("ix_uploads_changed_at", uploads.c.changed_at)
Index(
    "ix_uploads_handle_at",
    uploads.c.handle_at,
    sqlite_where=uploads.c.handle_at.is_not(None),
    postgresql_where=uploads.c.handle_at.is_not(None),
)
