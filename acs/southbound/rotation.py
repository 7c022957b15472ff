"""New secrets for a device, set by the ACS: safe wherever it is interrupted.

The new ones are sealed in the store before the device is told them, and the command that tells it holds
placeholders. With its password a device proves itself: the old and the new are accepted until it has used the
new one. The password of connection requests is ours to use: it is taken up when the device has answered the
RPC. A rotation that is asked for again before that goes on with the same secrets, so that nothing the device
may have been told is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, insert, or_, select, update

from acs import commands as cm
from acs import devices as dev
from acs.commands import Command
from acs.cwmp import messages as m
from acs.devices import Device
from acs.errors import AcsError
from acs.security import Secrets, new_password
from acs.southbound.authentication import seal_device_password
from acs.southbound.connection_requests.dispatcher import USERNAME, seal_call_password
from acs.southbound.placeholders import seal_config_secret
from acs.store.tables import command_is_open, commands, devices
from acs.store.tables import secret_rotations as table

__all__ = ["PURPOSE", "due_for_rotation", "next_secrets", "rotate_secrets", "rotations_settled"]

PURPOSE = "secret-rotation"
_LENGTH = 32  # characters; TR-181 allows 256
_NEXT_PASSWORD, _NEXT_CALL = "/next/password", "/next/connection-request"


def rotate_secrets(conn: Connection, device: Device, secrets: Secrets, *, who: str, now: float) -> Command:
    """Make new secrets for a device and queue the command that sets them; return it.

    The device's own password is rotated where it has one. Raises ``AcsError`` for a device that has never
    been in contact: where its ManagementServer object is, is not known.
    """
    if not device.root:
        raise AcsError(f"{device.device_key} has not been in contact yet; its secrets are set when it comes")
    dev.lock(conn, device.id)
    pending = conn.execute(select(table).where(table.c.device_id == device.id)).first()
    names = conn.execute(
        select(devices.c.digest_username, devices.c.digest_secret_sealed).where(devices.c.id == device.id)
    ).one()
    own = names.digest_secret_sealed is not None and names.digest_username
    if pending is None or pending.connection_request_wire is None:
        password, call = new_password(_LENGTH), new_password(_LENGTH)
        key = f"rotate-{device.id}-{round(now * 1000) % 10**12}"
        unproved = pending.digest_sealed if pending is not None else None
        # A password the device was told and has not used yet stays the next one, as old as it is.
        values: dict[str, Any] = {
            "command_key": key,
            "connection_request_sealed": seal_call_password(secrets, call),
            "connection_request_wire": seal_config_secret(secrets, _NEXT_CALL, call),
        }
        if unproved is None:
            values["started_at"] = now
        if own and unproved is None:
            values["digest_sealed"] = seal_device_password(secrets, password)
            values["digest_wire"] = seal_config_secret(secrets, _NEXT_PASSWORD, password)
        if pending is None:
            conn.execute(insert(table).values(device_id=device.id, **values))
        else:
            conn.execute(update(table).where(table.c.device_id == device.id).values(**values))
    else:
        open_ = select(commands.c.id).where(commands.c.command_key == pending.command_key, command_is_open)
        waiting = conn.execute(open_).scalar()
        if waiting is not None:
            found_command = cm.find_command(conn, waiting)
            assert found_command is not None
            return found_command
        key = f"rotate-{device.id}-{round(now * 1000) % 10**12}"
        values = {"command_key": key}
        if own and pending.digest_wire is None:  # it was given another one meanwhile
            password = new_password(_LENGTH)
            values |= {
                "started_at": now,
                "digest_sealed": seal_device_password(secrets, password),
                "digest_wire": seal_config_secret(secrets, _NEXT_PASSWORD, password),
            }
        conn.execute(update(table).where(table.c.device_id == device.id).values(**values))
    base = f"{device.root}ManagementServer."
    found = [
        m.ParameterValue(f"{base}ConnectionRequestUsername", USERNAME),
        m.ParameterValue(f"{base}ConnectionRequestPassword", m.SECRET_PLACEHOLDER + _NEXT_CALL),
    ]
    if own:
        found += [
            m.ParameterValue(f"{base}Username", names.digest_username),
            m.ParameterValue(f"{base}Password", m.SECRET_PLACEHOLDER + _NEXT_PASSWORD),
        ]
    request = m.SetParameterValues(tuple(found), device.parameter_key)
    dev.audit(conn, who, "secrets rotated", device.device_key, key, now=now)
    return cm.enqueue(conn, device.id, request, command_key=key, purpose=PURPOSE, unchecked=True, now=now)


def next_secrets(conn: Connection, device_id: int, names: Iterable[str]) -> dict[str, bytes]:
    """Return the sealed secrets of a rotation that a request has placeholders for, by name.

    Raises ``AcsError`` where the rotation is over.
    """
    wanted = {_NEXT_PASSWORD, _NEXT_CALL} & set(names)
    if not wanted:
        return {}
    row = conn.execute(select(table).where(table.c.device_id == device_id)).first()
    if row is None:
        raise AcsError(f"the rotation of the secrets of device {device_id} is gone; start another")
    found = {_NEXT_PASSWORD: row.digest_wire, _NEXT_CALL: row.connection_request_wire}
    if any(found[name] is None for name in wanted):
        raise AcsError(
            f"device {device_id} was given other secrets meanwhile; see: acs devices rotate-secrets"
        )
    return {name: found[name] for name in wanted}


def rotations_settled(conn: Connection, device: Device, settled: Iterable[Command], *, now: float) -> None:
    """Take up what a device was told, or forget it where the device refused it."""
    for command in settled:
        if command.method != "SetParameterValues":
            continue
        if command.purpose == PURPOSE:
            _rotated(conn, device, command, now=now)
        elif command.succeeded and m.CONNECTION_REQUEST_PASSWORD in command.payload:
            # It was provisioned, after a reset for example: now it has the password it was given at first.
            dev.set_connection_request_secret(conn, device.id, "", None)


def _rotated(conn: Connection, device: Device, command: Command, *, now: float) -> None:
    mine = (table.c.device_id == device.id, table.c.command_key == command.command_key)
    row = conn.execute(select(table).where(*mine)).first()
    if row is None:
        return
    if command.succeeded:
        dev.set_connection_request_secret(conn, device.id, USERNAME, row.connection_request_sealed)
        told = update(devices).where(devices.c.id == device.id)
        conn.execute(told.values(secrets_rotated_at=now, secrets_once=False))
        _rotation_over(conn, device, keep=row.digest_sealed is not None)  # until the device has used it
    elif command.state == "failed" and command.fault_code is not None:
        # It says that it kept what it had; that may be what it was told before, when its answer got lost.
        told_before = command.attempts > 1 or command.created_at > row.started_at
        _rotation_over(conn, device, keep=row.digest_sealed is not None and told_before)
        dev.audit(
            conn, "rotation", "secrets not rotated", device.device_key, command.fault_string[:200], now=now
        )


def _rotation_over(conn: Connection, device: Device, *, keep: bool) -> None:
    """End a rotation; ``keep`` the next password of the device, for when it comes with it."""
    mine = table.c.device_id == device.id
    if not keep:
        conn.execute(delete(table).where(mine))
        return
    done = {"connection_request_sealed": None, "connection_request_wire": None}
    conn.execute(update(table).where(mine).values(**done))


def due_for_rotation(conn: Connection, *, before: float | None, limit: int) -> list[int]:
    """Return the ids of devices whose secrets are older than ``before``, or were for one contact only."""
    old: ColumnElement[bool] = devices.c.secrets_once.is_(True)
    if before is not None:
        age = or_(devices.c.secrets_rotated_at < before, devices.c.secrets_rotated_at.is_(None))
        old = or_(old, age & (devices.c.created_at < before))
    # One whose command was given up or withdrawn goes on with the secrets that it has already.
    under_way = select(commands.c.id).where(commands.c.command_key == table.c.command_key, command_is_open)
    busy = select(table.c.device_id).where(table.c.connection_request_wire.is_not(None), under_way.exists())
    query = select(devices.c.id).where(
        old,
        devices.c.admission == "allowed",
        devices.c.root != "",
        devices.c.id.not_in(busy),
    )
    return list(conn.execute(query.order_by(devices.c.id).limit(limit)).scalars())
