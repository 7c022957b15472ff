"""``acs audit``: who did what, and whether the record is whole."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from sqlalchemy import Connection

from acs.cli.input import read_file
from acs.cli.node import read, settings_of
from acs.cli.options import Config, Data, Json
from acs.cli.output import console, defused, moment, print_json, print_table, tell_limit
from acs.errors import AcsError

if TYPE_CHECKING:
    from acs.devices import Checkpoint

__all__ = ["audit"]

audit = typer.Typer(no_args_is_help=True)
_FIELDS = ("id", "at", "who", "action", "target", "detail", "previous_hash", "hash")


@audit.command("list")
def list_audit(
    data: Data = None,
    config: Config = None,
    json: Json = False,
    limit: Annotated[int, typer.Option(help="How many entries at most.", min=1, max=100_000)] = 100,
    target: Annotated[str, typer.Option(help="Only what was done to this device, file, case, …")] = "",
    who: Annotated[str, typer.Option(help="Only what this one did.")] = "",
) -> None:
    """List the audit, the newest first."""
    from sqlalchemy import select

    from acs.store.tables import audit as table

    query = select(table).order_by(table.c.id.desc()).limit(limit)
    if target:
        query = query.where(table.c.target == target)
    if who:
        query = query.where(table.c.who == who)

    def look(conn: Connection) -> list[dict[str, Any]]:
        return [dict(row) for row in conn.execute(query).mappings()]

    found = read(settings_of(data, config), look)
    tell_limit(found, limit)
    if json:
        print_json(found)
        return
    rows = [(row["id"], moment(row["at"]), *(row[name] for name in _FIELDS[2:6])) for row in found]
    print_table("Audit", ("id", "at", "who", "action", "target", "detail"), rows)


@audit.command("verify")
def verify_audit(
    data: Data = None,
    config: Config = None,
    json: Json = False,
    checkpoints: Annotated[
        list[Path] | None,
        typer.Option(help="Files of checkpoints beside this node's own, for example of other nodes."),
    ] = None,
) -> None:
    """Verify the hash chain and the signed checkpoints; exit code 1 names the first entry that is broken."""
    from acs import devices as dev

    settings = settings_of(data, config)
    own = settings.data / "audit-checkpoints.jsonl"
    files = [*([own] if own.exists() else []), *(checkpoints or [])]
    others = [each for path in files for each in _read(path)]
    verdict = read(settings, lambda conn: dev.check_audit(conn, others))
    if json:
        print_json(msgspec.to_builtins(verdict))
    elif verdict.sound:
        console.print(f"the audit is sound: {verdict.entries} entries, {verdict.checkpoints} checkpoints")
    else:
        console.print(f"the audit is BROKEN at entry {verdict.broken}: {verdict.why}", markup=False)
    if not verdict.sound:
        sys.exit(1)


@audit.command("export")
def export_audit(
    file: Annotated[Path, typer.Argument(help="A new file; .csv, or else JSON lines.")],
    data: Data = None,
    config: Config = None,
) -> None:
    """Write the whole audit to a file, for an archive or another's eyes."""
    from acs import devices as dev

    settings = settings_of(data, config)
    if file.exists():
        raise AcsError(f"{file} exists; name a new file")

    def act(conn: Connection) -> int:
        count = after = 0
        with file.open("w", encoding="utf-8", newline="") as target:
            table = csv.writer(target)
            if file.suffix == ".csv":
                table.writerow(_FIELDS)
            while page := dev.audit_entries(conn, after=after):
                after, count = page[-1]["id"], count + len(page)
                for row in page:
                    if file.suffix == ".csv":
                        table.writerow([defused(row[name]) for name in _FIELDS])
                    else:
                        target.write(msgspec.json.encode(row).decode() + "\n")
        return count

    console.print(f"{read(settings, act)} entries are in {file}", markup=False)


def _read(path: Path) -> list[Checkpoint]:
    from acs.devices import Checkpoint

    try:
        return [msgspec.json.decode(line, type=Checkpoint) for line in read_file(path).splitlines() if line]
    except msgspec.DecodeError as error:
        raise AcsError(f"{path} is no file of checkpoints: {error}") from error
