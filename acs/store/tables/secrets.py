"""Tables of secrets of devices that are being rotated."""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, LargeBinary, Table, Text

from acs.store.tables.base import Id, metadata

__all__ = ["secret_rotations"]

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
