"""``acs devices discover`` and ``acs devices tree``: what a device really has."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.text import Text
from rich.tree import Tree
from sqlalchemy import Connection

from acs.cli.node import find_device, read, settings_of, settings_with_profiles, who, write
from acs.cli.options import Config, Data, DeviceKey, Json
from acs.cli.output import console, moment, on_one_line, print_json
from acs.errors import AcsError

__all__ = ["discover", "tree"]


def discover(
    device: DeviceKey,
    data: Data = None,
    config: Config = None,
    path: Annotated[str, typer.Option(help="Only this object, for example Device.Services.")] = "",
    call: Annotated[bool, typer.Option(help="Call the device; else it begins at its next session.")] = False,
) -> None:
    """Ask a device what it has, piece by piece; see it with: acs devices tree DEVICE."""
    from acs import commands as cm
    from acs import devices as dev

    def act(conn: Connection) -> None:
        now = time.time()
        found = find_device(conn, device)
        dev.audit(conn, who(), "discovery", device, path, now=now)
        cm.discover(conn, found, path=path, call=call, now=now)

    write(settings_with_profiles(data, config), act)
    when = "as it is called" if call else "at its next session"
    console.print(f"the discovery of {device} begins {when}", markup=False)


def tree(
    device: DeviceKey,
    path: Annotated[str, typer.Argument(metavar="[PATH]", help="Only what is below this object.")] = "",
    data: Data = None,
    config: Config = None,
    json: Json = False,
    depth: Annotated[int, typer.Option(help="How many levels.", min=1, max=50)] = 2,
) -> None:
    """Show what a device has, as discovery found it, with the values that are known."""
    from acs import commands as cm
    from acs import devices as dev

    def look(conn: Connection) -> tuple[Any, dict[str, bool], dict[str, Any]]:
        found = find_device(conn, device)
        state = cm.discovery_of(conn, found.id)
        return state, cm.discovered_tree(conn, found.id, path), dev.parameters_of(conn, found.id, path)

    state, entries, values = read(settings_of(data, config), look)
    if state is None:
        raise AcsError(f"{device} was not discovered yet; do it with: acs devices discover {device}")
    if json:
        told = [
            {"path": name, "writable": writable, "value": _told(values[name]) if name in values else None}
            for name, writable in entries.items()
        ]
        print_json({**asdict(state), "tree": told})
        return
    if path and not entries:
        raise AcsError(f"{device} has nothing below {path}; see: acs devices tree {device}")
    root = Tree(Text(on_one_line(path) or device))
    _grow(root, entries, values, path, depth)
    console.print(root)
    console.print(summary(state), markup=False)
    for name, why in state.failed.items():
        console.print(f"not read: {on_one_line(name) or 'the root'}: {on_one_line(why)}", markup=False)


def summary(state: Any) -> str:
    """Say in a sentence how far a discovery has come."""
    left = f", {len(state.pending)} objects are still to be asked for" if state.pending else ""
    when = f"{state.entries} entries under software {on_one_line(state.software_version) or '?'}"
    return f"{state.state}: {when}, {moment(state.changed_at)}{left}"


def _grow(root: Tree, entries: dict[str, bool], values: dict[str, Any], path: str, depth: int) -> None:
    """Put entries below ``path`` into the tree; deeper than ``depth`` they are counted."""
    branches: dict[str, Tree] = {path: root}
    hidden: dict[str, int] = {}
    for name, writable in entries.items():
        if name == path:
            continue
        parts = name[len(path) :].rstrip(".").split(".")
        if len(parts) > depth:
            above = path + "".join(f"{each}." for each in parts[:depth])
            hidden[above] = hidden.get(above, 0) + 1
            continue
        above = path + "".join(f"{each}." for each in parts[:-1])
        holder = branches.get(above, root)
        is_object = name.endswith(".")
        line = Text(parts[-1] + ("." if is_object else ""), style="bold" if is_object else "")
        line.plain = on_one_line(line.plain)
        line.append("  writable" if writable and not is_object else "  +" if writable else "", style="green")
        if name in values:
            line.append(f"  {on_one_line(_told(values[name])[:80])}", style="dim")
        branches[name] = holder.add(line)
    for name, count in hidden.items():
        if name in branches:
            branches[name].add(Text(f"… {count} more", style="dim"))


def _told(value: Any) -> str:
    from acs.datamodel import shown_value

    return shown_value(value.name, value.value, value.type)
