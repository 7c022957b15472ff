"""What an Inform changes in the registry: one read and one small write when nothing is new."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from acs.cwmp import events as ev
from acs.cwmp import messages as m
from acs.devices.identity import Device
from acs.store.tables import devices, parameters

__all__ = [
    "CheckIn",
    "check_in",
    "forget_vanished",
    "note_addresses",
    "parameters_of",
    "save_parameters",
]

_STEADY = (
    update(devices)
    .where(devices.c.id == bindparam("id_"))
    .values(
        session_epoch=bindparam("epoch"),
        last_inform_at=bindparam("now"),
        cwmp_namespace=bindparam("namespace"),
        channel=bindparam("channel"),
        connection_request_at=bindparam("call_at"),
        connection_request_attempts=0,
        connection_request_error="",
    )
)
_CHANGE = update(devices).where(devices.c.id == bindparam("id_"))
_OF_DEVICE = select(parameters.c.name, parameters.c.value, parameters.c.type).where(
    parameters.c.device_id == bindparam("device")
)
BY_NAMES = _OF_DEVICE.where(parameters.c.name.in_(bindparam("names", expanding=True)))
"""Name, value and type of those of a ``device``'s parameters that have one of these ``names``."""
_ALL = _OF_DEVICE.order_by(parameters.c.name)
_BELOW = _ALL.where(parameters.c.name >= bindparam("first"), parameters.c.name < bindparam("end"))
_COUNT = select(func.count()).select_from(parameters).where(parameters.c.device_id == bindparam("device"))
_ADD = insert(parameters)
SESSION_PATIENCE = 60.0  # seconds after which a session with unfinished business is given up
MAX_NAME = 256  # characters of a parameter's name (TR-106 3.1)
MAX_VALUE = 4096  # characters of a value that the registry keeps; the answer to a command has all of them
MAX_PARAMETERS = 20_000  # of one device
MAX_INFORM = 1000  # parameters of one Inform that are kept
_LEAST_DEPTH = 3  # dots of a path whose rows are looked at: the whole tree is not one table
_CHUNK = 400  # names in one IN list: SQLite allows 999 variables and more, PostgreSQL 32,767

# Parameters of the Inform that the registry keeps in columns, by suffix.
_COLUMNS = {
    "DeviceInfo.SoftwareVersion": "software_version",
    "DeviceInfo.HardwareVersion": "hardware_version",
    "ManagementServer.ParameterKey": "parameter_key",
    "ManagementServer.ConnectionRequestURL": "connection_request_url",
    "ManagementServer.UDPConnectionRequestAddress": "udp_connection_request_address",
    "ManagementServer.ConnReqJabberID": "jabber_id",
    "ManagementServer.NATDetected": "nat_detected",
}
_ADDRESSES = ("connection_request_url", "udp_connection_request_address", "jabber_id", "nat_detected")
_ROOTS = ("Device.", "InternetGatewayDevice.")


@dataclass(frozen=True, slots=True)
class CheckIn:
    """What the Inform meant: the device as it is now and what is new about it."""

    device: Device
    epoch: int
    first_contact: bool = False
    bootstrap: bool = False
    boot: bool = False
    version_changed: bool = False
    changed: Mapping[str, str] = field(default_factory=dict)
    added: frozenset[str] = frozenset()
    """Those of ``changed`` that nothing was known of before."""


def _digest(inform: m.Inform) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for value in inform.parameters:
        digest.update(f"{value.name}\0{value.type}\0{value.value}\1".encode("utf-8", "surrogatepass"))
    return digest.digest()


