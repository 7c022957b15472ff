"""Tables of the northbound interface: who may use it, and how they prove it."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, LargeBinary, Table, Text, false

from acs.store.tables.base import Id, metadata

__all__ = ["api_certificates", "api_tokens", "users"]

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("owner", Text, nullable=False),  # in whose name it acts, for the audit
    Column("purpose", Text, nullable=False, server_default=""),
    Column("digest", LargeBinary, nullable=False, unique=True),  # SHA-256; the token itself is not stored
    Column("scopes", Text, nullable=False),  # JSON
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False, index=True),
    Column("last_used_at", Float),
    Column("revoked_at", Float),
)

users = Table(
    "users",
    metadata,
    Column("name", Text, primary_key=True),
    Column("password_hash", Text, nullable=False),  # argon2id, in its own encoded form
    Column("scopes", Text, nullable=False),  # JSON
    Column("disabled", Boolean, nullable=False, server_default=false()),
    Column("created_at", Float, nullable=False),
    Column("changed_at", Float, nullable=False),
)

api_certificates = Table(
    "api_certificates",
    metadata,
    Column("name", Text, primary_key=True),  # dNSName or URI in the subjectAltName
    Column("owner", Text, nullable=False),
    Column("scopes", Text, nullable=False),  # JSON
    Column("created_at", Float, nullable=False),
)
