"""Allow and block lists: which devices are let in without being known, and which are not for a while.

A block rule wins over an allow rule. An allow rule lets a device in that is not registered, where admission
would have it wait or refuse it; it does not keep others out.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select

from acs.devices.audit import audit
from acs.errors import AcsError
from acs.store import signal
from acs.store.tables import admission_rules as table

__all__ = [
    "AdmissionRule",
    "add_admission_rule",
    "admission_rules",
    "first_rule",
    "remove_admission_rule",
    "rules_version",
]

MAX_RULES = 10_000


@dataclass(frozen=True, slots=True)
class AdmissionRule:
    """One line of the lists; what is empty fits everything, serial numbers from and to included.

    Times are in seconds since the epoch; ``network`` is a CIDR.
    """

    id: int
    verdict: str
    oui: str
    serial_from: str
    serial_to: str
    product_class: str
    network: str
    reason: str
    created_by: str
    created_at: float
    expires_at: float | None

    def fits(self, oui: str, serial: str, product_class: str, address: str, *, now: float) -> bool:
        """Tell whether the rule is about such a device and has not expired."""
        if self.expires_at is not None and self.expires_at <= now:
            return False
        if self.oui and self.oui != oui.upper():
            return False
        if self.product_class and self.product_class != product_class:
            return False
        if self.serial_from and not _between(self.serial_from, serial, self.serial_to or self.serial_from):
            return False
        return not self.network or _inside(address, self.network)

    @property
    def about(self) -> str:
        """What it is about, for people."""
        serials = self.serial_from + (f" to {self.serial_to}" if self.serial_to else "")
        parts = [("OUI", self.oui), ("serial", serials)]
        parts += [("class", self.product_class), ("network", self.network)]
        return ", ".join(f"{name} {value}" for name, value in parts if value)


_DIGITS = re.compile(r"(\d+)", re.ASCII)


def _order(serial: str) -> tuple[tuple[int, int | str], ...]:
    """Order serial numbers as people do: A9 comes before A10."""
    parts = _DIGITS.split(serial[:64])
    return tuple(
        (0, int(part)) if part.isdecimal() and part.isascii() else (1, part) for part in parts if part
    )


def _between(first: str, serial: str, last: str) -> bool:
    return _order(first) <= _order(serial) <= _order(last)


def _inside(address: str, network: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed) in ipaddress.ip_network(network)


def first_rule(
    rules: Iterable[AdmissionRule], oui: str, serial: str, product_class: str, address: str, *, now: float
) -> AdmissionRule | None:
    """Return the rule that decides about a device: a block rule before any allow rule, else the oldest."""
    found = [each for each in rules if each.fits(oui, serial, product_class, address, now=now)]
    return min(found, key=lambda each: (each.verdict != "block", each.id), default=None)


def add_admission_rule(
    conn: Connection,
    verdict: str,
    *,
    oui: str = "",
    serial_from: str = "",
    serial_to: str = "",
    product_class: str = "",
    network: str = "",
    reason: str,
    who: str,
    expires_at: float | None = None,
    now: float,
) -> AdmissionRule:
    """Add a rule and record it. Raises ``AcsError`` for one that fits everything or nothing."""
    if not (oui or serial_from or product_class or network):
        raise AcsError("a rule needs an OUI, serial number, class or network; this one fits everything")
    if oui and not re.fullmatch(r"[0-9A-Fa-f]{6}", oui):
        raise AcsError(f"the OUI {oui!r} is not six hexadecimal digits, for example 0005B9")
    if serial_to and (not serial_from or _order(serial_to) < _order(serial_from)):
        raise AcsError(f"the serial numbers {serial_from!r} to {serial_to!r} are no range")
    if network:
        try:
            network = str(ipaddress.ip_network(network))
        except ValueError as error:
            raise AcsError(f"the network is none: {error}") from error
    if expires_at is not None and expires_at <= now:
        raise AcsError("the rule would have expired already")
    if not reason.strip():
        raise AcsError("a rule needs a reason; see --because")
    if conn.execute(select(func.count()).select_from(table)).scalar_one() >= MAX_RULES:
        raise AcsError(f"there are {MAX_RULES} rules already; remove some")
    values = {
        "verdict": verdict,
        "oui": oui.upper(),
        "serial_from": serial_from,
        "serial_to": serial_to,
        "product_class": product_class,
        "network": network,
        "reason": reason,
        "created_by": who,
        "created_at": now,
        "expires_at": expires_at,
    }
    number = conn.execute(insert(table).values(**values).returning(table.c.id)).scalar_one()
    made = AdmissionRule(id=number, **values)  # type: ignore[arg-type] # the columns are its fields
    audit(conn, who, f"admission {verdict}", made.about, reason, now=now)
    signal(conn, "admission")
    return made


def remove_admission_rule(conn: Connection, rule_id: int, *, who: str, now: float) -> AdmissionRule:
    """Remove a rule and record it; ``AcsError`` when there is none."""
    found = next((each for each in admission_rules(conn) if each.id == rule_id), None)
    if found is None:
        raise AcsError(f"there is no rule {rule_id}; see: acs admission list")
    conn.execute(delete(table).where(table.c.id == rule_id))
    audit(conn, who, f"admission {found.verdict} removed", found.about, found.reason, now=now)
    signal(conn, "admission")
    return found


def admission_rules(conn: Connection) -> Sequence[AdmissionRule]:
    """Return all rules, expired ones too, the oldest first."""
    return [AdmissionRule(**row) for row in conn.execute(select(table).order_by(table.c.id)).mappings()]


def rules_version(conn: Connection) -> tuple[int, int]:
    """Return what is another number whenever a rule was added or removed."""
    row = conn.execute(select(func.count(), func.coalesce(func.max(table.c.id), 0)).select_from(table)).one()
    return int(row[0]), int(row[1])
