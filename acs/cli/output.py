"""What all commands share of showing: tables or JSON on the screen, times for people."""

from __future__ import annotations

import os
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
    "console",
    "log_to_stderr",
    "moment",
    "print_json",
    "print_progress",
    "print_table",
    "tell_limit",
    "write_new",
]

console = Console()


def log_to_stderr() -> None:
    """Send warnings to stderr: what is printed may have to be JSON."""
    from acs.observability import configure_logging

    configure_logging("warning", "console")


def moment(at: float | None) -> str:
    """Return a time for people, UTC; empty for none."""
    return "" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value)).decode() + "\n")


def tell_limit(found: Sized, limit: int) -> None:
    """Say on stderr that a list may have more rows than are shown."""
    if len(found) >= limit:
        screen = Console(stderr=True, soft_wrap=True)
        screen.print(f"{limit} are shown, there may be more: --limit", style="yellow", highlight=False)


def print_progress(text: str) -> None:
    """Tell on stderr how far it is, so that what is printed may be JSON."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


# Words that are of no use in pieces; sentences and paths are folded in their place.
_WHOLE = frozenset({"#", "id", "at", "device", "kind", "procedure", "state", "outcome", "method", "severity"})
_WIDE = 160  # columns, where nobody's screen sets a limit


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows as a table; what devices sent is shown, never interpreted."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in _WHOLE)
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    screen = console if console.is_terminal else Console(width=max(console.width, _WIDE))
    screen.print(table)


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return escape("".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text))


def write_new(path: Path, body: bytes) -> None:
    """Write a file that only its owner can read; ``AcsError`` when there is one, or it can't be."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
            target.write(body)
    except FileExistsError:
        raise AcsError(f"{path} exists; name a new file") from None
    except OSError as error:
        raise AcsError(f"can't write {path}: {error.strerror or error}") from error
