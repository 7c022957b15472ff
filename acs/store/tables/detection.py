"""Tables of detection: what each check came to last, and who else sees a device."""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Table, Text

from acs.store.tables.base import Id, metadata

__all__ = ["detections", "sightings"]

detections = Table(
    "detections",
    metadata,
    Column("device_id", Id, ForeignKey("devices.id", ondelete="CASCADE"), primary_key=True),
    Column("check", Text, primary_key=True),  # C-07
    Column("state", Text, nullable=False),  # ok | found | unknown
    Column("text", Text, nullable=False, server_default=""),
    Column("facts", Text, nullable=False, server_default="{}"),  # JSON
    Column("policy", Text, nullable=False, server_default=""),  # the version whose thresholds were used
    Column("at", Float, nullable=False),  # since when it is so
)

sightings = Table(
    "sightings",
    metadata,
    Column("device_id", Id, ForeignKey("devices.id", ondelete="CASCADE"), primary_key=True),
    Column("source", Text, nullable=False),  # which HeNB-GW or MME
    Column("seen_at", Float, nullable=False, index=True),
)
