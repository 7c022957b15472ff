"""Tables of declared state: layers, their history, tags, sites, secrets, what was written and asked for."""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, LargeBinary, Table, Text

from acs.store.tables.base import Id, metadata

__all__ = [
    "config_requests",
    "config_secrets",
    "config_writes",
    "device_tags",
    "layer_history",
    "layers",
    "site_values",
]

layers = Table(
    "config_layers",
    metadata,
    Column("scope", Text, primary_key=True),  # "*", "class:…", "group:…", "site:…", "device:<device_key>"
    Column("body", Text, nullable=False),  # JSON of a Layer
    Column("version", Integer, nullable=False),
    Column("changed_at", Float, nullable=False),
    Column("changed_by", Text, nullable=False),
)

layer_history = Table(
    "config_layer_history",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("scope", Text, nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("changed_at", Float, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("why", Text, nullable=False, server_default=""),
)

device_tags = Table(
    "device_tags",
    metadata,
    Column("device_id", Id, ForeignKey("devices.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", Text, primary_key=True),  # "group" | "site"
    Column("name", Text, primary_key=True),
    Index("ix_device_tags_kind_name", "kind", "name"),
)

site_values = Table(
    "site_values",
    metadata,
    Column("site", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

config_secrets = Table(
    "config_secrets",
    metadata,
    Column("name", Text, primary_key=True),
    Column("secret_sealed", LargeBinary, nullable=False),
    Column("version", Integer, nullable=False),
    Column("changed_at", Float, nullable=False),
)

config_writes = Table(
    "config_writes",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("device_id", Id, ForeignKey("devices.id", ondelete="CASCADE"), nullable=False),
    Column("path", Text, nullable=False),
    Column("value", Text, nullable=False),  # of a secret its name and version
    Column("was", Text),  # what the device had before, as far as that was known
    Column("source", Text, nullable=False),
    Column("case_id", Id, nullable=False),
    Column("at", Float, nullable=False),
    Index("ix_config_writes_device_at", "device_id", "at"),
)

config_requests = Table(
    "config_requests",
    metadata,
    Column("device_id", Id, ForeignKey("devices.id", ondelete="CASCADE"), primary_key=True),
    Column("who", Text, nullable=False),
    Column("because", Text, nullable=False),
    Column("at", Float, nullable=False),
)
