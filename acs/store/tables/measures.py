"""Tables of the higher level measures: which systems carry them out, and what each is still to be told."""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, LargeBinary, Table, Text

from acs.store.tables.base import Id, metadata

__all__ = ["measure_targets", "measures"]

measure_targets = Table(
    "measure_targets",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False, unique=True),
    Column("system", Text, nullable=False),  # SEGW | GATEWAY | SUBSCRIBER | OTHER
    Column("url", Text, nullable=False),
    Column("secret_sealed", LargeBinary, nullable=False),  # signs what is sent; bound to the URL
    Column("bearer_sealed", LargeBinary),  # the token that the system wants
    Column("client_sealed", LargeBinary),  # PEM: our key and certificate for it
    Column("ca", Text, nullable=False, server_default=""),  # PEM; empty: the CAs of the system
    Column("created_at", Float, nullable=False),
    # who sends, until when: a POST leaves the transaction, so a row lock can't be the claim
    Column("served_by", Text, nullable=False, server_default=""),
    Column("served_until", Float),
    # how it goes
    Column("failures", Integer, nullable=False, server_default="0"),  # in a row
    Column("retry_at", Float),
    Column("last_error", Text, nullable=False, server_default=""),
)

measures = Table(
    "measures",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("device_id", Id, ForeignKey("devices.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("target_id", Id, ForeignKey("measure_targets.id", ondelete="CASCADE"), nullable=False),
    Column("measure", Text, nullable=False),
    Column("action", Text, nullable=False),  # apply | undo
    Column("state", Text, nullable=False),  # waiting | done | dead
    Column("case_id", Id, index=True),  # that asked for it; none: a person did
    Column("who", Text, nullable=False),
    Column("because", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due_at", Float),  # not before then, and nothing later of its device either
    Column("error", Text, nullable=False, server_default=""),
    Column("created_at", Float, nullable=False),
    Column("settled_at", Float),
    Index("ix_measures_line", "target_id", "state", "device_id", "id"),
)
