"""Tables of notifications for the managers (Type 2)."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Table, Text

from acs.store.tables.base import Id, metadata

__all__ = ["outbox"]

outbox = Table(
    "outbox",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("device_id", Id),
    Column(
        "notification_type", Text, nullable=False
    ),  # notifyNewAlarm, notifyClearedAlarm, notifyComments, …
    Column("body", Text, nullable=False),  # JSON
    Column("created_at", Float, nullable=False),
    Index("ix_outbox_device", "device_id", "id"),
)
