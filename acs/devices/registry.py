"""The registry of devices: register, find, admit, authenticate. Who is looking for some: ``search.py``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)

from acs.devices.audit import audit
from acs.devices.identity import REFUSED, Device, device_from_row, device_key
from acs.errors import AcsError
from acs.store.tables import alarms, case_is_open, cases, command_is_open, commands, devices, secret_rotations

__all__ = [
    "Credentials",
    "bind_certificate",
    "block",
    "blocked_at",
    "certificate_holder",
    "credentials_by_username",
    "digest_secret_proved",
    "enrolment_secret",
    "enrolment_secret_proved",
    "find",
    "get",
    "idle",
    "is_blocked",
    "lock",
    "mark_provisioned",
    "mark_reboot_needed",
    "register",
    "require_readmission",
    "set_connection_request_secret",
    "set_digest_secret",
    "set_fault_management",
    "unblock",
]

COLUMNS = tuple(devices.c[name] for name in Device.__dataclass_fields__ if name in devices.c)

OPEN_COMMANDS: ColumnElement[bool] = exists(
    select(commands.c.id).where(commands.c.device_id == devices.c.id, command_is_open)
).label("has_open_commands")

OPEN_CASE: ColumnElement[bool] = exists(
    select(cases.c.id).where(cases.c.device_id == devices.c.id, case_is_open)
).label("has_open_case")
UNTREATED: ColumnElement[bool] = exists(
    select(alarms.c.id).where(
        alarms.c.device_id == devices.c.id, alarms.c.state == "active", alarms.c.case_id.is_(None)
    )
).label("has_untreated_alarms")
LISTED = (*COLUMNS, OPEN_COMMANDS, OPEN_CASE, UNTREATED)
"""The columns of a Device, in their order."""

_BY_KEY = select(*LISTED).where(devices.c.device_key == bindparam("key"))
_LOCK_KEY = select(devices.c.id).where(devices.c.device_key == bindparam("key")).with_for_update()
_BY_ID = select(*COLUMNS, OPEN_COMMANDS).where(devices.c.id == bindparam("id_"))
_LOCK = select(devices.c.id).where(devices.c.id == bindparam("id_")).with_for_update()
_CHANGE = update(devices).where(devices.c.id == bindparam("id_"))
_ADMISSION = select(devices.c.admission).where(devices.c.id == bindparam("id_"))
_IDLE = select(devices.c.session_epoch, devices.c.connection_request_at, OPEN_COMMANDS).where(
    devices.c.id == bindparam("id_")
)
_BY_USERNAME = select(
    devices.c.id,
    devices.c.device_key,
    devices.c.admission,
    devices.c.digest_secret_sealed,
    select(secret_rotations.c.digest_sealed)
    .where(secret_rotations.c.device_id == devices.c.id)
    .scalar_subquery(),
).where(devices.c.digest_username == bindparam("username"))

_RESET = exists(
    select(commands.c.id).where(
        commands.c.device_id == devices.c.id,
        commands.c.method == "FactoryReset",
        commands.c.sent_at >= func.coalesce(devices.c.bootstrapped_at, 0),
        commands.c.fault_code.is_(None),
    )
)
_ENROLMENT = select(devices.c.digest_enrolment_sealed).where(
    devices.c.digest_username == bindparam("username"),
    devices.c.digest_enrolment_sealed.is_not(None),
    _RESET,
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What authentication needs of a device: its sealed Digest secret."""

    device_id: int
    device_key: str
    admission: str
    secret_sealed: bytes | None
    next_sealed: bytes | None = None
    """The secret that the device was told and has not used yet, sealed."""


def find(conn: Connection, key: str, *, lock: bool = False) -> Device | None:
    """Return the device of this key; ``lock`` keeps others from changing it until the transaction ends."""
    if lock and conn.dialect.name != "sqlite":
        # In a statement of its own: one that waited for the lock would see the other tables as they were
        # before it waited, and miss the commands, cases and alarms it waited for.
        conn.execute(_LOCK_KEY, {"key": key})
    row = conn.execute(_BY_KEY, {"key": key}).first()
    return device_from_row(row) if row else None


def get(conn: Connection, device_id: int) -> Device:
    """Return the device of this id; ``AcsError`` when there is none."""
    row = conn.execute(_BY_ID, {"id_": device_id}).first()
    if row is None:
        raise AcsError(f"there is no device with id {device_id}")
    return device_from_row(row)


