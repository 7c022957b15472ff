"""What this HeMS did to a device itself: Downloads, settings, keys; by the command queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, select

from acs import files as fl
from acs.detection.memory import Memory
from acs.detection.software import Loads
from acs.devices import Device
from acs.store.tables import commands

__all__ = ["keys_of", "loads_of", "reset_of_ours", "set_by_us", "setters_of"]

_LOADS = ("Download", "ScheduleDownload", "ChangeDUState")
_SETS = ("SetParameterValues", "AddObject", "DeleteObject")
_DONE = ("sent", "accepted", "succeeded")
_RECENT = 200  # commands that are looked at
_DONE_LATELY = (
    select(commands.c.state, commands.c.payload)
    .where(
        commands.c.device_id == bindparam("device"),
        commands.c.method.in_(bindparam("methods", expanding=True)),
        commands.c.state.in_(_DONE),
    )
    .order_by(commands.c.id.desc())
    .limit(_RECENT)
)


def loads_of(conn: Connection, device: Device, memory: Memory) -> Loads:
    """Return what explains the software that the device runs."""
    since = memory.odd_at if memory.odd_version == device.software_version else memory.version_at
    query = select(commands.c.state).where(
        commands.c.device_id == device.id,
        commands.c.method.in_(_LOADS),
        commands.c.state.in_(_DONE),
        commands.c.sent_at >= since,
    )
    states = list(conn.execute(query.limit(_RECENT)).scalars())
    images = [
        each
        for each in fl.list_files(conn)
        if each.file_type == fl.FIRMWARE
        and each.version == device.software_version
        and each.product_class in ("*", device.product_class)
        and each.oui in ("*", device.oui)
        and each.hardware in ("*", device.hardware_version)
    ]
    return Loads(
        sent=bool(states),
        succeeded="succeeded" in states,
        approved=any(each.state == "approved" for each in images),
        revoked=any(each.state == "revoked" for each in images),
    )


def _recent(conn: Connection, device_id: int, methods: tuple[str, ...]) -> list[tuple[str, dict[str, Any]]]:
    rows = conn.execute(_DONE_LATELY, {"device": device_id, "methods": methods})
    return [(row.state, msgspec.json.decode(row.payload)) for row in rows]


def keys_of(conn: Connection, device_id: int) -> list[str]:
    """Return the ParameterKeys that the device may have by our requests.

    That of the last request that succeeded, and of those sent whose answer was not seen.
    """
    found: list[str] = []
    for state, payload in _recent(conn, device_id, _SETS):
        found.append(str(payload.get("parameter_key", "")))
        if state == "succeeded":
            break
    return found


def set_by_us(conn: Connection, device_id: int, values: Mapping[str, str]) -> set[str]:
    """Return those parameters that a request of ours gave just this value."""
    found: set[str] = set()
    for _, payload in _recent(conn, device_id, ("SetParameterValues",)):
        for each in payload.get("parameters", ()):
            name = str(each["name"])
            if values.get(name) == each["value"]:
                found.add(name)
    return found


def setters_of(
    conn: Connection, device_id: int, values: Mapping[str, str], *, after: Mapping[str, float]
) -> dict[str, str]:
    """Return, by parameter, which command gave it just this value ``after`` a time, for people.

    What a case did is not looked at: it goes by what is declared.
    """
    query = (
        select(commands.c.id, commands.c.purpose, commands.c.sent_at, commands.c.payload)
        .where(
            commands.c.device_id == device_id,
            commands.c.method == "SetParameterValues",
            commands.c.state.in_(_DONE),
            commands.c.case_id.is_(None),
        )
        .order_by(commands.c.id.desc())
        .limit(_RECENT)
    )
    found: dict[str, str] = {}
    for row in conn.execute(query):
        for each in msgspec.json.decode(row.payload).get("parameters", ()):
            name = str(each["name"])
            if values.get(name) == each["value"] and (row.sent_at or 0.0) >= after.get(name, 0.0):
                found.setdefault(name, f"command {row.id} ({row.purpose})")
    return found


def reset_of_ours(conn: Connection, device_id: int, *, since: float) -> bool:
    """Tell whether a FactoryReset of ours went to the device since then."""
    query = select(commands.c.id).where(
        commands.c.device_id == device_id,
        commands.c.method == "FactoryReset",
        commands.c.state.in_(_DONE),
        commands.c.sent_at >= since,
    )
    return conn.execute(query.limit(1)).first() is not None
