"""Which devices of the registry somebody wants to see: what can be asked for, all of it decided in SQL."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, and_, exists, false, func, or_, select, true

from acs.devices.identity import Device, device_from_row
from acs.devices.registry import LISTED, OPEN_CASE, OPEN_COMMANDS, UNTREATED
from acs.errors import AcsError
from acs.store.tables import alarms, device_tags, devices

__all__ = ["ADMISSIONS", "CONDITIONS", "COUNTED_BY", "DeviceFilter", "count", "count_by", "listing"]

ADMISSIONS = ("allowed", "expected", "pending", "blocked")
"""The states of admission."""

_ACTIVE_ALARM = exists(
    select(alarms.c.id).where(alarms.c.device_id == devices.c.id, alarms.c.state == "active")
)
CONDITIONS: dict[str, ColumnElement[bool]] = {
    "alarm": _ACTIVE_ALARM,
    "untreated-alarm": UNTREATED,
    "case": OPEN_CASE,
    "command": OPEN_COMMANDS,
    "unreachable": devices.c.connection_request_error != "",
    "reboot-needed": devices.c.reboot_needed_at.is_not(None),
    "distress": devices.c.channel == "distress",
    "certificate": devices.c.certificate_name.is_not(None),
    "password": devices.c.digest_secret_sealed.is_not(None),
    "contact": devices.c.last_inform_at.is_not(None),
}
"""What a device may have or not have: an active alarm, an alarm no case was opened for, an open case, an
open command, a connection request that failed since its last session, changes that wait for a reboot, a
last session over a distress channel, a certificate or a password of its own, any contact so far."""

COUNTED_BY = ("admission", "oui", "product_class", "software_version", "hardware_version", "group", "site")
"""What devices can be counted by."""

_TEXTS = tuple(
    devices.c[name]
    for name in (
        *("device_key", "serial_number", "manufacturer", "product_class", "software_version"),
        *("hardware_version", "certificate_name", "connection_request_url", "udp_binding"),
    )
)


@dataclass(frozen=True, slots=True)
class DeviceFilter:
    """What devices have to fit, all of it together; what is empty or None asks for nothing.

    ``oui``, ``product_class``, ``software_version``, ``group`` and ``site`` are exact, or patterns in which
    ``*`` stands for any characters and case does not matter. ``not_software_version`` is what SoftwareVersion
    must not fit. ``containing`` is looked for in all that a device is called or reached by, and in its groups
    and site, whatever the case. ``silent_since``: it was in contact and its last Inform is older.
    ``seen_since``: its last Inform is not. ``having`` and ``lacking`` name ``CONDITIONS``.
    """

    admission: tuple[str, ...] = ()
    oui: str = ""
    product_class: str = ""
    software_version: str = ""
    not_software_version: str = ""
    group: str = ""
    site: str = ""
    containing: str = ""
    silent_since: float | None = None
    seen_since: float | None = None
    certificate_ends_before: float | None = None
    having: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()

    def clause(self) -> ColumnElement[bool]:
        """Return the condition. Raises ``AcsError`` for a state or a condition that there is none of."""
        _check(self.admission, ADMISSIONS, "state of admission")
        _check((*self.having, *self.lacking), CONDITIONS, "condition")
        parts: list[ColumnElement[bool]] = []
        if self.admission:
            parts.append(devices.c.admission.in_(self.admission))
        if self.oui:
            parts.append(_fits(devices.c.oui, self.oui.upper()))
        if self.product_class:
            parts.append(_fits(devices.c.product_class, self.product_class))
        if self.software_version:
            parts.append(_fits(devices.c.software_version, self.software_version))
        if self.not_software_version:
            parts.append(~_fits(devices.c.software_version, self.not_software_version))
        parts += [_tagged(kind, name) for kind, name in (("group", self.group), ("site", self.site)) if name]
        if self.containing:
            parts.append(_contains(self.containing))
        if self.silent_since is not None:
            parts.append(devices.c.last_inform_at < self.silent_since)
        if self.seen_since is not None:
            parts.append(devices.c.last_inform_at >= self.seen_since)
        if self.certificate_ends_before is not None:
            parts.append(devices.c.certificate_not_after < self.certificate_ends_before)
        parts += [CONDITIONS[name] for name in self.having]
        parts += [~CONDITIONS[name] for name in self.lacking]
        return and_(true(), *parts)


_ALL = DeviceFilter()


def _check(given: Iterable[str], known: Iterable[str], what: str) -> None:
    for each in given:
        if each not in known:
            raise AcsError(f"{each[:80]!r} is no {what}; there are {', '.join(known)}")


def _like(text: str) -> str:
    """Return a pattern of LIKE in which only ``*`` has a meaning."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "%")


def _fits(column: Any, wanted: str) -> ColumnElement[bool]:
    if "*" not in wanted:
        return column == wanted  # type: ignore[no-any-return]
    return column.ilike(_like(wanted), escape="\\")  # type: ignore[no-any-return]


def _tagged(kind: str, name: str) -> ColumnElement[bool]:
    mine = (device_tags.c.device_id == devices.c.id, device_tags.c.kind == kind)
    return exists(select(device_tags.c.name).where(*mine, _fits(device_tags.c.name, name)))


def _contains(text: str) -> ColumnElement[bool]:
    pattern = f"%{_like(text)}%"
    mine = (device_tags.c.device_id == devices.c.id, device_tags.c.name.ilike(pattern, escape="\\"))
    found = [column.ilike(pattern, escape="\\") for column in _TEXTS]
    return or_(false(), *found, exists(select(device_tags.c.name).where(*mine)))


def listing(
    conn: Connection, wanted: DeviceFilter = _ALL, *, limit: int = 100, after: str = ""
) -> list[Device]:
    """Return up to ``limit`` devices in order of their key, beginning after ``after``."""
    query = select(*LISTED).where(devices.c.device_key > after, wanted.clause())
    query = query.order_by(devices.c.device_key).limit(limit)
    return [device_from_row(row) for row in conn.execute(query)]


def count(conn: Connection, wanted: DeviceFilter = _ALL) -> int:
    """Return how many devices there are that fit."""
    return int(conn.execute(select(func.count()).select_from(devices).where(wanted.clause())).scalar_one())


def count_by(conn: Connection, what: str, wanted: DeviceFilter = _ALL) -> list[tuple[str, int]]:
    """Return how many devices that fit have which value of ``what``, of ``COUNTED_BY``, the most first.

    A device in several groups counts in each; one that has none counts under the empty name.
    """
    _check([what], COUNTED_BY, "thing to count devices by")
    if what in ("group", "site"):
        mine = and_(device_tags.c.device_id == devices.c.id, device_tags.c.kind == what)
        source: FromClause = devices.outerjoin(device_tags, mine)
        value: ColumnElement[str] = func.coalesce(device_tags.c.name, "")
    else:
        source, value = devices, devices.c[what]
    query = select(value, func.count()).select_from(source).where(wanted.clause()).group_by(value)
    found = [(str(name), int(number)) for name, number in conn.execute(query)]
    return sorted(found, key=lambda each: (-each[1], each[0]))
