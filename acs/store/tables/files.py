"""Tables of the catalogue of files."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, LargeBinary, Table, Text

from acs.store.tables.base import Id, metadata

__all__ = ["files"]

files = Table(
    "files",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False, unique=True),
    Column("file_type", Text, nullable=False),  # "1 Firmware Upgrade Image" or "3 Vendor Configuration File"
    Column("version", Text, nullable=False, server_default=""),
    Column("product_class", Text, nullable=False, server_default="*"),
    Column("oui", Text, nullable=False, server_default="*"),
    Column("hardware", Text, nullable=False, server_default="*"),  # HardwareVersion
    Column("sha256", Text, nullable=False),
    Column("size", BigInteger, nullable=False),  # bytes
    Column("release_notes", Text, nullable=False, server_default=""),
    Column("signature", LargeBinary),  # detached, over the content
    Column("signer", Text, nullable=False, server_default=""),  # SHA-256 of the key that verified it
    Column("added_by", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("approved_by", Text, nullable=False, server_default=""),
    Column("approved_at", Float),
    Column("revoked_by", Text, nullable=False, server_default=""),
    Column("revoked_at", Float),
    Column("revoked_because", Text, nullable=False, server_default=""),
)
