"""Which part of a file a request is for: conditions and ranges of RFC 9110. Pure.

One range is served. A request for several is answered with the whole file, as RFC 9110 14.2 allows: no CPE
asks for several, and answers of many parts are how servers are made to send a file many times over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

__all__ = ["Part", "http_date", "part_wanted"]

_ETAG = re.compile(r'(W/)?"([^"]*)"')
_RANGE = re.compile(r"bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*$", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Part:
    """The status of the answer and the bytes ``start`` to ``end`` (exclusive) that go into it."""

    status: int
    start: int = 0
    end: int = 0


def http_date(at: float) -> str:
    """Return a time as HTTP writes it."""
    return format_datetime(datetime.fromtimestamp(int(at), UTC), usegmt=True)


def part_wanted(
    headers: Mapping[str, str], *, etag: str, modified: float, size: int, head: bool = False
) -> Part:
    """Return 200, 206, 304, 412 or 416 and the bytes to be sent, for a GET or HEAD with these headers.

    ``etag`` without quotes, strong; ``modified`` in seconds since the epoch. ``head``: a range means nothing
    there (RFC 9110 14.2).
    """
    if not _goes_on(headers, etag, modified):
        return Part(412)
    if _unchanged(headers, etag, modified):
        return Part(304)
    wanted = headers.get("Range", "")
    if head or not wanted or not _same_as_before(headers.get("If-Range"), etag, modified):
        return Part(200, 0, size)
    found = _RANGE.match(wanted.strip())
    if found is None or not (found[1] or found[2]):
        return Part(200, 0, size)  # several ranges, another unit, or nonsense: to be ignored
    if not found[1]:
        start, end = max(0, size - int(found[2])), size
    else:
        start, end = int(found[1]), min(size, int(found[2]) + 1 if found[2] else size)
        if found[2] and int(found[2]) < start:
            return Part(200, 0, size)
    return Part(206, start, end) if start < size and start < end else Part(416)


def _goes_on(headers: Mapping[str, str], etag: str, modified: float) -> bool:
    if "If-Match" in headers:
        return _listed(headers["If-Match"], etag, weak=False)
    since = _moment(headers.get("If-Unmodified-Since"))
    return since is None or int(modified) <= since


def _unchanged(headers: Mapping[str, str], etag: str, modified: float) -> bool:
    if "If-None-Match" in headers:
        return _listed(headers["If-None-Match"], etag, weak=True)
    since = _moment(headers.get("If-Modified-Since"))
    return since is not None and int(modified) <= since


def _same_as_before(if_range: str | None, etag: str, modified: float) -> bool:
    """Tell whether a resumed transfer goes on with the same content; by a strong comparison only."""
    if if_range is None:
        return True
    if '"' in if_range:
        return if_range.strip() == f'"{etag}"'
    return _moment(if_range) == int(modified)


def _listed(header: str, etag: str, *, weak: bool) -> bool:
    if header.strip() == "*":
        return True
    return any(value == etag and (weak or not mark) for mark, value in _ETAG.findall(header))


def _moment(header: str | None) -> float | None:
    if not header:
        return None
    try:
        parsed = parsedate_to_datetime(header)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
