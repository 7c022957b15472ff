"""Tables of bulk data and performance measurements: a compact time series for each device.

One row is one report: the names of its parameters are interned as a *layout*, shared by all reports (and
devices) that have the same ones, and the row holds the values alone.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from acs.store.tables.base import Id, metadata

__all__ = ["bulk_layouts", "bulk_profiles", "bulk_reports", "bulk_usage"]

bulk_layouts = Table(
    "bulk_layouts",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("digest", LargeBinary, nullable=False, unique=True),  # SHA-256 of the names and types
    Column("names", LargeBinary, nullable=False),  # packed: [[name, …], [type, …]]
    Column("introduced_by", Id, nullable=False, index=True),  # the device that sent it first
    Column("created_at", Float, nullable=False),
)

bulk_reports = Table(
    "bulk_reports",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("device_id", Id, ForeignKey("devices.id", ondelete="CASCADE"), nullable=False),
    Column("source", Text, nullable=False),  # the profile of the URL, or "pm:<measInfoId>"
    Column("collected_at", Float, nullable=False),
    Column("layout_id", Id, ForeignKey("bulk_layouts.id"), nullable=False, index=True),
    Column("received_at", Float, nullable=False, index=True),
    Column("timed", Boolean, nullable=False),  # false: collected_at is when it was received
    Column("period", Float, nullable=False),  # seconds over which it was measured; 0: momentary
    Column("size", Integer, nullable=False),  # bytes that it counts for
    Column("body", LargeBinary, nullable=False),  # packed: [[value, …], [position of a suspect one, …]]
    # A report that is sent again is the same one.
    UniqueConstraint("device_id", "source", "collected_at", "layout_id", "period"),
)

Index("ix_bulk_reports_device_id_collected_at", bulk_reports.c.device_id, bulk_reports.c.collected_at)

bulk_usage = Table(
    "bulk_usage",
    metadata,
    Column("device_id", Id, ForeignKey("devices.id", ondelete="CASCADE"), primary_key=True),
    Column("reports", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("last_report_at", Float, nullable=False),
)

bulk_profiles = Table(
    "bulk_profiles",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("device_id", Id, ForeignKey("devices.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),  # also the last part of the URL it reports to
    Column("settings", Text, nullable=False),  # JSON
    Column("state", Text, nullable=False),  # configuring | active | removing | failed
    Column("instance", Integer),  # Device.BulkData.Profile.<instance>.
    Column("rows", Text, nullable=False, server_default="[]"),  # JSON: instances of its Parameter table
    Column("generation", Integer, nullable=False, server_default="1"),  # counts configurations anew
    Column("error", Text, nullable=False, server_default=""),
    Column("changed_at", Float, nullable=False),
    UniqueConstraint("device_id", "name"),
)
