"""The distress channels of a device: alternative paths between HeNB and HeMS, in order (S1 L54-L60)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec

from sqlalchemy import Connection, delete, func, insert, select

from acs import devices as dev
from acs.devices import Device
from acs.errors import AcsError
from acs.store.tables import distress_paths

__all__ = ["KINDS", "METHODS", "Path", "add_path", "parse_template", "paths_of", "remove_path"]

KINDS = ("IPsec2", "Internet", "AirInterface")
"""A second IPsec connection, Internet without one, the HeNB as a UE (S1 L56-L60)."""
METHODS = ("UDP", "COAP", "XMPP")
_MOST = 8  # paths of one device
_UDP = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):[0-9]{1,5}")
_XMPP = re.compile(r"[^\s/@]{1,200}@[A-Za-z0-9.-]{1,253}(?:/\S{1,200})?")


@dataclass(frozen=True, slots=True)
class Path:
    """One path. ``address`` is where its trigger goes: ``host:port`` for UDP and COAP, else a Jabber ID."""

    kind: str
    address: str
    method: str = "UDP"
    position: int = 0


def check_path(path: Path, where: str = "") -> None:
    """Raise ``AcsError`` for a path that can't be used; ``where`` says where it stands."""
    if path.kind not in KINDS:
        raise AcsError(f"{where}the kind of path {path.kind!r} is unknown; known are {', '.join(KINDS)}")
    if path.method not in METHODS:
        raise AcsError(
            f"{where}the trigger method {path.method!r} is unknown; known are {', '.join(METHODS)}"
        )
    if path.method == "COAP" and find_spec("aiocoap") is None:
        raise AcsError(
            f"{where}the trigger method COAP needs an extra; install it with: pip install 'femto-acs[coap]'"
        )
    datagram = path.method != "XMPP"
    form = _UDP if datagram else _XMPP
    port = path.address.rpartition(":")[2]
    if not form.fullmatch(path.address) or (datagram and not 0 < int(port) < 65536):
        wanted = "host:port" if datagram else "a Jabber ID"
        raise AcsError(f"{where}the address {path.address!r} can't be used; {path.method} needs {wanted}")


def parse_template(lines: Iterable[str]) -> tuple[Path, ...]:
    """Read the setting ``distress_paths``: ``KIND METHOD ADDRESS`` each. Raises ``AcsError``."""
    found = []
    for number, line in enumerate(lines, 1):
        words = line.split()
        where = f"the setting distress_paths: {line!r}: "
        if len(words) != 3:
            example = "Internet UDP {serial}.example:7550"
            raise AcsError(f"{where}it is KIND METHOD ADDRESS, for example: {example}")
        path = Path(words[0], words[2], words[1], number)
        check_path(_filled(path, "0005B9", "1"), where)
        found.append(path)
    return tuple(found)


def _filled(path: Path, oui: str, serial: str) -> Path:
    address = path.address.replace("{oui}", oui).replace("{serial}", serial)
    return Path(path.kind, address, path.method, path.position)


def paths_of(conn: Connection, device: Device, template: Iterable[Path] = ()) -> list[Path]:
    """Return the device's paths in order: its own, or else those of the template that fit its identity."""
    query = select(distress_paths).where(distress_paths.c.device_id == device.id)
    rows = conn.execute(query.order_by(distress_paths.c.position))
    own = [Path(row.kind, row.address, row.method, row.position) for row in rows]
    return own or [each for path in template if (each := _usable(path, device)) is not None]


def _usable(path: Path, device: Device) -> Path | None:
    """Return a path of the template for this device; None where its serial number makes no address."""
    filled = _filled(path, device.oui.lower(), device.serial_number)
    try:
        check_path(filled)
    except AcsError:
        return None
    return filled


def add_path(conn: Connection, device: Device, path: Path, *, who: str, now: float) -> Path:
    """Append a path to those of a device. Raises ``AcsError`` for one that can't be used."""
    check_path(path)
    dev.lock(conn, device.id)
    mine = distress_paths.c.device_id == device.id
    count, last = conn.execute(
        select(func.count(), func.coalesce(func.max(distress_paths.c.position), 0)).where(mine)
    ).one()
    if count >= _MOST:
        raise AcsError(f"{device.device_key} has {count} distress paths, which is the most; remove one first")
    added = Path(path.kind, path.address, path.method, int(last) + 1)
    conn.execute(
        insert(distress_paths).values(
            device_id=device.id,
            position=added.position,
            kind=added.kind,
            method=added.method,
            address=added.address,
        )
    )
    what = f"{added.position}: {added.kind} {added.method} {added.address}"
    dev.audit(conn, who, "distress path added", device.device_key, what, now=now)
    return added


def remove_path(conn: Connection, device: Device, position: int, *, who: str, now: float) -> None:
    """Remove a path. Raises ``AcsError`` when there is none at ``position``."""
    gone = delete(distress_paths).where(
        distress_paths.c.device_id == device.id, distress_paths.c.position == position
    )
    if conn.execute(gone).rowcount == 0:
        raise AcsError(
            f"{device.device_key} has no distress path {position}; see: acs distress paths list"
            f" {device.device_key}"
        )
    dev.audit(conn, who, "distress path removed", device.device_key, str(position), now=now)
