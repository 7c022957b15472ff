"""Tables of secrets: those of devices that are being rotated, and the key under which all are sealed."""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, LargeBinary, Table, Text

from acs.store.tables.base import Id, metadata

__all__ = ["master_key", "secret_rotations"]

master_key = Table(
    "master_key",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),  # 1: there is one row
    Column("check", LargeBinary, nullable=False),  # derived from it; the key itself is in no database
)

secret_rotations = Table(
    "secret_rotations",
    metadata,
    Column("device_id", Id, ForeignKey("devices.id", ondelete="CASCADE"), primary_key=True),
    Column("command_key", Text, nullable=False),
    # each twice: as it will be kept, and as it is put into the message
    Column("digest_sealed", LargeBinary),  # until the device has used it
    Column("digest_wire", LargeBinary),
    Column("connection_request_sealed", LargeBinary),  # until the device has answered the RPC
    Column("connection_request_wire", LargeBinary),
    Column("started_at", Float, nullable=False),
)
