"""Tables of the operators' playbooks: sources by version, and runs that were asked for."""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, Table, Text, text

from acs.store.tables.base import Id, metadata

__all__ = ["playbook_runs", "playbook_sources"]

playbook_sources = Table(
    "playbook_sources",
    metadata,
    Column("version", Text, primary_key=True),  # SHA-256 of the body, first 16 hex digits
    Column("body", Text, nullable=False),  # JSON: the entry and the files
    Column("kept_at", Float, nullable=False),
)

playbook_runs = Table(
    "playbook_runs",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("device_id", Id, ForeignKey("devices.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("playbook", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("parent_case", Id),  # the case whose step asked for it
    Column("parent_seq", Integer),
    Column("state", Text, nullable=False),  # held | queued | running | ended
    Column("case_id", Id, index=True),
    Column("outcome", Text, nullable=False, server_default=""),
    Column("requested_at", Float, nullable=False),
)

Index("ix_playbook_runs_parent", playbook_runs.c.parent_case, playbook_runs.c.parent_seq)
Index(
    "ix_playbook_runs_queued",
    playbook_runs.c.device_id,
    sqlite_where=text("state = 'queued'"),
    postgresql_where=text("state = 'queued'"),
)
