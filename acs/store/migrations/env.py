"""Alembic's entry: it runs the migrations on the connection that it is given."""

from __future__ import annotations

from alembic import context

from acs.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=metadata, render_as_batch=True, transactional_ddl=True
)
context.run_migrations()
