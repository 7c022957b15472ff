"""``acs commands``, ``acs golden``: act."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import typer
from sqlalchemy import Connection

from acs.cli.input import read_text
from acs.cli.node import find_device, read, settings_of, who, write
from acs.cli.options import Config, Data, Json, Limit, Number
from acs.cli.output import console, moment, print_json, print_table, tell_limit
from acs.cli.rpc import rpc
from acs.errors import AcsError

__all__ = ["commands", "golden"]

commands = typer.Typer(no_args_is_help=True)
commands.add_typer(rpc, name="send")
golden = typer.Typer(no_args_is_help=True)


@commands.command("list")
def list_commands(
    data: Data = None,
    config: Config = None,
    json: Json = False,
    limit: Limit = 100,
    device: Annotated[str | None, typer.Option(help="Only this device.")] = None,
    state: Annotated[
        Literal["queued", "sent", "accepted", "succeeded", "failed", "expired", "cancelled"] | None,
        typer.Option(help="Only in this state."),
    ] = None,
) -> None:
    """List commands, the newest first."""
    from acs import commands as cm
    from acs import devices as dev

    def look(conn: Connection) -> list[dict[str, Any]]:
        wanted = find_device(conn, device).id if device else None
        found = cm.list_commands(conn, device_id=wanted, state=state, limit=limit)
        keys = {each.device_id: dev.get(conn, each.device_id).device_key for each in found}
        return [
            {"device": keys[each.device_id], **asdict(each), "payload": cm.masked(each.payload)}
            for each in found
        ]

    found = read(settings_of(data, config), look)
    tell_limit(found, limit)
    if json:
        print_json(found)
        return
    columns = ("id", "device", "method", "command_key", "purpose", "state", "attempts", "fault_code")
    rows = [(*(each[name] for name in columns), moment(each["created_at"])) for each in found]
    print_table("Commands", (*columns, "created"), rows)


@commands.command("show")
def show_command(command: Number, data: Data = None, config: Config = None) -> None:
    """Show a command and its answer, as JSON."""
    from acs import commands as cm

    found = read(settings_of(data, config), lambda conn: cm.find_command(conn, command))
    if found is None:
        raise AcsError(f"there is no command {command}; see: acs commands list")
    facts = {**asdict(found), "payload": cm.masked(found.payload)}
    for name in ("payload", "result"):
        facts[name] = msgspec.json.decode(facts[name]) if facts[name] else None
    print_json(facts)


@commands.command("cancel")
def cancel_command(command: Number, data: Data = None, config: Config = None) -> None:
    """Withdraw a command that is not settled."""
    from acs import commands as cm

    def act(conn: Connection) -> Any:
        from acs import devices as dev

        now = time.time()
        found = cm.cancel(conn, command, now=now)
        if found is not None:
            key = dev.get(conn, found.device_id).device_key
            dev.audit(conn, who(), f"command {found.method} cancelled", key, found.command_key, now=now)
        return found

    found = write(settings_of(data, config), act)
    if found is None:
        raise AcsError(f"command {command} is not open; see: acs commands list")
    console.print(f"command {command} is withdrawn")


@golden.command("set")
def set_golden(
    path: Annotated[Path, typer.Argument(help="YAML: a list of {name, value, type}.", exists=True)],
    data: Data = None,
    config: Config = None,
    scope: Annotated[str, typer.Option(help="All devices (*), class:HeNB-LTE or device:0005B9-A1.")] = "*",
    model: Annotated[
        str, typer.Option(help="Check names and values against this model; empty: don't.")
    ] = "henb",
) -> None:
    """Replace the golden configuration of a scope. Names and values are checked first."""
    from acs import devices as dev
    from acs.cwmp import messages as m
    from acs.datamodel import parse_golden

    if scope != "*" and not scope.startswith(("class:", "device:")):
        raise AcsError(f"the scope {scope!r} is none; use *, class:<ProductClass> or device:<key>")
    values = parse_golden(read_text(path), str(path))
    if model:
        checked = read(settings_of(data, config), lambda conn: dev.named_model(conn, model))
        problems = [
            f"{name}: {problem.text}"
            for name, value, kind in values
            if (problem := checked.check(name, value, kind)) is not None
        ]
        if problems:
            raise AcsError(f"{path}: " + "; ".join(problems[:10]))

    def act(conn: Connection) -> int:
        return dev.set_golden(
            conn, scope, [m.ParameterValue(*each) for each in values], who=who(), now=time.time()
        )

    console.print(f"{write(settings_of(data, config), act)} parameters are set for {scope}", markup=False)


@golden.command("show")
def show_golden(
    device: Annotated[str, typer.Argument(metavar="[DEVICE]", help="What this device should have.")] = "",
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Show the scopes, or the merged golden configuration of one device."""
    from acs import devices as dev

    settings = settings_of(data, config)
    if not device:
        scopes = read(settings, dev.golden_scopes)
        if json:
            print_json(scopes)
        else:
            print_table("Golden configurations", ("scope", "parameters"), list(scopes.items()))
        return
    found = read(settings, lambda conn: dev.golden(conn, find_device(conn, device)))
    values = {name: each.value for name, each in found.items()}
    if json:
        print_json(values)
    else:
        print_table(f"Golden configuration of {device}", ("parameter", "value"), list(values.items()))
