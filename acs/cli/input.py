"""What operators give: files, times, durations, kinds. What is wrong with it becomes one sentence."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from acs.errors import AcsError

__all__ = [
    "check_kind",
    "moment_of",
    "pair_of",
    "read_ascii",
    "read_file",
    "read_table",
    "read_text",
    "seconds_of",
]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d{1,7})([smhd])\Z")


def read_file(path: Path) -> bytes:
    """Return the content of a file that the operator named; ``AcsError`` when it can't be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise AcsError(f"can't read {path}: {error.strerror or error}") from error


def read_text(path: Path) -> str:
    """Return the text of a file, UTF-8; ``AcsError`` when it is none, or can't be read."""
    try:
        return read_file(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise AcsError(f"{path} is no UTF-8 text: {error}") from error


def read_ascii(path: Path | None) -> str:
    """Return what is in a file of PEM or of a token; empty where none is named."""
    try:
        return read_file(path).decode("ascii") if path else ""
    except UnicodeDecodeError as error:
        raise AcsError(f"{path} has to be ASCII, as PEM and tokens are: {error}") from error


def read_table(path: Path, key: str) -> dict[str, dict[str, str]]:
    """Return the rows of a CSV table by what stands in the column ``key``, without their empty cells.

    Raises ``AcsError`` naming file and line for a line that has too little or too much, or is there twice.
    """
    try:
        rows = list(csv.DictReader(read_file(path).decode("utf-8-sig").splitlines(), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise AcsError(f"{path} is no CSV table: {error}") from error
    found: dict[str, dict[str, str]] = {}
    for number, row in enumerate(rows, 2):
        name = row.pop(key, None)
        if not name or None in row or None in row.values():
            raise AcsError(f"{path}, line {number}: every line has a {key} and a value for each column")
        if name in found:
            raise AcsError(f"{path}, line {number}: the {key} {name} is there more than once")
        found[name] = {column: value for column, value in row.items() if value}
    return found


def moment_of(text: str, option: str) -> float:
    """Return a time that an option gives, UTC where it names no other; ``AcsError`` where it is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise AcsError(f"{option} {text!r} is no time; write for example 2027-01-15T08:00Z") from error
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def seconds_of(text: str) -> float:
    """Return a duration such as ``90s``, ``30m``, ``1h`` or ``2d`` in seconds."""
    found = _DURATION.match(text.strip())
    if found is None:
        raise AcsError(f"{text!r} is no duration; write for example 90s, 30m, 1h or 2d")
    return float(found[1]) * _UNITS[found[2]]


def pair_of(text: str, form: str) -> tuple[str, str]:
    """Return the name and the value of NAME=VALUE; ``AcsError`` naming the ``form`` where it is none."""
    # An alias may hold "=": the first one after the last bracket separates.
    start = text.rfind("]", 0, text.find("=", text.rfind("].") + 1) + 1) + 1
    name, equals, value = text[start:].partition("=")
    if not equals or not (text[:start] + name):
        raise AcsError(f"{text!r} is not of the form {form}")
    return text[:start] + name, value


def check_kind(kind: str, known: Sequence[str], of: str) -> None:
    """Raise ``AcsError`` where there are none of a kind and it may be a slip of the pen."""
    if known and kind not in known:
        raise AcsError(f"there are no {of} of the kind {kind!r}; those that there are: {', '.join(known)}")
