"""Whether a device's value is the one that was wanted, whatever its spelling. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from acs.datamodel.conversion import is_true

__all__ = ["differs"]


def _number(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        return None


_READ: dict[str, Callable[[str], object]] = {
    "boolean": is_true,
    "int": _number,
    "unsignedInt": _number,
    "long": _number,
    "unsignedLong": _number,
    "dateTime": _time,
    "hexBinary": lambda text: text.strip().lower(),
}


def differs(wanted: str, actual: str | None, kind: str) -> bool:
    """Tell whether ``actual`` is not ``wanted``; ``kind`` is the XML Schema type; None is not known."""
    if actual is None:
        return True
    if wanted == actual:
        return False
    read = _READ.get(kind.rpartition(":")[2])
    meant = read(wanted) if read is not None else None
    return meant is None or meant != (read(actual) if read is not None else None)
