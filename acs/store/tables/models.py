"""Tables of data models: those that were imported, and what each device has been found to have."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, ForeignKey, Integer, LargeBinary, Table, Text

from acs.store.tables.base import Id, metadata

__all__ = ["data_models", "discovered", "discoveries"]

data_models = Table(
    "data_models",
    metadata,
    Column("name", Text, primary_key=True),
    Column("document", Text, nullable=False),  # its spec: urn:broadband-forum-org:tr-…
    Column("title", Text, nullable=False),
    Column("root", Text, nullable=False),  # where its objects begin
    Column("source", Text, nullable=False),  # the file it was imported from
    Column("digest", Text, nullable=False),  # SHA-256 of the compact form, hexadecimal
    Column("objects", Integer, nullable=False),
    Column("parameters", Integer, nullable=False),
    Column("profiles", Integer, nullable=False),
    Column("imported_at", Float, nullable=False),
    Column("imported_by", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),  # the compact form, compressed
)

discoveries = Table(
    "discoveries",
    metadata,
    Column("device_id", Id, ForeignKey("devices.id", ondelete="CASCADE"), primary_key=True),
    Column("base", Text, nullable=False),  # the root, or the one object that is asked for
    Column("state", Text, nullable=False),  # running | done | partial
    Column("software_version", Text, nullable=False),  # it was found under
    Column("generation", Integer, nullable=False),  # counts discoveries; older rows are no longer there
    Column("pending", Text, nullable=False),  # JSON: [path, deep] still to be asked for
    Column("failed", Text, nullable=False),  # JSON: path to why it could not be read
    Column("entries", Integer, nullable=False),
    Column("asked", Integer, nullable=False),  # requests so far
    Column("started_at", Float, nullable=False),
    Column("changed_at", Float, nullable=False),
)

discovered = Table(
    "discovered",
    metadata,
    Column("device_id", Id, ForeignKey("devices.id", ondelete="CASCADE"), primary_key=True),
    Column("path", Text, primary_key=True),  # an object ends with a dot
    Column("writable", Boolean, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("seen_at", Float, nullable=False),
)
