"""Devices that came and were told to come again, since the ACS had no room: they are late by its doing."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, bindparam, func, or_, select, update

from acs.store.tables import devices

__all__ = ["TURNED_AWAY", "call_turned_away", "note_turned_away", "turned_away_at"]

_CHUNK = 400  # names in one IN list
_NAMED = or_(
    devices.c.device_key.in_(bindparam("names", expanding=True)),
    devices.c.certificate_name.in_(bindparam("names", expanding=True)),
)
_NOTE = update(devices).where(_NAMED).values(turned_away_at=bindparam("now"))
TURNED_AWAY = devices.c.turned_away_at > func.coalesce(devices.c.last_inform_at, 0.0)
"""The condition that a device came in vain and has not been here since."""
_CALL = (
    update(devices)
    .where(
        _NAMED,
        TURNED_AWAY,
        devices.c.admission == "allowed",
        or_(
            devices.c.connection_request_url != "",
            devices.c.udp_binding != "",
            devices.c.jabber_id != "",
        ),
    )
    .values(connection_request_at=bindparam("now"), connection_request_attempts=0)
)
_AT = select(devices.c.turned_away_at).where(devices.c.id == bindparam("device"))


def note_turned_away(conn: Connection, names: Collection[str], *, now: float) -> None:
    """Note that devices came in vain; ``names`` are keys of devices, or names in their certificates."""
    wanted = sorted(names)
    for start in range(0, len(wanted), _CHUNK):
        conn.execute(_NOTE, {"names": wanted[start : start + _CHUNK], "now": now})


def call_turned_away(conn: Connection, names: Collection[str], *, now: float) -> None:
    """Make a call due of devices that came in vain, where it is known how to call them (``names`` as above).

    There is room for them now, and their own back-off may be long. Harmless for one that came since.
    """
    conn.execute(_CALL, {"names": sorted(names), "now": now})


def turned_away_at(conn: Connection, device_id: int) -> float | None:
    """Return when a device last came in vain; None: it never did."""
    at: float | None = conn.execute(_AT, {"device": device_id}).scalar()
    return at
