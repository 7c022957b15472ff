"""One parameter of a data model and the rules for its value (TR-106 3.2 and its data types). Pure."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address, ip_network

__all__ = ["ParameterSpec", "Problem"]

_XSD = {
    "boolean": "boolean",
    "dateTime": "dateTime",
    "int": "int",
    "unsignedInt": "unsignedInt",
    "long": "long",
    "unsignedLong": "unsignedLong",
    "decimal": "decimal",
    "StatsCounter32": "unsignedInt",
    "StatsCounter64": "unsignedLong",
    "Order": "unsignedInt",
    "hexBinary": "hexBinary",
    "base64": "base64Binary",
}
_BOUNDS = {
    "int": (-(2**31), 2**31 - 1),
    "unsignedInt": (0, 2**32 - 1),
    "long": (-(2**63), 2**63 - 1),
    "unsignedLong": (0, 2**64 - 1),
}
_BOOLEANS = frozenset({"0", "1", "true", "false"})
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?\Z", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,20}\Z", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})\Z", re.ASCII)
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})*\Z")
_MAC = re.compile(r"(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}\Z")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\Z")
_EMPTY = "<empty>"
_ALIAS_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a value is refused: the CPE's fault code (TR-069 A.5.1) and a sentence."""

    fault_code: int
    text: str


@dataclass(frozen=True, slots=True)
class ParameterSpec:
    """A parameter: its ``{i}`` path, type, access (``R``, ``W``, ``O`` write once), and limits.

    ``ranges`` are inclusive; a bound of None is open. ``maximum_length`` counts characters, of a list
    those of the whole list; ``maximum_item_length`` those of one item. Of hexBinary and base64 the
    length is in octets, before encoding (TR-106).
    """

    path: str
    type: str
    access: str
    values: tuple[str, ...] = ()
    ranges: tuple[tuple[int | None, int | None], ...] = ()
    maximum_length: int | None = None
    maximum_item_length: int | None = None

    @property
    def writable(self) -> bool:
        """Whether SetParameterValues may set it."""
        return self.access != "R"

    @property
    def is_list(self) -> bool:
        """Whether the value is a comma-separated list of items."""
        return self.type.startswith("list ")

    @property
    def base_type(self) -> str:
        """The data type of the value or of one item of a list (TR-106), for example ``IPAddress``."""
        return self.type.rpartition(" ")[2]

    @property
    def item_type(self) -> str:
        """The XML Schema type of the value, or of one item of a list, for example ``unsignedInt``."""
        return _XSD.get(self.base_type, "string")

    @property
    def xsd_type(self) -> str:
        """The type as it is declared on the wire, for example ``xsd:unsignedInt``."""
        return "xsd:string" if self.is_list else f"xsd:{self.item_type}"

    def accepts_type(self, kind: str) -> bool:
        """Return whether ``kind``, with any prefix, is the type to declare for this parameter."""
        name = kind.rpartition(":")[2]
        return f"xsd:{'base64Binary' if name == 'base64' else name}" == self.xsd_type

    @property
    def default(self) -> str:
        """A value that the rules accept."""
        if self.is_list:
            return ""
        kind = self.item_type
        if kind == "dateTime":
            return "0001-01-01T00:00:00Z"
        if kind in ("boolean", "decimal"):
            return "0"
        if kind in _BOUNDS:
            return str(self._nearest_to_zero())
        return "" if self._accepts_empty else self.values[0]

    @property
    def _accepts_empty(self) -> bool:
        return not self.values or _EMPTY in self.values

    def _nearest_to_zero(self) -> int:
        if not self.ranges or any(_within(0, each) for each in self.ranges):
            return 0
        bounds = [bound for each in self.ranges for bound in each if bound is not None]
        return min(bounds, key=abs)

    def check(self, value: str) -> Problem | None:
        """Return why ``value`` (raw text) is no value of this parameter (9007), None when it is one."""
        if not self.is_list:
            return self._check_item(value, self.maximum_length)
        if self.maximum_length is not None and len(value) > self.maximum_length:
            return _too_long(len(value), "characters", self.maximum_length)
        if not value:
            return None
        found = (self._check_item(item.strip(), self.maximum_item_length) for item in value.split(","))
        return next((problem for problem in found if problem is not None), None)

    def _check_item(self, item: str, limit: int | None) -> Problem | None:
        kind = self.item_type
        if kind in _BOUNDS:
            return self._check_integer(item.strip(), kind)
        if kind in ("hexBinary", "base64Binary"):
            return _check_octets(item, kind, limit)
        if kind == "string":
            return self._check_text(item, limit)
        accepts, example = _SIMPLE[kind]
        return None if accepts(item.strip()) else Problem(9007, f"{item[:40]!r} is no {kind}; {example} is")

    def _check_text(self, item: str, limit: int | None) -> Problem | None:
        if limit is None and self.base_type == "Alias":
            limit = _ALIAS_LENGTH
        if limit is not None and len(item) > limit:
            return _too_long(len(item), "characters", limit)
        if item == "" and self._accepts_empty:
            return None
        if self.values and (item not in self.values or item == _EMPTY):
            return Problem(9007, f"{item[:40]!r} is none of {', '.join(self.values[:12])}")
        if not _has_format(item, self.base_type):
            return Problem(9007, f"{item[:40]!r} is no {self.base_type}")
        return None

    def _check_integer(self, item: str, kind: str) -> Problem | None:
        if not _INTEGER.match(item):
            return Problem(9007, f"{item[:40]!r} is no {kind}")
        number = int(item)
        if not _within(number, _BOUNDS[kind]):
            return Problem(9007, f"{number} is out of the range of {kind}")
        if self.ranges and not any(_within(number, each) for each in self.ranges):
            allowed = ", ".join(
                f"{'' if low is None else low}..{'' if high is None else high}"
                for low, high in self.ranges[:6]
            )
            return Problem(9007, f"{number} is outside of {allowed}")
        return None


