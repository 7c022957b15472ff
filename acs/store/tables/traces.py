"""Tables of traces: whose conversations are wanted, and what was kept of them."""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, LargeBinary, Table, Text

from acs.store.tables.base import Id, metadata

__all__ = ["trace_requests", "traces"]

trace_requests = Table(
    "trace_requests",
    metadata,
    Column("device_id", Id, ForeignKey("devices.id", ondelete="CASCADE"), primary_key=True),
    Column("until", Float, nullable=False),
    Column("who", Text, nullable=False),
)

traces = Table(
    "traces",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("device_id", Id, ForeignKey("devices.id", ondelete="CASCADE"), nullable=False),
    Column("session", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("ended_at", Float, nullable=False, index=True),
    Column("messages", Integer, nullable=False),
    Column("size", Integer, nullable=False),  # bytes of the content
    Column("content", LargeBinary, nullable=False),  # redacted messages, JSON lines, zstandard
)

Index("ix_traces_device_id_id", traces.c.device_id, traces.c.id)
