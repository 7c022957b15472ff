"""``acs devices``: the registry: look, register, block."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from acs.cli.devices_list import list_devices
from acs.cli.node import (
    environment_of,
    find_device,
    read,
    require_data,
    secrets_of,
    settings_of,
    who,
    write,
)
from acs.cli.options import Config, Data, DeviceKey, Json, Reason
from acs.cli.output import console, moment, print_json, print_table
from acs.settings import Settings

__all__ = ["devices"]

devices = typer.Typer(no_args_is_help=True)
devices.command("list")(list_devices)


@devices.command("show")
def show_device(
    device: DeviceKey,
    data: Data = None,
    config: Config = None,
    json: Json = False,
    parameters: Annotated[
        str, typer.Option(help="Show stored parameters below this path, for example Device.Time.")
    ] = "",
    canonical: Annotated[
        bool, typer.Option("--canonical", help="Show what is known, by canonical names.")
    ] = False,
) -> None:
    """Show one device and, with --parameters, what is stored of its data model."""
    from acs import devices as dev
    from acs.datamodel import shown_value

    if canonical:
        _show_canonical(device, settings_of(data, config), json=json)
        return

    def look(conn: Connection) -> tuple[dict[str, Any], dict[str, str]]:
        found = find_device(conn, device)
        stored = dev.parameters_of(conn, found.id, parameters) if parameters else {}
        values = {name: shown_value(name, each.value, each.type) for name, each in stored.items()}
        return asdict(found), values

    facts, values = read(settings_of(data, config), look)
    if json:
        print_json({**facts, "parameters": values})
        return
    rows = [
        (name, moment(value) if name.endswith("_at") and value else value) for name, value in facts.items()
    ]
    print_table(device, ("field", "value"), [*rows, *values.items()])
    if facts["reboot_needed_at"] is not None:
        key = f" (ParameterKey {facts['reboot_needed_for']})" if facts["reboot_needed_for"] else ""
        since = moment(facts["reboot_needed_at"])
        text = f"changes{key} are committed and not applied since {since}; the next boot applies them"
        console.print(text, markup=False, highlight=False)


def _show_canonical(device: str, settings: Settings, *, json: bool) -> None:
    """Show what is stored of a device under canonical names."""
    from acs import devices as dev
    from acs.datamodel import load_profiles
    from acs.datamodel.canonical import view

    def look(conn: Connection) -> tuple[Any, Any]:
        found = find_device(conn, device)
        return found, dev.parameters_of(conn, found.id)

    found, stored = read(settings, look)
    profile = load_profiles(settings.data).of(found)
    known = view(profile, stored, root=found.root)
    if json:
        print_json({"device": device, "profile": profile.name, "values": known})
        return
    rows = [
        (each.name, f"({each.raw})" if each.value is None else each.value, each.unit, each.path)
        for each in known.values()
    ]
    title = f"{device}, profile {profile.name}"
    print_table(title, ("name", "value", "unit", "parameter"), rows)


@devices.command("register")
def register_device(
    oui: Annotated[str, typer.Argument(help="Six hexadecimal digits.")],
    serial_number: Annotated[str, typer.Argument(help="SerialNumber as the device tells it in its Inform.")],
    data: Data = None,
    config: Config = None,
    json: Json = False,
    product_class: Annotated[str, typer.Option(help="ProductClass.")] = "",
    password: Annotated[
        bool, typer.Option("--password", help="Make credentials for HTTP Digest and print them once.")
    ] = False,
    once: Annotated[
        bool, typer.Option("--once", help="The password is replaced by another at first contact.")
    ] = False,
) -> None:
    """Register a device before it comes, with a password where it has no certificate.

    Example: acs devices register 0005B9 A1 --password
    """
    from acs import devices as dev
    from acs.security import new_password
    from acs.southbound import seal_device_password

    settings = settings_of(data, config)
    secret = new_password() if password else ""
    key = dev.device_key(oui, serial_number)

    secrets = secrets_of(settings) if secret else None

    def act(conn: Connection) -> None:
        now = time.time()
        made = dev.register(conn, oui, serial_number, product_class=product_class, now=now)
        if secrets is not None:
            sealed = seal_device_password(secrets, secret)
            dev.set_digest_secret(conn, made.id, key, sealed, once=once)
        dev.audit(conn, who(), "device registered", key, "by the operator", now=now)

    write(settings, act)
    facts = {"device": key, **({"username": key, "password": secret} if secret else {})}
    if json:
        print_json(facts)
    else:
        print_table("Registered", ("field", "value"), list(facts.items()))


@devices.command("rotate-secrets")
def rotate_device_secrets(device: DeviceKey, data: Data = None, config: Config = None) -> None:
    """Give a device a new password for connection requests and, where it has one, for itself.

    Old and new are accepted until the device has used the new one. Nobody is shown either.
    """
    from acs.southbound.rotation import rotate_secrets

    settings = settings_of(data, config)
    require_data(settings)
    secrets = secrets_of(settings)
    made = write(
        settings,
        lambda conn: rotate_secrets(conn, find_device(conn, device), secrets, who=who(), now=time.time()),
    )
    console.print(f"command {made.id} sets the new secrets of {device}", markup=False)


@devices.command("block")
def block_device(
    device: DeviceKey,
    because: Reason,
    measure: Annotated[
        list[str] | None, typer.Option(help="Ask the network for this too, beside what the policy says.")
    ] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Put a device on the HeMS's black list: its sessions are refused.

    The network is asked for the measures that the policy has for BLOCK. `unblock` takes all of it back.
    Example: `acs devices block 0005B9-A1 --because "it was stolen" --measure SUBSCRIBER_REPLACE`
    """
    from acs import measures as ms
    from acs import remediation as rm

    settings = settings_of(data, config)
    env = environment_of(settings)

    def act(conn: Connection) -> tuple[bool, list[ms.Measure]]:
        found, told = find_device(conn, device).id, {"who": who(), "why": because}
        done = rm.block(conn, found, measure or (), **told, env=env, now=time.time())
        return done, ms.in_force(conn, found)

    done, measures = write(settings, act)
    if not done:
        console.print(f"{device} is not blocked until a second person says the same", markup=False)
        return
    asked = ", ".join(f"{each.measure} at {each.target}" for each in measures)
    console.print(f"{device} is blocked" + (f"; asked for: {asked}" if asked else ""), markup=False)


@devices.command("unblock")
def unblock_device(device: DeviceKey, because: Reason, data: Data = None, config: Config = None) -> None:
    """Take a device off the black list, and undo what the network was asked to do about it.

    Where the network was, that takes a second person who says the same.
    """
    from acs import remediation as rm

    settings = settings_of(data, config)
    env = environment_of(settings)
    done = write(
        settings,
        lambda conn: rm.unblock(
            conn, find_device(conn, device).id, who=who(), why=because, env=env, now=time.time()
        ),
    )
    told = "is allowed" if done else "stays blocked until a second person says the same"
    console.print(f"{device} {told}", markup=False)