def check_in(
    conn: Connection,
    before: Device,
    inform: m.Inform,
    *,
    namespace: str,
    now: float,
    patience: float = SESSION_PATIENCE,
    channel: str = "standard",
) -> CheckIn:
    """Open a new session of the device and store what its Inform tells.

    ``before`` is the device as ``find(…, lock=True)`` returned it in this transaction. A newer Inform
    raises the session epoch, which ends any session before it. The ParameterList is compared by digest;
    only parameters that differ are written. FaultMgmt event rows are not parameters of the device but
    alarms; they are left to the alarm intake. After ``patience`` seconds a device for which something waits
    is called: its session has died. ``channel`` is what the device came over: standard, distress.
    """
    device_id = before.id
    epoch = before.session_epoch + 1
    # Should this session die, what waits for the device is reason to call it.
    call_at = now + patience if before.has_open_commands else None
    steady: dict[str, Any] = {"id_": device_id, "epoch": epoch, "now": now, "channel": channel}
    steady |= {"namespace": namespace, "call_at": call_at}
    conn.execute(_STEADY, steady)
    digest = _digest(inform)
    bootstrap = ev.has_event(inform.events, ev.BOOTSTRAP)
    boot = bootstrap or ev.has_event(inform.events, ev.BOOT)
    fresh: dict[str, Any] = {"session_epoch": epoch, "last_inform_at": now, "cwmp_namespace": namespace}
    fresh |= {"connection_request_at": call_at, "channel": channel}
    changed: dict[str, str] = {}
    added: set[str] = set()
    update_values: dict[str, Any] = {}
    if digest != before.inform_digest:
        values = [each for each in inform.parameters if ".FaultMgmt." not in each.name]
        changed = save_parameters(conn, device_id, values[:MAX_INFORM], now=now, first_seen=added)
        update_values = {"inform_digest": digest, **_columns(before, inform)}
    if boot:
        update_values["booted_at"] = now
        update_values |= {"reboot_needed_at": None, "reboot_needed_for": ""}
    if bootstrap:
        update_values["bootstrapped_at"] = now
    if update_values:
        conn.execute(_CHANGE, {"id_": device_id, **update_values})
    fresh.update(update_values)
    after = replace(before, **fresh)
    return CheckIn(
        device=after,
        epoch=epoch,
        first_contact=before.last_inform_at is None,
        bootstrap=bootstrap,
        boot=boot,
        version_changed=bool(before.software_version) and before.software_version != after.software_version,
        changed=changed,
        added=frozenset(added),
    )


def _columns(before: Device, inform: m.Inform) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for value in inform.parameters:
        for root in _ROOTS:
            if value.name.startswith(root):
                found["root"] = root
                column = _COLUMNS.get(value.name[len(root) :])
                if column is not None:
                    found[column] = _stored_as(column, value.value)
    device_id = inform.device_id
    if device_id.manufacturer and device_id.manufacturer != before.manufacturer:
        found["manufacturer"] = device_id.manufacturer[:64]
    if device_id.product_class and device_id.product_class != before.product_class:
        found["product_class"] = device_id.product_class[:64]
    return found


def _stored_as(column: str, value: str) -> str | bool:
    return value.strip().lower() in ("1", "true") if column == "nat_detected" else value[:1024]


def note_addresses(conn: Connection, device_id: int, values: Iterable[m.ParameterValue]) -> None:
    """Keep where the device can be called, as it told outside of an Inform."""
    found = {
        column: _stored_as(column, value.value)
        for value in values
        for root in _ROOTS
        if value.name.startswith(root)
        and (column := _COLUMNS.get(value.name[len(root) :])) in _ADDRESSES
        and column is not None
    }
    if found:
        conn.execute(update(devices).where(devices.c.id == device_id).values(**found))


