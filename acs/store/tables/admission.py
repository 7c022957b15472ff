"""Tables of admission: allow and block lists, and who was refused."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Table, Text

from acs.store.tables.base import Id, metadata

__all__ = ["admission_rules", "refusals"]

admission_rules = Table(
    "admission_rules",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("verdict", Text, nullable=False),  # allow | block
    Column("oui", Text, nullable=False, server_default=""),  # empty: any
    Column("serial_from", Text, nullable=False, server_default=""),
    Column("serial_to", Text, nullable=False, server_default=""),
    Column("product_class", Text, nullable=False, server_default=""),
    Column("network", Text, nullable=False, server_default=""),  # CIDR
    Column("reason", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float),
)

refusals = Table(
    "refusals",
    metadata,
    Column("claimed", Text, primary_key=True),  # device key in the Inform, user name or certificate name
    Column("address", Text, primary_key=True),
    Column("reason", Text, primary_key=True),
    Column("detail", Text, nullable=False),  # of the last time
    Column("count", BigInteger, nullable=False),
    Column("first_at", Float, nullable=False),
    Column("last_at", Float, nullable=False),
)

Index("ix_refusals_last_at", refusals.c.last_at)
