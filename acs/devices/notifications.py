"""Values that a device told outside of a session: lightweight notifications (TR-069 Annex M)."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from sqlalchemy import Connection, select, update

from acs.cwmp import messages as m
from acs.cwmp.lightweight import Notification
from acs.devices.check_in import note_addresses, save_parameters
from acs.devices.registry import lock
from acs.store.tables import devices, parameters

__all__ = ["WINDOW", "apply_notification"]

WINDOW = 300.0
"""Seconds by which a notification's time stamp may differ from the ACS's clock."""
_MOST_A_SECOND = 16


def apply_notification(
    conn: Connection, device_id: int, notification: Notification, *, now: float
) -> dict[str, str] | None:
    """Store the values of a notification whose signature was verified; return those that changed.

    None: it was told before, or its time stamp is outside of ``WINDOW`` or older than one that was believed;
    then nothing is stored. Rows of FaultMgmt are no parameters of the device; they are left out.
    """
    if abs(now - notification.ts) > WINDOW:
        return None
    lock(conn, device_id)
    query = select(devices.c.notified_ts, devices.c.notified_cnonces, devices.c.admission)
    ts, cnonces, admission = conn.execute(query.where(devices.c.id == device_id)).one()
    seen = cnonces.split() if ts == notification.ts else []
    cnonce = hashlib.blake2b(
        notification.cnonce.encode("utf-8", "surrogateescape"), digest_size=8
    ).hexdigest()
    old = ts is not None and notification.ts < ts
    if old or cnonce in seen or len(seen) >= _MOST_A_SECOND or admission != "allowed":
        return None
    fresh = {"notified_ts": notification.ts, "notified_cnonces": " ".join([*seen, cnonce])}
    conn.execute(update(devices).where(devices.c.id == device_id).values(**fresh))
    values = [each for each in notification.parameters if ".FaultMgmt." not in each.name]
    changed = save_parameters(conn, device_id, _typed(conn, device_id, values), now=now)
    note_addresses(conn, device_id, values)
    return changed


def _typed(conn: Connection, device_id: int, values: list[m.ParameterValue]) -> list[m.ParameterValue]:
    """Give values without a type the one that is stored."""
    names = [each.name for each in values if not each.type]
    query = select(parameters.c.name, parameters.c.type).where(
        parameters.c.device_id == device_id, parameters.c.name.in_(names)
    )
    known = {row.name: row.type for row in conn.execute(query)} if names else {}
    return [each if each.type else replace(each, type=known.get(each.name, "xsd:string")) for each in values]
