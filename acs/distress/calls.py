"""Calls in vain: where connection requests fail, the distress channels call instead (S1 L62)."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select

from acs import devices as dev
from acs.distress.channel import STANDARD
from acs.distress.paths import Path, paths_of
from acs.distress.triggers import request_trigger
from acs.store.tables import case_is_open, cases

__all__ = ["CALLS_IN_VAIN", "call_in_vain"]

CALLS_IN_VAIN = 3
"""So many connection requests without a session are followed by a trigger."""


def call_in_vain(
    conn: Connection, device_id: int, attempts: int, template: Iterable[Path], *, hourly: int, now: float
) -> bool:
    """Note the ``attempts``-th connection request in a row without a session; tell whether a trigger follows.

    One follows every ``CALLS_IN_VAIN``, over one path of the device after the other. A device with an open
    case is left to that case, which triggers by itself; one that came over a distress channel the last time
    knows that the standard path does not work, and comes by itself.
    """
    round_number, rest = divmod(attempts, CALLS_IN_VAIN)
    if rest or not round_number:
        return False
    device = dev.get(conn, device_id)
    open_case = select(cases.c.id).where(cases.c.device_id == device_id, case_is_open)
    if device.blocked or device.channel != STANDARD or conn.execute(open_case).first() is not None:
        return False
    paths = paths_of(conn, device, template)
    if not paths:
        return False
    path = paths[(round_number - 1) % len(paths)]
    return request_trigger(conn, device, path, case_id=None, hourly=hourly, now=now) is not None