def save_parameters(
    conn: Connection,
    device_id: int,
    values: Iterable[m.ParameterValue],
    *,
    now: float,
    first_seen: set[str] | None = None,
) -> dict[str, str]:
    """Write the values that differ from what is stored; return those, by name.

    The names of which nothing was stored are put into ``first_seen``.

    Names longer than ``MAX_NAME`` and more than ``MAX_PARAMETERS`` are left out, values are cut to
    ``MAX_VALUE``: however much a device tells, what it fills is bounded.
    """
    wanted = {each.name: _storable(each) for each in values if 0 < len(each.name) <= MAX_NAME}
    names = list(wanted)
    room = -1  # not asked for yet
    changed: dict[str, str] = {}
    for start in range(0, len(names), _CHUNK):
        chunk = names[start : start + _CHUNK]
        stored = {
            row.name: (row.value, row.type)
            for row in conn.execute(BY_NAMES, {"device": device_id, "names": chunk})
        }
        fresh = [
            wanted[name] for name in chunk if stored.get(name) != (wanted[name].value, wanted[name].type)
        ]
        if any(each.name not in stored for each in fresh):
            if room < 0:
                room = MAX_PARAMETERS - _stored(conn, device_id)
            added = [each.name for each in fresh if each.name not in stored]
            refused = set(added[max(room, 0) :])
            room -= len(added) - len(refused)
            fresh = [each for each in fresh if each.name not in refused]
        if not fresh:
            continue
        old = [each.name for each in fresh if each.name in stored]
        if old:
            conn.execute(
                delete(parameters).where(parameters.c.device_id == device_id, parameters.c.name.in_(old))
            )
        conn.execute(
            _ADD,
            [
                {
                    "device_id": device_id,
                    "name": each.name,
                    "value": each.value,
                    "type": each.type,
                    "updated_at": now,
                }
                for each in fresh
            ],
        )
        changed.update({each.name: each.value for each in fresh})
        if first_seen is not None:
            first_seen.update(each.name for each in fresh if each.name not in stored)
    return changed


def forget_vanished(
    conn: Connection, device_id: int, asked: Iterable[str], values: Iterable[m.ParameterValue]
) -> set[str]:
    """Forget stored rows of tables below the paths ``asked`` for of which ``values`` tell nothing.

    A row that the device no longer has would else speak for it for ever. Returns the names forgotten. Single
    parameters are kept: some devices leave them out of the answer to a partial path.
    """
    told = [each.name for each in values]
    forgotten: set[str] = set()
    for path in asked:
        if not path.endswith(".") or path.count(".") < _LEAST_DEPTH:
            continue
        there = {row for name in told if name.startswith(path) for row in _rows_of(name, path)}
        stored = parameters_of(conn, device_id, path)
        forgotten |= {name for name in stored if any(row not in there for row in _rows_of(name, path))}
    gone = sorted(forgotten)
    for start in range(0, len(gone), _CHUNK):
        mine = parameters.c.device_id == device_id
        conn.execute(delete(parameters).where(mine, parameters.c.name.in_(gone[start : start + _CHUNK])))
    return forgotten


def _rows_of(name: str, path: str) -> list[str]:
    """Return the rows below ``path`` that a parameter is in, as paths that end with their number."""
    parts = name[len(path) :].split(".")[:-1]
    return [f"{path}{'.'.join(parts[: n + 1])}" for n, part in enumerate(parts) if part.isdecimal()]


def _storable(value: m.ParameterValue) -> m.ParameterValue:
    """Return the value as the registry keeps it; PostgreSQL stores no NUL."""
    if len(value.value) <= MAX_VALUE and len(value.type) <= 64 and "\0" not in value.value:
        return value
    return replace(value, value=value.value[:MAX_VALUE].replace("\0", "\ufffd"), type=value.type[:64])


def _stored(conn: Connection, device_id: int) -> int:
    return int(conn.execute(_COUNT, {"device": device_id}).scalar_one())


def parameters_of(conn: Connection, device_id: int, prefix: str = "") -> dict[str, m.ParameterValue]:
    """Return the stored parameters whose names begin with ``prefix``, by name."""
    below = {"first": prefix, "end": prefix + "\U0010ffff"} if prefix else {}
    rows = conn.execute(_BELOW if prefix else _ALL, {"device": device_id, **below})
    return {row.name: m.ParameterValue(row.name, row.value, row.type) for row in rows}
