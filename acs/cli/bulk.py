"""``acs bulk``: what devices reported as bulk data, and the measurements in their PM files."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TextIO, TypeVar

import msgspec
import typer
from sqlalchemy import Connection

from acs.cli.input import moment_of
from acs.cli.node import find_device, node_url, read, settings_of, who, write
from acs.cli.options import Config, Data, DeviceKey, Json
from acs.cli.output import StandardOutput, console, defused, moment, print_json, print_table
from acs.errors import AcsError

__all__ = ["bulk"]

bulk = typer.Typer(no_args_is_help=True)
T = TypeVar("T")

Path_ = Annotated[
    str, typer.Argument(metavar="PATH", help="A parameter, or all below a path that ends with a dot.")
]
Source = Annotated[str | None, typer.Option(help="Only of this profile, or pm: and a measInfoId.")]
Since = Annotated[str, typer.Option(help="From this time on, for example 2026-01-31T10:00.")]
Until = Annotated[str, typer.Option(help="Before this time.")]


@bulk.command("list")
def list_parameters(
    device: DeviceKey,
    data: Data = None,
    config: Config = None,
    json: Json = False,
    below: Annotated[str, typer.Option(help="Only below this path, which ends with a dot.")] = "",
) -> None:
    """List the parameters of which there are values, each with the newest one."""
    from acs import bulkdata as bd

    def look(conn: Connection) -> tuple[list[Any], tuple[int, int, float | None]]:
        found = find_device(conn, device)
        return bd.known_parameters(conn, found.id, below), bd.usage(conn, found.id)

    known, (reports, size, last) = read(settings_of(data, config), look)
    if json:
        print_json(
            {
                "reports": reports,
                "bytes": size,
                "last_report_at": last,
                "parameters": list(map(asdict, known)),
            }
        )
        return
    rows = [(each.source, each.name, written(each.value), each.kind, moment(each.at)) for each in known]
    title = f"{device}: {reports} reports, {size} bytes, the last received {moment(last) or 'never'}"
    print_table(title, ("source", "parameter", "newest value", "type", "at"), rows)


def written(value: Any) -> Any:
    """Return a value as it is written: a boolean of JSON as JSON writes it."""
    return str(value).lower() if isinstance(value, bool) else value


def _points(
    device: str,
    path: str,
    last: int | None,
    source: str | None,
    since: str,
    until: str,
    settings: Any,
    use: Callable[[Iterator[Any]], T],
) -> T:
    """Return what ``use`` makes of the points, which it gets one after the other."""
    from acs import bulkdata as bd

    def look(conn: Connection) -> T:
        found = find_device(conn, device)
        window = {
            "since": moment_of(since, "--since") if since else None,
            "until": moment_of(until, "--until") if until else None,
        }
        return use(bd.points(conn, found.id, path, last=last, source=source, **window))

    return read(settings, look)


@bulk.command("show")
def show_values(
    device: DeviceKey,
    path: Path_,
    data: Data = None,
    config: Config = None,
    json: Json = False,
    last: Annotated[int, typer.Option(help="Of so many reports.", min=1, max=100_000)] = 20,
    source: Source = None,
    since: Since = "",
    until: Until = "",
) -> None:
    """Show the values of a parameter, the newest first.

    Example: acs bulk show 0005B9-A1 Device.DeviceInfo.UpTime --last 5
    """
    found = _points(device, path, last, source, since, until, settings_of(data, config), list)
    if json:
        print_json([asdict(each) for each in found])
        return
    rows = [
        (
            moment(each.at),
            each.source,
            each.name,
            written(each.value),
            "" if each.period is None else f"{each.period:g} s",
            ", ".join(
                word
                for word, holds in (("suspect", each.suspect), ("time of receipt", not each.timed))
                if holds
            ),
        )
        for each in found
    ]
    print_table(f"{device}: {path}", ("at", "source", "parameter", "value", "period", "note"), rows)


@bulk.command("export")
def export_values(
    device: DeviceKey,
    path: Annotated[str, typer.Argument(metavar="[PATH]", help="See acs bulk show; empty: everything.")] = "",
    data: Data = None,
    config: Config = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file (default: stdout).")] = None,
    last: Annotated[int | None, typer.Option(help="Only of so many reports, the newest.", min=1)] = None,
    source: Source = None,
    since: Since = "",
    until: Until = "",
) -> None:
    """Write values as CSV, one a row, the newest first. Text that a spreadsheet would run is defused.

    Example: acs bulk export 0005B9-A1 Device.DeviceInfo. --since 2026-01-31 -o values.csv
    """
    settings, count = settings_of(data, config), 0

    def copy(found: Iterator[Any]) -> None:
        nonlocal count
        if output is None:
            count = _write(StandardOutput(), found)
            return
        try:
            with output.open("w", encoding="utf-8", newline="") as file:
                count = _write(file, found)
        except OSError as error:
            raise AcsError(f"can't write {output}: {error.strerror or error}") from error

    _points(device, path, last, source, since, until, settings, copy)
    if output is not None:
        console.print(f"{count} values are in {output}", markup=False)


def _write(file: TextIO | StandardOutput, found: Iterable[Any]) -> int:
    """Write rows as they come: there may be more than fit into memory. Return how many."""
    writer, count = csv.writer(file), 0
    writer.writerow(("time", "source", "parameter", "value", "type", "period", "suspect", "time_of_receipt"))
    for each in found:
        at = datetime.fromtimestamp(each.at, UTC).isoformat()
        value = written(each.value)
        row = (
            at,
            each.source,
            each.name,
            value,
            each.kind,
            each.period,
            int(each.suspect),
            int(not each.timed),
        )
        writer.writerow([defused(field) for field in row])
        count += 1
    return count


@bulk.command("configure")
def configure_profile(
    device: DeviceKey,
    name: Annotated[str, typer.Argument(help="The profile's name; it shows as the source of the values.")],
    reference: Annotated[
        list[str], typer.Option(help="A parameter, or an object with a dot at its end; may be repeated.")
    ],
    data: Data = None,
    config: Config = None,
    interval: Annotated[int, typer.Option(help="Seconds between reports.", min=1)] = 300,
    report_format: Annotated[
        Literal["ObjectHierarchy", "NameValuePair", "ParameterPerRow", "ParameterPerColumn"],
        typer.Option(help="The first two are JSON, the others CSV."),
    ] = "NameValuePair",
    compression: Annotated[Literal["GZIP", "None"], typer.Option(help="Content-Encoding.")] = "GZIP",
    retained: Annotated[int, typer.Option(help="Failed reports that it keeps; -1: all it can.")] = 10,
) -> None:
    """Have a device report by bulk data, with credentials of its own. It is set up again after a reset.

    Example: acs bulk configure 0005B9-A1 health --reference Device.DeviceInfo. --interval 300
    """
    from acs import bulkdata as bd
    from acs import devices as dev

    settings = settings_of(data, config)
    facts = {
        "name": name,
        "references": reference,
        "url": f"{node_url(settings)}/bulk/{name}",
        "username": device,
        "interval": interval,
        "report_format": report_format,
        "compression": compression,
        "retained": retained,
    }
    try:
        wanted = msgspec.convert(facts, bd.ProfileSettings)
    except msgspec.ValidationError as error:
        raise AcsError(f"the profile is wrong: {error}") from error

    def act(conn: Connection) -> None:
        now = time.time()
        bd.configure(conn, find_device(conn, device).id, wanted, now=now)
        dev.audit(conn, who(), "bulk data profile configured", device, name, now=now)

    write(settings, act)
    console.print(f"the profile {name} is being set up; see: acs bulk profiles {device}", markup=False)


@bulk.command("profiles")
def list_profiles(device: DeviceKey, data: Data = None, config: Config = None, json: Json = False) -> None:
    """List the profiles that a device is to have, and how far it is with them."""
    from acs import bulkdata as bd

    found = read(settings_of(data, config), lambda conn: bd.list_profiles(conn, find_device(conn, device).id))
    if json:
        print_json([msgspec.to_builtins(each) for each in found])
        return
    rows = [
        (
            each.settings.name,
            each.state,
            each.instance,
            each.settings.interval,
            getattr(each.settings, "report_format", "TS 32.435"),
            ", ".join(getattr(each.settings, "references", ())),
            each.error,
        )
        for each in found
    ]
    columns = ("profile", "state", "instance", "interval", "format", "references", "error")
    print_table(f"Bulk data profiles of {device}", columns, rows)


@bulk.command("remove")
def remove_profile(
    device: DeviceKey,
    name: Annotated[str, typer.Argument(help="Name of the profile, see acs bulk profiles.")],
    data: Data = None,
    config: Config = None,
) -> None:
    """Take a profile away from a device. What it has reported stays.

    Example: acs bulk remove 0005B9-A1 health
    """
    from acs import bulkdata as bd
    from acs import devices as dev

    def act(conn: Connection) -> None:
        now = time.time()
        bd.remove(conn, find_device(conn, device).id, name, now=now)
        dev.audit(conn, who(), "bulk data profile removed", device, name, now=now)

    write(settings_of(data, config), act)
    console.print(f"the profile {name} is being removed", markup=False)
