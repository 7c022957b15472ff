"""The golden configuration: the declared state of a device as plain values, and layers of plain values."""

from __future__ import annotations

import time
from collections.abc import Iterable

from sqlalchemy import Connection

from acs.cwmp import messages as m
from acs.declared import layer_of_values
from acs.devices.declared_state import declared
from acs.devices.identity import Device
from acs.devices.layers import layers, set_layer

__all__ = ["golden", "golden_scopes", "set_golden"]


def golden(conn: Connection, device: Device) -> dict[str, m.ParameterValue]:
    """Return what each parameter of a device should be, by path; without secrets and tables."""
    return {
        each.path: m.ParameterValue(each.path, each.value, each.type)
        for each in declared(conn, device).wanted.values
        if not each.secret
    }


def set_golden(
    conn: Connection,
    scope: str,
    values: Iterable[m.ParameterValue],
    *,
    who: str = "acs",
    now: float | None = None,
) -> int:
    """Declare plain values for ``scope`` in place of what was declared there; return their number."""
    layer = layer_of_values(values)
    set_layer(conn, scope, layer, who=who, now=time.time() if now is None else now)
    return layer.size


def golden_scopes(conn: Connection) -> dict[str, int]:
    """Return the scopes for which something is declared and how many values and rows each has."""
    return {each.scope: each.layer.size for each in layers(conn)}