def lock(conn: Connection, device_id: int) -> None:
    """Keep other transactions from changing the device until this one ends; lock it before its case."""
    if conn.dialect.name != "sqlite":  # there is one writer anyway
        conn.execute(_LOCK, {"id_": device_id})


def idle(conn: Connection, device_id: int, epoch: int) -> bool:
    """Tell whether session ``epoch`` is the device's newest and nothing waits for the device."""
    row = conn.execute(_IDLE, {"id_": device_id}).first()
    return row is not None and row[0] == epoch and row[1] is None and not row[2]


def register(
    conn: Connection,
    oui: str,
    serial_number: str,
    *,
    product_class: str = "",
    certificate_name: str | None = None,
    digest_username: str | None = None,
    digest_secret_sealed: bytes | None = None,
    now: float,
) -> Device:
    """Add a device to the registry, or return the one that is there.

    Raises ``AcsError`` for an OUI that is not six hexadecimal digits or an empty serial number.
    """
    if len(oui) != 6 or any(c not in "0123456789abcdefABCDEF" for c in oui):
        raise AcsError(f"the OUI {oui!r} is not six hexadecimal digits, for example 0005B9")
    if not serial_number or len(serial_number) > 64:
        raise AcsError(f"the serial number has {len(serial_number)} characters; 1 to 64 are allowed")
    key = device_key(oui, serial_number)
    found = find(conn, key)
    if found is not None:
        return found
    conn.execute(
        insert(devices).values(
            device_key=key,
            oui=oui.upper(),
            product_class=product_class,
            serial_number=serial_number,
            certificate_name=certificate_name,
            digest_username=digest_username,
            digest_secret_sealed=digest_secret_sealed,
            created_at=now,
        )
    )
    made = find(conn, key)
    assert made is not None
    return made


def certificate_holder(conn: Connection, name: str) -> str | None:
    """Return the key of the device that is bound to the certificate name ``name``."""
    query = select(devices.c.device_key).where(devices.c.certificate_name == name)
    key: str | None = conn.execute(query).scalar()
    return key


def bind_certificate(conn: Connection, device_id: int, name: str) -> None:
    """Bind the device to the SAN dNSName ``name`` of its certificate."""
    conn.execute(update(devices).where(devices.c.id == device_id).values(certificate_name=name))


def set_digest_secret(
    conn: Connection, device_id: int, username: str, secret_sealed: bytes, *, once: bool = False
) -> None:
    """Set the credentials with which the device answers the ACS's challenge.

    Those that a rotation made for it are good no longer. ``once``: they are for its enrolment, and rotated at
    first contact.
    """
    rotation = secret_rotations.c.device_id == device_id
    conn.execute(update(secret_rotations).where(rotation).values(digest_sealed=None, digest_wire=None))
    conn.execute(
        delete(secret_rotations).where(rotation, secret_rotations.c.connection_request_wire.is_(None))
    )
    conn.execute(
        update(devices)
        .where(devices.c.id == device_id)
        .values(
            digest_username=username,
            digest_secret_sealed=secret_sealed,
            digest_enrolment_sealed=None,
            secrets_once=once,
        )
    )


def set_connection_request_secret(
    conn: Connection, device_id: int, username: str, secret_sealed: bytes | None
) -> None:
    """Set the credentials with which the ACS answers the device's challenge (TR-069 3.2.2).

    Without a secret they are those that the ACS gives devices. That the device refused others is of no
    interest any more.
    """
    refused = devices.c.connection_request_result.endswith("unauthorized")
    conn.execute(
        update(devices)
        .where(devices.c.id == device_id)
        .values(
            connection_request_username=username,
            connection_request_secret_sealed=secret_sealed,
            connection_request_error=case((refused, ""), else_=devices.c.connection_request_error),
        )
    )


