"""One parameter of a data model and the rules for its value (TR-106 3.2 and its data types). Pure."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from ipaddress import ip_address, ip_network

from acs.datamodel.patterns import compiled

__all__ = ["Bound", "ParameterSpec", "Problem"]

Bound = int | Decimal | None
"""One end of a range; None is open."""

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
_SAMPLES = (
    *("0" * length for length in range(1, 65)),
    "1.0",
    "2.0",
    "0/0",
    "00:00",
    "A",
    "00:00:00:00:00:00",
)
"""Texts that the patterns of standard models accept."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a value is refused: the CPE's fault code (TR-069 A.5.1) and a sentence."""

    fault_code: int
    text: str


@dataclass(frozen=True, slots=True)
class ParameterSpec:
    """A parameter: its ``{i}`` path, type, access (``R``, ``W``, ``O`` write once), and limits.

    ``fixed`` are those of ``values`` that only the device itself takes on. ``ranges`` are inclusive, a bound
    of None is open, and ``steps`` says what each of them counts by (0: everything in it).
    ``maximum_length`` counts characters, of a list those of the whole list; ``maximum_item_length`` those of
    one item. Of hexBinary and base64 the length is in octets, before encoding (TR-106). ``lengths`` are the
    allowed lengths of the value or of an item where a maximum does not say it all; ``items`` how many items
    a list may have. A value or an item has to match one of ``patterns`` (XML Schema). ``attributes`` is what
    ``acs.datamodel.about`` reads.
    """

    path: str
    type: str
    access: str
    values: tuple[str, ...] = ()
    ranges: tuple[tuple[Bound, Bound], ...] = ()
    maximum_length: int | None = None
    maximum_item_length: int | None = None
    fixed: tuple[str, ...] = ()
    steps: tuple[int, ...] = ()
    lengths: tuple[tuple[int, int | None], ...] = ()
    items: tuple[int, int | None] | None = None
    patterns: tuple[str, ...] = ()
    attributes: str = ""

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
        """A value that the rules accept, as near to nothing as they allow."""
        if self.is_list and (self.items is None or not self.items[0]):
            return ""
        kind = self.item_type
        if kind == "dateTime":
            return "0001-01-01T00:00:00Z"
        if kind == "boolean":
            return "0"
        if kind in _BOUNDS or kind == "decimal":
            item = str(self._nearest_to_zero())
        elif self.values:
            item = "" if self._accepts_empty else self.values[0]
        else:
            low = min((low for low, _ in self.lengths), default=0) or int(self.is_list)
            candidates = ("0" * low, *(each for each in _SAMPLES if len(each) >= low))
            item = next((each for each in candidates if self._check_item(each, None) is None), "")
        return ",".join([item] * self.items[0]) if self.is_list and self.items else item

    @property
    def _accepts_empty(self) -> bool:
        return not self.values or _EMPTY in self.values

    def _nearest_to_zero(self) -> int:
        if not self.ranges or any(_within(0, each) for each in self.ranges):
            return 0
        bounds = [int(bound) for each in self.ranges for bound in each if bound is not None]
        return min(bounds, key=abs)

    def check(self, value: str) -> Problem | None:
        """Return why ``value`` (raw text) is no value of this parameter (9007), None when it is one."""
        if not self.is_list:
            return self._check_item(value, self.maximum_length)
        if self.maximum_length is not None and len(value) > self.maximum_length:
            return _too_long(len(value), "characters", self.maximum_length)
        items = value.split(",") if value.strip() else []
        if self.items is not None and not _within(len(items), self.items):
            return Problem(9007, f"{len(items)} items; {_words(self.items)} are allowed")
        found = (self._check_item(item.strip(), self.maximum_item_length) for item in items)
        return next((problem for problem in found if problem is not None), None)

    def _check_item(self, item: str, limit: int | None) -> Problem | None:
        kind = self.item_type
        if kind in _BOUNDS:
            return self._check_integer(item.strip(), kind)
        if kind == "decimal":
            return self._check_decimal(item.strip())
        if kind in ("hexBinary", "base64Binary"):
            return self._check_octets(item, kind, limit)
        if kind == "string":
            return self._check_text(item, limit)
        accepts, example = _SIMPLE[kind]
        return None if accepts(item.strip()) else Problem(9007, f"{item[:40]!r} is no {kind}; {example} is")

    def _check_text(self, item: str, limit: int | None) -> Problem | None:
        if limit is None and self.base_type == "Alias":
            limit = _ALIAS_LENGTH
        if limit is not None and len(item) > limit:
            return _too_long(len(item), "characters", limit)
        if self.values:
            return self._check_enumeration(item)
        problem = self._check_length(len(item), "characters") if self.lengths else None
        if problem is None and self.patterns:
            problem = self._check_pattern(item)
        elif problem is None and item and not _has_format(item, self.base_type):
            problem = Problem(9007, f"{item[:40]!r} is no {self.base_type}")
        return problem

    def _check_enumeration(self, item: str) -> Problem | None:
        if item == "" and _EMPTY in self.values:
            return None
        if item not in self.values or item == _EMPTY:
            return Problem(9007, f"{item[:40]!r} is none of {', '.join(self.values[:12])}")
        return None

    def check_set(self, value: str) -> Problem | None:
        """Return why ``value`` can't be set: it is none (9007), or only the device itself takes it on."""
        problem = self.check(value)
        if problem is None and self.fixed:
            items = [each.strip() for each in value.split(",")] if self.is_list else [value]
            told = next((each for each in items if each in self.fixed), None)
            if told is not None:
                others = ", ".join(each for each in self.values if each not in self.fixed)
                return Problem(9007, f"{told[:40]!r} is told by the device, never set; {others} can be")
        return problem

    def _check_length(self, length: int, unit: str) -> Problem | None:
        if any(_within(length, each) for each in self.lengths):
            return None
        allowed = " or ".join(_words(each) for each in self.lengths[:6])
        return Problem(9007, f"{length} {unit}; {allowed} are allowed")

    def _check_pattern(self, item: str) -> Problem | None:
        rules = [compiled(each) for each in self.patterns]
        if any(rule is None or rule.fullmatch(item) for rule in rules):
            return None
        known = " or ".join(each for each in self.patterns[:4] if each)
        return Problem(9007, f"{item[:40]!r} does not match the pattern {known[:160]}")

    def _check_octets(self, text: str, kind: str, limit: int | None) -> Problem | None:
        octets = _octets(text, kind)
        if octets is None:
            return Problem(9007, f"{text[:40]!r} is no {kind}")
        if limit is not None and octets > limit:
            return _too_long(octets, "octets", limit)
        return self._check_length(octets, "octets") if self.lengths else None

    def _check_integer(self, item: str, kind: str) -> Problem | None:
        if not _INTEGER.match(item):
            return Problem(9007, f"{item[:40]!r} is no {kind}")
        number = int(item)
        if not _within(number, _BOUNDS[kind]):
            return Problem(9007, f"{number} is out of the range of {kind}")
        return self._check_ranges(number)

    def _check_decimal(self, item: str) -> Problem | None:
        if not _DECIMAL.match(item):
            return Problem(9007, f"{item[:40]!r} is no decimal; 0.5 is")
        return self._check_ranges(Decimal(item))

    def _check_ranges(self, number: int | Decimal) -> Problem | None:
        inside = [index for index, each in enumerate(self.ranges) if _within(number, each)]
        if self.ranges and not inside:
            allowed = ", ".join(
                f"{'' if low is None else low}..{'' if high is None else high}"
                for low, high in self.ranges[:6]
            )
            return Problem(9007, f"{number} is outside of {allowed}")
        if self.steps and inside and not any(self._on_step(number, index) for index in inside):
            low, step = self.ranges[inside[0]][0] or 0, self.steps[inside[0]]
            return Problem(9007, f"{number} is off the steps of {step} from {low}")
        return None

    def _on_step(self, number: int | Decimal, index: int) -> bool:
        step = self.steps[index]
        return not step or (number - (self.ranges[index][0] or 0)) % step == 0


def _within(number: int | Decimal, bounds: tuple[Bound, Bound]) -> bool:
    low, high = bounds
    return (low is None or number >= low) and (high is None or number <= high)


def _too_long(length: int, unit: str, limit: int) -> Problem:
    return Problem(9007, f"{length} {unit}; at most {limit} are allowed")


def _words(bounds: tuple[int, int | None]) -> str:
    low, high = bounds
    if high is None:
        return f"at least {low}"
    return str(low) if low == high else f"{low} to {high}" if low else f"at most {high}"


def _octets(text: str, kind: str) -> int | None:
    """Return how many octets ``text`` encodes, None when it encodes none at all."""
    if kind == "hexBinary":
        return len(text) // 2 if _HEX.match(text) else None
    try:
        return len(b64decode("".join(text.split()), validate=True))
    except (binascii.Error, ValueError):
        return None


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
