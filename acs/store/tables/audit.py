"""Tables of the audit."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Table, Text

from acs.store.tables.base import Id, metadata

__all__ = ["audit", "audit_checkpoints"]

audit = Table(
    "audit",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("at", Float, nullable=False),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("detail", Text, nullable=False, server_default=""),
    Column("previous_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
)

audit_checkpoints = Table(
    "audit_checkpoints",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("at", Float, nullable=False),
    Column("entry", Id, nullable=False),
    Column("entries", Id, nullable=False),
    Column("hash", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("signature", Text, nullable=False),
)

Index("ix_audit_target_action", audit.c.target, audit.c.action, audit.c.id)