def digest_secret_proved(conn: Connection, device_id: int) -> None:
    """Note that the device has used the secret that it was told last: the old one is no good any more."""
    rotation = secret_rotations.c.device_id == device_id
    sealed = conn.execute(select(secret_rotations.c.digest_sealed).where(rotation)).scalar()
    if sealed is None:
        return
    first = func.coalesce(devices.c.digest_enrolment_sealed, devices.c.digest_secret_sealed)
    values = {"digest_secret_sealed": sealed, "digest_enrolment_sealed": first}
    conn.execute(update(devices).where(devices.c.id == device_id).values(**values))
    done = update(secret_rotations).where(rotation)
    conn.execute(done.values(digest_sealed=None))  # the request that tells it may be sent again
    conn.execute(
        delete(secret_rotations).where(rotation, secret_rotations.c.connection_request_wire.is_(None))
    )


def credentials_by_username(conn: Connection, username: str) -> Credentials | None:
    """Return what authentication needs, by the Digest user name."""
    row = conn.execute(_BY_USERNAME, {"username": username}).first()
    return Credentials(*row) if row else None


def enrolment_secret(conn: Connection, username: str) -> bytes | None:
    """Return the sealed secret that a device had before the first rotation, if it may have it again.

    That is so from a FactoryReset that the ACS sent until the device comes with 0 BOOTSTRAP.
    """
    return conn.execute(_ENROLMENT, {"username": username}).scalar()


def enrolment_secret_proved(conn: Connection, device_id: int) -> None:
    """Note that a device came back from its factory reset with the secret it was enrolled with.

    That is its secret again, for this contact: another is made as at its enrolment.
    """
    mine = devices.c.id == device_id
    row = conn.execute(select(devices.c.digest_username, devices.c.digest_enrolment_sealed).where(mine)).one()
    if row.digest_enrolment_sealed is not None:
        set_digest_secret(conn, device_id, row.digest_username, row.digest_enrolment_sealed, once=True)


def _set_admission(
    conn: Connection, device_id: int, admission: str, reason: str, *, who: str, now: float
) -> Device:
    values: dict[str, Any] = {
        "admission": admission,
        "admission_reason": reason,
        "admission_changed_at": now,
    }
    conn.execute(update(devices).where(devices.c.id == device_id).values(**values))
    device = get(conn, device_id)
    audit(conn, who, f"device {admission}", device.device_key, reason, now=now)
    return device


def block(conn: Connection, device_id: int, reason: str, *, who: str, now: float) -> Device:
    """Put the device on the HeMS's black list: its sessions are refused from now on (S1 L9, L92)."""
    return _set_admission(conn, device_id, "blocked", reason, who=who, now=now)


def is_blocked(conn: Connection, device_id: int) -> bool:
    """Tell whether the HeMS refuses this device, as ``Device.blocked`` does, by the newest that is stored."""
    return conn.execute(_ADMISSION, {"id_": device_id}).scalar() in REFUSED


def blocked_at(conn: Connection, device_id: int) -> float:
    """Return when the device was put on the black list, or was admitted otherwise."""
    query = select(devices.c.admission_changed_at).where(devices.c.id == device_id)
    return conn.execute(query).scalar() or 0.0


def unblock(conn: Connection, device_id: int, reason: str, *, who: str, now: float) -> Device:
    """Take the device off the black list."""
    return _set_admission(conn, device_id, "allowed", reason, who=who, now=now)


def require_readmission(conn: Connection, device_id: int, kind: str, *, now: float) -> None:
    """Note what a device that was released has to go through: reset or test; empty: nothing any more."""
    values = {"readmission": kind, "released_at": now if kind else devices.c.released_at}
    conn.execute(update(devices).where(devices.c.id == device_id).values(values))


def set_fault_management(conn: Connection, device_id: int, path: str) -> None:
    """Note where the device's FaultMgmt object is."""
    conn.execute(_CHANGE, {"id_": device_id, "fault_management": path})


def mark_reboot_needed(conn: Connection, device_id: int, parameter_key: str, *, now: float) -> None:
    """Note that the device committed changes which it has not applied (Status 1, TR-069 A.3.2.1).

    The first time counts until the next boot, and the ParameterKey of the last change.
    """
    since = func.coalesce(devices.c.reboot_needed_at, now)
    values = {"reboot_needed_at": since, "reboot_needed_for": parameter_key}
    conn.execute(update(devices).where(devices.c.id == device_id).values(**values))


def mark_provisioned(conn: Connection, device_id: int, software_version: str) -> None:
    """Note that the device was provisioned under this SoftwareVersion; empty: it has to be done again."""
    conn.execute(_CHANGE, {"id_": device_id, "provisioned_for": software_version})
