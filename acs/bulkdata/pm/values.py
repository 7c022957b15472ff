"""Values, times and periods as they stand in PM files."""

from __future__ import annotations

import math
import re

from acs.bulkdata.report import Value, compact
from acs.bulkdata.timestamp import collected_at

__all__ = ["measured", "moment", "period"]

_DURATION = re.compile(
    r"P(?:(\d{1,4})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,9})(?:\.\d{1,9})?S)?)?", re.ASCII
)
_DECIMAL = re.compile(r"-?\d{1,15}\.\d{1,15}", re.ASCII)
_MISSING = ("", "nil", "null", "nan")


def measured(text: str) -> Value:
    """Return a result: a number where the text is one, None for nothing (``NIL``), else the text."""
    if text.lower() in _MISSING:
        return None
    value = compact(text)
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        number = float(value)
        return number if math.isfinite(number) else value
    return value


def moment(text: str, now: float) -> float | None:
    """Return a time of a file; None where it can't be true."""
    return collected_at(text, now) if not text.strip().isdecimal() else None


def period(text: str) -> float | None:
    """Return an XML Schema duration of days or less in seconds; None where it is none."""
    found = _DURATION.fullmatch(text.strip())
    if found is None or not any(found.groups()):
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return float(days * 86400 + hours * 3600 + minutes * 60 + seconds)
