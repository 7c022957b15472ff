"""Options and arguments that many commands have, each said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["Config", "Data", "DeviceKey", "Json", "Limit", "Number", "Reason"]

Data = Annotated[
    Path | None,
    typer.Option("--data", help="The node's data directory (default: ./acs-data).", envvar="ACS_DATA"),
]
Config = Annotated[
    Path | None, typer.Option("--config", help="A TOML file of settings.", envvar="ACS_CONFIG")
]
Number = Annotated[int, typer.Argument(min=1, max=2**63 - 1, help="Its number, see the list.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
DeviceKey = Annotated[
    str,
    typer.Argument(
        metavar="DEVICE", help="Its key OUI-SerialNumber, for example 0005B9-A1; see acs devices list."
    ),
]
Limit = Annotated[int, typer.Option(help="How many rows at most.", min=1, max=100_000)]
Reason = Annotated[str, typer.Option("--because", help="Why; it is kept in the audit.")]
