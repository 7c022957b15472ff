"""What all commands share of showing: tables or JSON on the screen, times for people."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence, Sized
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from acs.errors import AcsError

__all__ = [
    "Screen",
    "StandardOutput",
    "console",
    "defused",
    "log_to_stderr",
    "moment",
    "on_one_line",
    "print_json",
    "print_progress",
    "print_table",
    "shown",
    "tell_limit",
    "write_new",
]

_FORMULA = ("=", "+", "-", "@", "|", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_HARMLESS = re.compile(r"[ -~\n]*\Z")


def shown(text: str) -> str:
    """Return a text as a terminal may be given it: what it could obey or would turn around is written out.

    Devices have their words in reasons, faults and names. XML can't carry an escape, but it can carry the
    control characters U+0080 to U+009F, which begin sequences as well. Line ends are kept.
    """
    if _HARMLESS.match(text):
        return text
    return "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in text)


def on_one_line(text: str) -> str:
    """Return a text as it may be ``shown``, without line ends."""
    return shown(text).replace("\n", "\\x0a")


def defused(field: Any) -> Any:
    """Return a field of a CSV that no spreadsheet takes for a formula: text that could be one is quoted.

    Numbers stay what they are, whatever their sign. Signs of full width are formulas in some languages.
    """
    if not isinstance(field, str):
        return field
    runs = field.startswith(("\t", "\r", "\n")) or field.lstrip().startswith(_FORMULA)
    return f"'{field}" if runs else field


class StandardOutput:
    """Where a document for others is written: as it is, unless that is a terminal, which would obey it."""

    def write(self, text: str) -> int:
        """Write a text."""
        return sys.stdout.write(shown(text.replace("\r\n", "\n")) if sys.stdout.isatty() else text)


class Screen(Console):
    """A terminal to which no text is given that it would obey."""

    def print(self, *objects: Any, **options: Any) -> None:
        """As rich does; strings as they may be ``shown``."""
        super().print(*(shown(each) if isinstance(each, str) else each for each in objects), **options)


console = Screen()


def log_to_stderr() -> None:
    """Send warnings to stderr: what is printed may have to be JSON."""
    from acs.observability import configure_logging

    configure_logging("warning", "console")


def moment(at: float | None) -> str:
    """Return a time for people, UTC; empty for none."""
    return "" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    text = msgspec.json.format(msgspec.json.encode(value)).decode()
    sys.stdout.write((text if _HARMLESS.match(text) else _UNSEEN.sub(_escaped, text)) + "\n")


_UNSEEN = re.compile(r"[^ -~\n]")


def _escaped(found: re.Match[str]) -> str:
    """Return a character as JSON may write it: as it is where a terminal shows it, else by its number."""
    letter = found[0]
    if letter.isprintable():
        return letter
    return f"\\u{ord(letter):04x}" if letter <= "\uffff" else json.dumps(letter)[1:-1]


def tell_limit(found: Sized, limit: int) -> None:
    """Say on stderr that a list may have more rows than are shown."""
    if len(found) >= limit:
        screen = Console(stderr=True, soft_wrap=True)
        screen.print(f"{limit} are shown, there may be more: --limit", style="yellow", highlight=False)


def print_progress(text: str) -> None:
    """Tell on stderr how far it is, so that what is printed may be JSON."""
    sys.stderr.write(f"{shown(text)}\n")
    sys.stderr.flush()


# Words that are of no use in pieces; sentences and paths are folded in their place.
_WHOLE = frozenset({"#", "id", "at", "device", "kind", "procedure", "state", "outcome", "method", "severity"})
_WIDE = 160  # columns, where nobody's screen sets a limit


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows as a table; what devices sent is shown, never interpreted."""
    table = Table(title=escape(shown(title)), title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in _WHOLE)
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    screen = console if console.is_terminal else Screen(width=max(console.width, _WIDE))
    screen.print(table)


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return escape(on_one_line(text))


def write_new(path: Path, body: bytes) -> None:
    """Write a file that only its owner can read; ``AcsError`` when there is one, or it can't be."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
            target.write(body)
    except FileExistsError:
        raise AcsError(f"{path} exists; name a new file") from None
    except OSError as error:
        raise AcsError(f"can't write {path}: {error.strerror or error}") from error
