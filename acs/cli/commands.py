"""``acs commands``: the requests to devices: look, send, cancel."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated, Any, Literal

import msgspec
import typer
from sqlalchemy import Connection

from acs.cli.node import find_device, read, settings_of, who, with_devices, write
from acs.cli.options import Config, Data, Json, Limit, Number
from acs.cli.output import console, moment, print_json, print_table, tell_limit
from acs.cli.rpc import rpc
from acs.errors import AcsError

__all__ = ["commands"]

commands = typer.Typer(no_args_is_help=True)
commands.add_typer(rpc, name="send")


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

    def look(conn: Connection) -> list[dict[str, Any]]:
        wanted = find_device(conn, device).id if device else None
        found = cm.list_commands(conn, device_id=wanted, state=state, limit=limit)
        return [{**row, **_shown(row["payload"], row["result"])} for row in with_devices(conn, found)]

    found = read(settings_of(data, config), look)
    tell_limit(found, limit)
    if json:
        print_json(found)
        return
    columns = ("id", "device", "method", "command_key", "purpose", "state", "attempts")
    rows = [(*(each[name] for name in columns), moment(each["created_at"]), _why(each)) for each in found]
    print_table("Commands", (*columns, "created", "why"), rows)


def _why(command: dict[str, Any]) -> str:
    """Return why a command did not succeed, as short as a table has it."""
    return f"{command['fault_code'] or ''} {command['fault_string']}".strip()[:80]


@commands.command("show")
def show_command(command: Number, data: Data = None, config: Config = None) -> None:
    """Show a command and its answer, as JSON, without secrets; of one in parts how many are answered."""
    from acs import commands as cm

    settings = settings_of(data, config)
    found = read(settings, lambda conn: cm.find_command(conn, command))
    if found is None:
        raise AcsError(f"there is no command {command}; see: acs commands list")
    facts = {**asdict(found), **_shown(found.payload, found.result)}
    if found.part is not None and found.state in cm.OPEN:
        answered, known = read(settings, lambda conn: cm.count_parts(conn, command))
        facts["parts"] = {"answered": answered, "known": known}
    for name in ("payload", "result"):
        facts[name] = msgspec.json.decode(facts[name]) if facts[name] else None
    print_json(facts)


def _shown(payload: str, result: str | None) -> dict[str, str | None]:
    """Return what a command asks and what was answered, as JSON, without the secrets in it."""
    from acs import commands as cm
    from acs.datamodel import veiled

    told = msgspec.json.encode(veiled(msgspec.json.decode(result))).decode() if result else result
    return {"payload": cm.masked(payload), "result": told}


@commands.command("cancel")
def cancel_command(command: Number, data: Data = None, config: Config = None) -> None:
    """Withdraw a command that is not settled."""
    from acs import commands as cm

    def act(conn: Connection) -> Any:
        from acs import bulkdata as bd
        from acs import devices as dev
        from acs import remediation as rm

        now = time.time()
        known = cm.find_command(conn, command)
        if known is not None:
            dev.lock(conn, known.device_id)  # before its case, as everybody does
        found = cm.cancel(conn, command, now=now)
        if found is not None:
            bd.profile_commands_settled(conn, [found], now=now)
            rm.command_withdrawn(conn, found, now=now)
            key = dev.get(conn, found.device_id).device_key
            dev.audit(conn, who(), f"command {found.method} cancelled", key, found.command_key, now=now)
        return found

    found = write(settings_of(data, config), act)
    if found is None:
        raise AcsError(f"command {command} is not open; see: acs commands list")
    console.print(f"command {command} is withdrawn")
