"""One parameter of a data model and the rules for its value (TR-106 3.2). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["ParameterSpec", "Problem"]

_XSD = {
    "boolean": "boolean",
    "dateTime": "dateTime",
    "int": "int",
    "unsignedInt": "unsignedInt",
    "long": "long",
    "unsignedLong": "unsignedLong",
    "StatsCounter32": "unsignedInt",
    "StatsCounter64": "unsignedLong",
    "Order": "unsignedInt",
    "hexBinary": "hexBinary",
    "base64": "base64",
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
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})*\Z")


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a value is refused: the CPE's fault code (TR-069 A.5.1) and a sentence."""

    fault_code: int
    text: str


@dataclass(frozen=True, slots=True)
class ParameterSpec:
    """A parameter: its ``{i}`` path, type, access (``R``, ``W``, ``O`` write once), and limits.

    ``ranges`` are inclusive; a bound of None is open. ``maximum_length`` counts characters.
    """

    path: str
    type: str
    access: str
    values: tuple[str, ...] = ()
    ranges: tuple[tuple[int | None, int | None], ...] = ()
    maximum_length: int | None = None

    @property
    def writable(self) -> bool:
        """Whether SetParameterValues may set it."""
        return self.access != "R"

    @property
    def is_list(self) -> bool:
        """Whether the value is a comma-separated list of items."""
        return self.type.startswith("list ")

    @property
    def item_type(self) -> str:
        """The XML Schema type of the value, or of one item of a list, for example ``unsignedInt``."""
        return _XSD.get(self.type.rpartition(" ")[2], "string")

    @property
    def xsd_type(self) -> str:
        """The type as it is declared on the wire, for example ``xsd:unsignedInt``."""
        return "xsd:string" if self.is_list else f"xsd:{self.item_type}"

    @property
    def default(self) -> str:
        """A value that the rules accept."""
        if self.is_list:
            return ""
        kind = self.item_type
        if kind == "boolean":
            return "0"
        if kind == "dateTime":
            return "0001-01-01T00:00:00Z"
        if kind in _BOUNDS:
            return str(self._nearest_to_zero())
        if self.values and not self._accepts_empty:
            return self.values[0]
        return ""

    @property
    def _accepts_empty(self) -> bool:
        return not self.values or "<empty>" in self.values

    def _nearest_to_zero(self) -> int:
        if not self.ranges or any(_within(0, each) for each in self.ranges):
            return 0
        bounds = [bound for each in self.ranges for bound in each if bound is not None]
        return min(bounds, key=abs)

    def check(self, value: str) -> Problem | None:
        """Return why ``value`` (raw text) is no value of this parameter, None when it is one."""
        if self.maximum_length is not None and len(value) > self.maximum_length:
            text = f"{len(value)} characters; at most {self.maximum_length} are allowed"
            return Problem(9007, text)
        items = value.split(",") if self.is_list else [value]
        if self.is_list and not value:
            return None
        for item in items:
            problem = self._check_item(item.strip() if self.is_list else item)
            if problem is not None:
                return problem
        return None

    def _check_item(self, item: str) -> Problem | None:
        kind = self.item_type
        if kind in _BOUNDS:
            return self._check_integer(item.strip(), kind)
        if kind == "boolean" and item.strip().lower() not in _BOOLEANS:
            return Problem(9007, f"{item[:40]!r} is no boolean; 0 or 1 is")
        if kind == "dateTime" and not _TIME.match(item.strip()):
            return Problem(9007, f"{item[:40]!r} is no dateTime, for example 2026-01-31T10:00:00Z")
        if kind == "hexBinary" and not _HEX.match(item):
            return Problem(9007, f"{item[:40]!r} is no hexBinary")
        if self.values and item not in self.values and not (item == "" and self._accepts_empty):
            return Problem(9007, f"{item[:40]!r} is none of {', '.join(self.values[:12])}")
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
