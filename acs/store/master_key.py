"""Under which master key the secrets of a database are sealed: a node with another must not write there."""

from __future__ import annotations

import hmac

from sqlalchemy import Connection, insert, select

from acs.errors import AcsError
from acs.store.tables import master_key

__all__ = ["confirm_master_key"]


def confirm_master_key(conn: Connection, check: bytes) -> None:
    """Keep what the first node here says of its master key, and hold every other to it.

    ``check`` tells one key from another and tells nothing of it. Raises ``AcsError``: with another key a node
    could open no secret, and what it sealed would be lost for the others.
    """
    kept = conn.execute(select(master_key.c.check)).scalar()
    if kept is None:
        conn.execute(insert(master_key).values(id=1, check=check))
    elif not hmac.compare_digest(kept, check):
        raise AcsError(
            "the master key is another than the one under which the secrets of this database are sealed; copy"
            " master.key into the data directory from another node, or from the backup (where it is lost, see"
            " docs/operating.md)"
        )
