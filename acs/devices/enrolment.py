"""Enrolment: devices that are expected, devices that wait for approval, and lists of them.

expected → allowed (at first contact) | pending → allowed (approved) | blocked
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

from sqlalchemy import Connection, func, select, update

from acs.devices.audit import audit
from acs.devices.identity import Device, device_key
from acs.devices.registry import find, get, register
from acs.devices.tags import set_site
from acs.errors import AcsError
from acs.store.tables import devices

__all__ = ["Expected", "approve", "enrol", "enrolled", "note_pending", "read_expected"]

MAX_PENDING = 10_000
"""The most devices that may wait for approval; further ones are only in the list of refused ones."""
_COLUMNS = ("oui", "serial_number", "product_class", "site")


@dataclass(frozen=True, slots=True)
class Expected:
    """A line of a delivery list."""

    oui: str
    serial_number: str
    product_class: str = ""
    site: str = ""

    @property
    def key(self) -> str:
        """The key that the device will have."""
        return device_key(self.oui, self.serial_number)


def read_expected(text: str, name: str) -> list[Expected]:
    """Read a CSV with a header of ``oui``, ``serial_number`` and perhaps ``product_class`` and ``site``.

    Raises ``AcsError`` naming the line: nothing of a list with a mistake in it is used.
    """
    rows = csv.DictReader(io.StringIO(text.lstrip("\ufeff")))
    header = [(each or "").strip().lower() for each in rows.fieldnames or ()]
    unknown = [each for each in header if each not in _COLUMNS]
    if unknown or not {"oui", "serial_number"} <= set(header):
        raise AcsError(
            f"{name}: the first line has to name the columns oui, serial_number and perhaps product_class"
            f" and site; it names {', '.join(header) or 'nothing'}"
        )
    rows.fieldnames = header
    found: dict[str, Expected] = {}
    for number, row in enumerate(rows, start=2):
        values = {column: (row.get(column) or "").strip() for column in _COLUMNS}
        if None in row:
            raise AcsError(f"{name}, line {number}: it has more columns than the first line")
        if len(values["oui"]) != 6 or any(c not in "0123456789abcdefABCDEF" for c in values["oui"]):
            raise AcsError(f"{name}, line {number}: the OUI {values['oui']!r} is not six hexadecimal digits")
        if not 0 < len(values["serial_number"]) <= 64:
            raise AcsError(f"{name}, line {number}: a serial number of 1 to 64 characters is needed")
        if max(len(values["product_class"]), len(values["site"])) > 64:
            raise AcsError(f"{name}, line {number}: ProductClass and site have 64 characters at most")
        expected = Expected(**values)
        if expected.key in found:
            raise AcsError(f"{name}, line {number}: {expected.key} stands in the list twice")
        found[expected.key] = expected
    return list(found.values())


def enrol(conn: Connection, expected: Expected, *, who: str, now: float) -> bool:
    """Expect a device; tell whether it was unknown or waited. One that is known keeps its admission."""
    before = find(conn, expected.key)
    device = before or register(
        conn, expected.oui, expected.serial_number, product_class=expected.product_class, now=now
    )
    if expected.site:
        set_site(conn, device.id, expected.site)
    fresh = before is None or before.admission == "pending"
    if fresh:
        _set(conn, device, "expected", "", now=now)
        audit(conn, who, "device expected", device.device_key, expected.site, now=now)
    return fresh


def enrolled(conn: Connection, device: Device, how: str, *, now: float) -> Device:
    """Note that an expected device has come."""
    _set(conn, device, "allowed", "", now=now)
    audit(conn, "admission", "device enrolled", device.device_key, how, now=now)
    return _again(conn, device)


def note_pending(conn: Connection, expected: Expected, address: str, *, now: float) -> bool:
    """Have a device that nobody expected wait for approval; False where too many wait already."""
    if find(conn, expected.key) is not None:
        return True
    waiting = select(func.count()).select_from(devices).where(devices.c.admission == "pending")
    if conn.execute(waiting).scalar_one() >= MAX_PENDING:
        return False
    try:
        device = register(
            conn, expected.oui, expected.serial_number, product_class=expected.product_class, now=now
        )
    except AcsError:
        return False
    _set(conn, device, "pending", f"first seen at {address}", now=now)
    audit(conn, "admission", "device waits for approval", device.device_key, f"at {address}", now=now)
    return True


def approve(conn: Connection, device_id: int, reason: str, *, who: str, now: float) -> Device:
    """Let a device in that waited for approval; ``AcsError`` for one that does not wait."""
    device = get(conn, device_id)
    if device.admission != "pending":
        raise AcsError(f"{device.device_key} does not wait for approval; it is {device.admission}")
    _set(conn, device, "allowed", reason, now=now)
    audit(conn, who, "device approved", device.device_key, reason, now=now)
    return _again(conn, device)


def _again(conn: Connection, device: Device) -> Device:
    found = find(conn, device.device_key)
    assert found is not None
    return found


def _set(conn: Connection, device: Device, admission: str, reason: str, *, now: float) -> None:
    values = {"admission": admission, "admission_reason": reason, "admission_changed_at": now}
    conn.execute(update(devices).where(devices.c.id == device.id).values(**values))
