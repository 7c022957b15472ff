"""``acs devices tag``: groups and the site of a device."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from acs.cli.node import find_device, settings_of, who, write
from acs.cli.options import Config, Data, DeviceKey, Json
from acs.cli.output import Screen, print_json, print_table

__all__ = ["tag_device"]


def tag_device(
    device: DeviceKey,
    data: Data = None,
    config: Config = None,
    json: Json = False,
    add: Annotated[list[str] | None, typer.Option("--group", help="Put it into this group.")] = None,
    remove: Annotated[list[str] | None, typer.Option("--no-group", help="Take it out of this group.")] = None,
    site: Annotated[str | None, typer.Option(help="The site where it is; '' for none.")] = None,
) -> None:
    """Put a device into groups, say at which site it is, and show both; each may have a declared layer.

    A group or a site need not have been heard of before: tagging makes it.
    """
    from acs import devices as dev

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
