"""Which devices a pattern fits, and which of two patterns says more. Pure.

A pattern is a glob: ``*`` stands for any text, ``?`` for one character; capitals and small letters are alike.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

__all__ = ["Identified", "Match", "glob_fits", "globs_meet"]

_FIELDS = ("oui", "manufacturer", "product_class", "software_version", "hardware_version")


class Identified(Protocol):
    """What a device says of itself (DeviceId and DeviceInfo)."""

    @property
    def oui(self) -> str:
        """Six hexadecimal digits."""

    @property
    def manufacturer(self) -> str:
        """Its Manufacturer."""

    @property
    def product_class(self) -> str:
        """Its ProductClass."""

    @property
    def software_version(self) -> str:
        """Its SoftwareVersion."""

    @property
    def hardware_version(self) -> str:
        """Its HardwareVersion."""


def glob_fits(pattern: str, text: str) -> bool:
    """Tell whether ``text`` fits the glob, in time proportional to the product of their lengths."""
    pattern, text = pattern.casefold(), text.casefold()
    at = place = 0
    star, resume = -1, 0
    while place < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, resume = at, place
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", text[place]):
            at, place = at + 1, place + 1
        elif star >= 0:
            resume += 1
            at, place = star + 1, resume
        else:
            return False
    return pattern[at:].strip("*") == ""


def globs_meet(one: str, other: str) -> bool:
    """Tell whether there is a text that fits both globs."""
    one, other = one.casefold(), other.casefold()
    row = [True]  # row[j]: what is left of ``other`` from j on meets the rest of ``one``, built from the ends
    for char in reversed(other):
        row.append(row[-1] and char == "*")
    row.reverse()
    for head in reversed(one):
        below, row = row, [False] * (len(other) + 1)
        row[-1] = below[-1] and head == "*"
        for j in range(len(other) - 1, -1, -1):
            if head == "*":
                row[j] = below[j] or row[j + 1]
            elif other[j] == "*":
                row[j] = row[j + 1] or below[j]
            else:
                row[j] = below[j + 1] and (head == other[j] or "?" in (head, other[j]))
    return row[0]


class Match(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One glob for each thing a device says of itself; it fits when all of them do."""

    oui: str = "*"
    manufacturer: str = "*"
    product_class: str = "*"
    software_version: str = "*"
    hardware_version: str = "*"

    @property
    def patterns(self) -> tuple[str, ...]:
        """The globs, in the order of the fields."""
        return tuple(getattr(self, name) for name in _FIELDS)

    @property
    def specificity(self) -> tuple[int, int, int]:
        """How much it says: fields without a wildcard, fields that are not ``*``, letters in all."""
        patterns = self.patterns
        exact = sum(not set("*?") & set(each) for each in patterns)
        told = sum(each.strip("*") != "" for each in patterns)
        literal = sum(len(each) - each.count("*") - each.count("?") for each in patterns)
        return exact, told, literal

    def fits(self, device: Identified) -> bool:
        """Tell whether the device is one of those it is meant for."""
        return all(
            pattern == "*" or glob_fits(pattern, getattr(device, name))
            for name, pattern in zip(_FIELDS, self.patterns, strict=True)
        )

    def rivals(self, other: Match) -> bool:
        """Tell whether neither says more and a device may fit both: then it is not clear which holds."""
        return self.specificity == other.specificity and all(
            globs_meet(one, two) for one, two in zip(self.patterns, other.patterns, strict=True)
        )
