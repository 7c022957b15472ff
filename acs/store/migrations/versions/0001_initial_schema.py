"""initial schema

Not released yet: it makes whatever the tables say. With the first release it is written out.
"""

from __future__ import annotations

from alembic import op

from acs.store.tables import metadata

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    metadata.create_all(op.get_bind())


def downgrade() -> None:
    metadata.drop_all(op.get_bind())
