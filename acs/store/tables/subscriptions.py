"""Tables of the managers that are told (Type 2), and what each still has to be told."""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, LargeBinary, Table, Text

from acs.store.tables.base import Id, metadata

__all__ = ["deliveries", "delivery_groups", "subscriptions"]

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("owner", Text, nullable=False),
    Column("consumer_reference", Text, nullable=False),  # the URL (TS 28.532)
    Column("filter", Text, nullable=False),  # JSON
    Column("grouping", Text, nullable=False, server_default=""),  # JSON; empty: one notification a change
    Column("secret_sealed", LargeBinary, nullable=False),  # signs what is sent; bound to the URL
    Column("bearer_sealed", LargeBinary),  # the token that the manager wants
    Column("ca", Text, nullable=False, server_default=""),  # PEM; empty: the CAs of the system
    Column("created_at", Float, nullable=False),
    # who delivers, until when: a POST leaves the transaction, so a row lock can't be the claim
    Column("served_by", Text, nullable=False, server_default=""),
    Column("served_until", Float),
    # how it goes
    Column("failures", Integer, nullable=False, server_default="0"),  # in a row
    Column("retry_at", Float),
    Column("last_error", Text, nullable=False, server_default=""),
    Column("delivered", Integer, nullable=False, server_default="0"),
    Column("delivered_at", Float),
)

# A row is a notification that a subscription has not been told: what is absent was delivered.
deliveries = Table(
    "deliveries",
    metadata,
    Column("subscription_id", Id, ForeignKey("subscriptions.id", ondelete="CASCADE"), primary_key=True),
    Column("outbox_id", Id, primary_key=True, index=True),
    Column("device_id", Id, nullable=False),  # the line it stands in; 0: of no device
    Column("group_key", Text),  # JSON of labels; NULL: it is told by itself
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due_at", Float),  # not before then, and nothing of its line either
    Column("dead_at", Float),  # when it was given up
    Column("error", Text, nullable=False, server_default=""),
    Index("ix_deliveries_line", "subscription_id", "device_id", "outbox_id"),
)

delivery_groups = Table(  # when the last message of a group went, while that matters
    "delivery_groups",
    metadata,
    Column("subscription_id", Id, ForeignKey("subscriptions.id", ondelete="CASCADE"), primary_key=True),
    Column("group_key", Text, primary_key=True),
    Column("sent_at", Float, nullable=False),
)
