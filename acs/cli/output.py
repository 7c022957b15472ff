"""What all commands share: settings, the store, tables or JSON on the screen, errors as sentences."""

from __future__ import annotations

import asyncio
import getpass
import sys
from collections.abc import Callable, Coroutine, Iterable, Sequence, Sized
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec, TypeVar

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import Connection

from acs.errors import AcsError
from acs.settings import Settings, load_settings
from acs.store import Store

__all__ = [
    "Config",
    "Data",
    "Json",
    "Number",
    "check_kind",
    "console",
    "log_to_stderr",
    "moment",
    "node_url",
    "print_json",
    "print_table",
    "read",
    "read_file",
    "require_data",
    "run",
    "settings_of",
    "tell_limit",
    "who",
    "write",
]

P = ParamSpec("P")
T = TypeVar("T")
console = Console()

Data = Annotated[
    Path | None,
    typer.Option("--data", help="The node's data directory (default: ./acs-data).", envvar="ACS_DATA"),
]
Config = Annotated[
    Path | None, typer.Option("--config", help="A TOML file of settings.", envvar="ACS_CONFIG")
]
Number = Annotated[int, typer.Argument(min=1, max=2**63 - 1, help="Its number, see the list.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def log_to_stderr() -> None:
    """Send warnings to stderr: what is printed may have to be JSON."""
    from acs.observability import configure_logging

    configure_logging("warning", "console")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine; on uvloop where there is one."""
    try:
        import uvloop
    except ImportError:  # there is none for every platform
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def settings_of(data: Path | None, config: Path | None, **overrides: Any) -> Settings:
    """Return the settings that the common options describe."""
    return load_settings(config, {"data": data, **overrides})


def require_data(settings: Settings) -> None:
    """Raise ``AcsError`` when no node has been here: a mistyped directory must not be filled."""
    if not settings.database and not (settings.data / "acs.db").is_file():
        raise AcsError(
            f"there is no node's data in {settings.data}; name it with --data, or start one with: acs serve"
        )


def node_url(settings: Settings) -> str:
    """Return how devices reach the node, which it wrote down when it started."""
    try:
        facts = msgspec.json.decode((settings.data / "node.json").read_bytes(), type=dict[str, Any])
        return str(facts["url"]).rstrip("/")
    except (OSError, KeyError, msgspec.DecodeError):
        return (settings.url or f"https://{settings.names[0]}:{settings.port}").rstrip("/")


def read_file(path: Path) -> bytes:
    """Return the content of a file that the operator named; ``AcsError`` when it can't be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise AcsError(f"can't read {path}: {error.strerror or error}") from error


async def _with_store(
    settings: Settings, function: Callable[..., T], kwargs: dict[str, Any], *, reading: bool
) -> T:
    require_data(settings)
    store = await Store.open(settings.database_url)
    try:
        return await (store.read if reading else store.write)(function, **kwargs)
    finally:
        await store.close()


def read(
    settings: Settings, function: Callable[Concatenate[Connection, P], T], *_: P.args, **kwargs: P.kwargs
) -> T:
    """Run a reading function on the store; arguments by keyword."""
    return run(_with_store(settings, function, dict(kwargs), reading=True))


def write(
    settings: Settings, function: Callable[Concatenate[Connection, P], T], *_: P.args, **kwargs: P.kwargs
) -> T:
    """Run a writing function on the store and commit; arguments by keyword."""
    return run(_with_store(settings, function, dict(kwargs), reading=False))


def who() -> str:
    """Return in whose name the operator acts, for the audit."""
    return f"{getpass.getuser()}@cli"


def moment(at: float | None) -> str:
    """Return a time for people, UTC; empty for none."""
    return "" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def check_kind(kind: str, known: Sequence[str], of: str) -> None:
    """Raise ``AcsError`` where there are none of a kind and it may be a slip of the pen."""
    if known and kind not in known:
        raise AcsError(f"there are no {of} of the kind {kind!r}; those that there are: {', '.join(known)}")


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value)).decode() + "\n")


def tell_limit(found: Sized, limit: int) -> None:
    """Say on stderr that a list may have more rows than are shown."""
    if len(found) >= limit:
        screen = Console(stderr=True, soft_wrap=True)
        screen.print(f"{limit} are shown, there may be more: --limit", style="yellow", highlight=False)


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
