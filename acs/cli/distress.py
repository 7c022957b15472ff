"""``acs distress``, ``acs devices reach``: distress channels, devices not heard of (S1 5.7.3.1)."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated

import typer
from sqlalchemy import Connection

from acs.cli.node import environment_of, find_device, read, secrets_of, settings_of, who, write
from acs.cli.options import Config, Data, DeviceKey, Json, Reason
from acs.cli.output import console, print_json, print_table

__all__ = ["distress", "reach_device"]

distress = typer.Typer(no_args_is_help=True)
paths = typer.Typer(no_args_is_help=True)
distress.add_typer(
    paths, name="paths", help="The distress channels of a device, in order: list, add, remove."
)


@paths.command("list")
def list_paths(device: DeviceKey, data: Data = None, config: Config = None, json: Json = False) -> None:
    """List the distress channels of a device in the order in which they are tried."""
    from acs import distress as ds

    settings = settings_of(data, config)
    template = ds.parse_template(settings.distress_paths)
    found = read(settings, lambda conn: ds.paths_of(conn, find_device(conn, device), template))
    if json:
        print_json([asdict(each) for each in found])
        return
    rows = [(each.position, each.kind, each.method, each.address) for each in found]
    print_table(f"Distress channels of {device}", ("position", "kind", "trigger", "address"), rows)


@paths.command("add")
def add_path(
    device: DeviceKey,
    kind: Annotated[str, typer.Argument(help="IPsec2, Internet or AirInterface.")],
    address: Annotated[str, typer.Argument(help="Where its trigger goes: host:port, or a Jabber ID.")],
    data: Data = None,
    config: Config = None,
    method: Annotated[str, typer.Option(help="UDP, COAP or XMPP.")] = "UDP",
) -> None:
    """Append a distress channel to those of a device; it then has none of the setting distress_paths.

    Example: `acs distress paths add 0005B9-A1 Internet 192.0.2.7:7550`
    """
    from acs import distress as ds

    def act(conn: Connection) -> ds.Path:
        wanted = ds.Path(kind, address, method)
        return ds.add_path(conn, find_device(conn, device), wanted, who=who(), now=time.time())

    added = write(settings_of(data, config), act)
    console.print(f"path {added.position} of {device}: {kind} {method} {address}", markup=False)


@paths.command("remove")
def remove_path(
    device: DeviceKey,
    position: Annotated[int, typer.Argument(help="As in the list.")],
    data: Data = None,
    config: Config = None,
) -> None:
    """Remove a distress channel of a device.

    Example: `acs distress paths remove 0005B9-A1 2`
    """
    from acs import distress as ds

    def act(conn: Connection) -> None:
        ds.remove_path(conn, find_device(conn, device), position, who=who(), now=time.time())

    write(settings_of(data, config), act)
    console.print(f"path {position} of {device} is removed", markup=False)


@distress.command("key")
def show_key(device: DeviceKey, data: Data = None, config: Config = None) -> None:
    """Print the key with which the triggers of a device are signed, to be put into the device. Audited."""
    from acs import devices as dev

    settings = settings_of(data, config)

    def act(conn: Connection) -> str:
        key: str = find_device(conn, device).device_key
        dev.audit(conn, who(), "distress key shown", key, "", now=time.time())
        return key

    secrets = secrets_of(settings)
    print(secrets.distress_key(write(settings, act)))


def reach_device(device: DeviceKey, because: Reason, data: Data = None, config: Config = None) -> None:
    """Reach a device that is not heard of: over the standard path, or else over its distress channels."""
    from acs import remediation as rm

    settings = settings_of(data, config)
    env = environment_of(settings)

    def act(conn: Connection) -> rm.Case:
        found = find_device(conn, device)
        return rm.reach(conn, found.id, who=who(), why=because, env=env, now=time.time())

    case = write(settings, act)
    console.print(f"case {case.id} is opened; see: acs cases show {case.id}", markup=False)
