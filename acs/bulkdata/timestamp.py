"""Times in reports: Unix-Epoch in seconds or milliseconds, ISO-8601, or none (TR-181 RowTimestamp)."""

from __future__ import annotations

import math
from datetime import UTC, datetime

__all__ = ["collected_at", "iso_8601"]

_EARLIEST = 946_684_800.0  # 2000-01-01: no device reported before
_AHEAD = 86_400.0  # how far a device's clock may be ahead


def collected_at(raw: object, now: float) -> float | None:
    """Return the time that ``raw`` tells, in seconds since the epoch; None where it can't be true.

    TR-181 says milliseconds and its examples are in seconds, so devices send either; a device that
    doesn't know the time sends how long it has been up, which is neither.
    """
    if isinstance(raw, bool) or raw is None:
        return None
    if isinstance(raw, str):
        text = raw.strip()
        try:
            number = float(text) if len(text) <= 32 else math.nan
        except ValueError:
            return _plausible(iso_8601(text), now)
    elif isinstance(raw, int | float):
        number = float(raw) if abs(raw) < 1e18 else math.nan
    else:
        return None
    return _plausible(number, now) or _plausible(number / 1000, now)


def _plausible(at: float | None, now: float) -> float | None:
    return at if at is not None and _EARLIEST <= at <= now + _AHEAD else None


def iso_8601(text: str) -> float | None:
    """Return the time of an ISO-8601 text, without a zone taken as UTC; None where it is none."""
    if not 8 <= len(text) <= 40:
        return None
    try:
        found = datetime.fromisoformat(text.strip().replace(",", "."))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
