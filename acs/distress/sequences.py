"""Sequence numbers of protected triggers: each is stored before it is used, so that none is used twice."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from acs import devices as dev
from acs.store.tables import distress_sequences

__all__ = ["reserve_number"]


def reserve_number(conn: Connection, device_id: int, *, now: float) -> int:
    """Return a number that is larger than every one before, for one message to a device (RFC 8613 7.2.1).

    It is to be used after the commit. It is never below the seconds since the epoch: with a database that was
    restored from a backup the numbers go on above those that were used since.
    """
    dev.lock(conn, device_id)
    mine = distress_sequences.c.device_id == device_id
    last = conn.execute(select(distress_sequences.c.number).where(mine)).scalar()
    number = int(now) if last is None else max(int(last) + 1, int(now))
    if last is None:
        conn.execute(insert(distress_sequences).values(device_id=device_id, number=number))
    else:
        conn.execute(update(distress_sequences).where(mine).values(number=number))
    return number
