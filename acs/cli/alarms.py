"""``acs alarms``: the alarm list: look, acknowledge."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from acs.cli.node import (
    find_device,
    read,
    settings_of,
    who,
    with_devices,
    write,
)
from acs.cli.options import Config, Data, Json, Limit, Number
from acs.cli.output import console, moment, print_json, print_table, tell_limit

__all__ = ["alarms"]

alarms = typer.Typer(no_args_is_help=True)


@alarms.command("list")
def list_alarms(
    data: Data = None,
    config: Config = None,
    json: Json = False,
    limit: Limit = 100,
    device: Annotated[str | None, typer.Option(help="Only this device.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Cleared ones as well.")] = False,
) -> None:
    """List alarms, the newest first."""
    from acs import alarms as al

    def look(conn: Connection) -> list[dict[str, Any]]:
        wanted = find_device(conn, device).id if device else None
        found = al.list_alarms(conn, device_id=wanted, state=None if everything else "active", limit=limit)
        holds = al.holds_of(conn, [each.id for each in found])
        return [
            {**row, "held_back": asdict(holds[row["id"]]) if row["id"] in holds else None}
            for row in with_devices(conn, found)
        ]

    found = read(settings_of(data, config), look)
    tell_limit(found, limit)
    if json:
        print_json(found)
        return
    columns = ("id", "device", "state", "event_type", "probable_cause", "specific_problem")
    rows = [
        (
            *(each[name] for name in columns),
            each["perceived_severity"],
            moment(each["raised_at"]),
            f"{each['held_back']['by']}: {each['held_back']['because']}" if each["held_back"] else "",
        )
        for each in found
    ]
    print_table("Alarms", (*columns, "severity", "raised", "held back by"), rows)


@alarms.command("ack")
def acknowledge_alarm(alarm: Number, data: Data = None, config: Config = None) -> None:
    """Acknowledge an alarm in your name."""
    from acs import alarms as al
    from acs import devices as dev

    def act(conn: Connection) -> None:
        device = dev.get(conn, al.get_alarm(conn, alarm).device_id)
        now = time.time()
        al.acknowledge(conn, device, alarm, who=who(), now=now)
        dev.audit(conn, who(), "alarm acknowledged", device.device_key, str(alarm), now=now)

    write(settings_of(data, config), act)
    console.print(f"alarm {alarm} is acknowledged")