def _within(number: int, bounds: tuple[int | None, int | None]) -> bool:
    low, high = bounds
    return (low is None or number >= low) and (high is None or number <= high)


def _too_long(length: int, unit: str, limit: int) -> Problem:
    return Problem(9007, f"{length} {unit}; at most {limit} are allowed")


def _check_octets(text: str, kind: str, limit: int | None) -> Problem | None:
    if kind == "hexBinary":
        octets = len(text) // 2 if _HEX.match(text) else None
    else:
        try:
            octets = len(b64decode("".join(text.split()), validate=True))
        except (binascii.Error, ValueError):
            octets = None
    if octets is None:
        return Problem(9007, f"{text[:40]!r} is no {kind}")
    return None if limit is None or octets <= limit else _too_long(octets, "octets", limit)


def _is_time(text: str) -> bool:
    if not _TIME.match(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


_SIMPLE: dict[str, tuple[Callable[[str], bool], str]] = {
    "boolean": (_BOOLEANS.__contains__, "0 or 1"),
    "dateTime": (_is_time, "2026-01-31T10:00:00Z"),
    "decimal": (lambda text: _DECIMAL.match(text) is not None, "0.5"),
}


def _has_format(text: str, kind: str) -> bool:
    """Return whether ``text`` has the form of a string type of TR-106; other types have none."""
    if kind == "MACAddress":
        return _MAC.match(text) is not None
    if kind == "UUID":
        return _UUID.match(text) is not None
    if not kind.startswith("IP"):
        return True
    try:
        if kind.endswith("Prefix"):
            address, _, length = text.partition("/")
            version = ip_network(f"{address}/{int(length)}", strict=False).version
        else:
            version = ip_address(text).version
    except ValueError:
        return False
    return not kind.startswith("IPv") or kind.startswith(f"IPv{version}")
