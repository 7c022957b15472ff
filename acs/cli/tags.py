"""``acs devices tag``: groups and the site of a device."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from acs.cli.input import read_table
from acs.cli.node import find_device, settings_of, who, write
from acs.cli.options import Config, Data, Json
from acs.cli.output import Screen, console, print_json, print_table
from acs.errors import AcsError

__all__ = ["tag_device"]


def tag_device(
    device: Annotated[
        str, typer.Argument(metavar="DEVICE", help="Its key OUI-SerialNumber, or - with --csv.")
    ],
    data: Data = None,
    config: Config = None,
    json: Json = False,
    add: Annotated[list[str] | None, typer.Option("--group", help="Put it into this group.")] = None,
    remove: Annotated[list[str] | None, typer.Option("--no-group", help="Take it out of this group.")] = None,
    site: Annotated[str | None, typer.Option(help="The site where it is; '' for none.")] = None,
    table: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            help="Many: columns `device`, `site`, `groups` (a;b); an empty cell changes nothing.",
        ),
    ] = None,
) -> None:
    """Put a device into groups, say at which site it is, and show both; each may have a declared layer.

    A group or a site need not have been heard of before: tagging makes it.
    """
    from acs import devices as dev

    if table is not None:
        many = device == "-" and not (add or remove or site is not None)
        _tag_many(data, config, table, many=many)
        return
    new_sites: list[str] = []

    def act(conn: Connection) -> dict[str, Any]:
        if site and not dev.site_known(conn, site):
            new_sites.append(site)
        found = find_device(conn, device)
        for name in add or []:
            dev.add_group(conn, found.id, name)
        for name in remove or []:
            dev.remove_group(conn, found.id, name)
        if site is not None:
            dev.set_site(conn, found.id, site)
        told = {"groups": list(dev.groups_of(conn, found.id)), "site": dev.site_of(conn, found.id)}
        if add or remove or site is not None:
            dev.audit(conn, who(), "device tagged", device, str(told), now=time.time())
        return told

    told = write(settings_of(data, config), act)
    if new_sites:
        Screen(stderr=True).print(
            f"nothing is known of a site {site!r} yet; see: acs config site", style="yellow", markup=False
        )
    if json:
        print_json(told)
        return
    rows = [("groups", ", ".join(told["groups"])), ("site", told["site"])]
    print_table(device, ("tag", "is"), rows)


def _tag_many(data: Path | None, config: Path | None, table: Path, *, many: bool) -> None:
    """Tag the devices of a table, all or none of them; refuse where others are named as well."""
    from acs import devices as dev

    if not many:
        raise AcsError("--csv says all: acs devices tag - --csv FILE")
    rows = read_table(table, "device")

    def act(conn: Connection) -> None:
        for key, row in rows.items():
            found = find_device(conn, key)
            groups = [each.strip() for each in row.get("groups", "").split(";") if each.strip()]
            for name in groups:
                dev.add_group(conn, found.id, name)
            if row.get("site"):
                dev.set_site(conn, found.id, row["site"])
            told = str({"groups": groups, "site": row.get("site", "")})
            dev.audit(conn, who(), "device tagged", key, told, now=time.time())

    unknown = {name for row in rows.values() for name in row} - {"site", "groups"}
    if unknown:
        raise AcsError(f"{table}: the column {sorted(unknown)[0]!r} is none of device, site, groups")
    write(settings_of(data, config), act)
    console.print(f"{len(rows)} devices are tagged", markup=False)
