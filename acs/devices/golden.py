"""The golden configuration: what a device's parameters should be, by scope."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, delete, insert, select

from acs.cwmp import messages as m
from acs.devices.identity import Device
from acs.store.tables import golden_parameters as table

__all__ = ["golden", "golden_scopes", "set_golden"]


def _scopes(device: Device) -> tuple[str, ...]:
    """Return the scopes that concern a device, the general before the particular."""
    return ("*", f"class:{device.product_class}", f"device:{device.device_key}")


def golden(conn: Connection, device: Device) -> dict[str, m.ParameterValue]:
    """Return the golden configuration of a device: its own values over its class's over everyone's."""
    scopes = _scopes(device)
    rows = conn.execute(select(table).where(table.c.scope.in_(scopes))).all()
    merged: dict[str, m.ParameterValue] = {}
    for scope in scopes:
        for row in rows:
            if row.scope == scope:
                merged[row.name] = m.ParameterValue(row.name, row.value, row.type)
    return dict(sorted(merged.items()))


def set_golden(conn: Connection, scope: str, values: Iterable[m.ParameterValue]) -> int:
    """Replace the golden configuration of ``scope``; return the number of parameters."""
    rows = [{"scope": scope, "name": each.name, "value": each.value, "type": each.type} for each in values]
    conn.execute(delete(table).where(table.c.scope == scope))
    if rows:
        conn.execute(insert(table), rows)
    return len(rows)


def golden_scopes(conn: Connection) -> dict[str, int]:
    """Return the scopes that have a golden configuration and how many parameters each has."""
    counts: dict[str, int] = {}
    for row in conn.execute(select(table.c.scope).order_by(table.c.scope)):
        counts[row.scope] = counts.get(row.scope, 0) + 1
    return counts
