"""``acs golden``: the golden configuration: show, set."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection

from acs.cli.input import read_text
from acs.cli.node import find_device, read, settings_with_profiles, who, write
from acs.cli.options import Config, Data, Json
from acs.cli.output import console, print_json, print_table
from acs.errors import AcsError

__all__ = ["golden"]

golden = typer.Typer(no_args_is_help=True)


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
    from acs.declared import layer_of_values, refuse_plain_secrets

    if scope != "*" and not scope.startswith(("class:", "device:")):
        raise AcsError(f"the scope {scope!r} is none; use *, class:<ProductClass> or device:<key>")
    values = parse_golden(read_text(path), str(path))
    refuse_plain_secrets(layer_of_values(m.ParameterValue(*each) for each in values), str(path))
    settings = settings_with_profiles(data, config)
    if model:
        checked = read(settings, lambda conn: dev.named_model(conn, model))
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

    console.print(f"{write(settings, act)} parameters are set for {scope}", markup=False)


@golden.command("show")
def show_golden(
    device: Annotated[str, typer.Argument(metavar="[DEVICE]", help="What this device should have.")] = "",
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Show the scopes, or the merged golden configuration of one device."""
    from acs import devices as dev

    settings = settings_with_profiles(data, config)
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
