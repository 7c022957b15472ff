"""``acs trace``: start, stop, list, show, export."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text
from sqlalchemy import Connection

from acs.cli.input import seconds_of
from acs.cli.node import find_device, read, settings_of, who, write
from acs.cli.options import Config, Data, DeviceKey, Json, Limit
from acs.cli.output import (
    StandardOutput,
    console,
    moment,
    print_json,
    print_table,
    tell_limit,
    write_new,
)

__all__ = ["trace"]

trace = typer.Typer(no_args_is_help=True)
Traces = Annotated[list[int], typer.Argument(metavar="TRACE…", help="Numbers, see acs trace list.", min=1)]


class Form(StrEnum):
    """In which form a trace is exported."""

    jsonl = "jsonl"
    html = "html"
    har = "har"
    text = "text"


@trace.command("start")
def start(
    device: DeviceKey,
    data: Data = None,
    config: Config = None,
    duration: Annotated[str, typer.Option("--for", help="For how long: 90s, 30m, 1h, at most 7d.")] = "1h",
) -> None:
    """Keep every conversation with a device for a while; each session is stored as it ends."""
    from acs import devices as dev
    from acs import traces as tr

    def act(conn: Connection) -> float:
        now = time.time()
        found = find_device(conn, device)
        dev.audit(conn, who(), "trace started", device, duration, now=now)
        return tr.trace_start(conn, found.id, seconds=seconds_of(duration), who=who(), now=now)

    until = write(settings_of(data, config), act)
    console.print(f"{device} is traced until {moment(until)}; see: acs trace list {device}", markup=False)


@trace.command("stop")
def stop(device: DeviceKey, data: Data = None, config: Config = None) -> None:
    """Trace a device no longer; what was kept stays."""
    from acs import devices as dev
    from acs import traces as tr

    def act(conn: Connection) -> bool:
        stopped = tr.trace_stop(conn, find_device(conn, device).id)
        if stopped:
            dev.audit(conn, who(), "trace stopped", device, "", now=time.time())
        return stopped

    stopped = write(settings_of(data, config), act)
    console.print(f"{device} is {'no longer' if stopped else 'not'} traced", markup=False)


@trace.command("list")
def list_traces(
    device: Annotated[str, typer.Argument(metavar="[DEVICE]", help="Only this device.")] = "",
    data: Data = None,
    config: Config = None,
    json: Json = False,
    limit: Limit = 100,
) -> None:
    """List the traces that are kept, the newest first."""
    from acs import devices as dev
    from acs import traces as tr

    def look(conn: Connection) -> list[dict[str, Any]]:
        wanted = find_device(conn, device).id if device else None
        found = tr.list_traces(conn, device_id=wanted, limit=limit)
        keys = {each.device_id: dev.get(conn, each.device_id).device_key for each in found}
        return [{"device": keys[each.device_id], **asdict(each)} for each in found]

    found = read(settings_of(data, config), look)
    tell_limit(found, limit)
    if json:
        print_json(found)
        return
    rows = [
        (each["id"], each["device"], moment(each["started_at"]), each["messages"], each["reason"])
        for each in found
    ]
    print_table("Traces", ("id", "device", "from", "messages", "why"), rows)


@trace.command("show")
def show(
    traces: Traces,
    data: Data = None,
    config: Config = None,
    headers: Annotated[bool, typer.Option(help="With the HTTP headers.")] = False,
) -> None:
    """Show conversations in the order of time; what devices sent is shown, never interpreted."""
    from acs import traces as tr

    found = read(settings_of(data, config), lambda conn: tr.messages_of(conn, traces))
    for text in tr.as_text(found, headers=headers):
        console.print(Text(text), soft_wrap=True)


@trace.command("export")
def export(
    traces: Traces,
    data: Data = None,
    config: Config = None,
    form: Annotated[
        Form, typer.Option("--format", help="HAR is the HTTP Archive 1.2, html one page to read.")
    ] = Form.jsonl,
    out: Annotated[
        Path | None, typer.Option(help="Into this new file (default: the standard output).")
    ] = None,
) -> None:
    """Export conversations for other tools. Secrets were left out before they were stored."""
    from acs import __version__
    from acs import devices as dev
    from acs import traces as tr

    def look(conn: Connection) -> tuple[dict[str, list[tr.Trace]], list[tr.Message]]:
        by_device: dict[str, list[tr.Trace]] = {}
        for each in (tr.find_trace(conn, number) for number in dict.fromkeys(traces)):
            by_device.setdefault(dev.get(conn, each.device_id).device_key, []).append(each)
        return by_device, tr.messages_of(conn, dict.fromkeys(traces))

    kept, found = read(settings_of(data, config), look)

    def lines() -> Iterator[str]:
        if form is Form.har:
            yield msgspec.json.format(msgspec.json.encode(tr.as_har(found, version=__version__))).decode()
        elif form is Form.text:
            yield from tr.as_text(found, headers=True)
        else:
            yield from (msgspec.json.encode(each).decode() for each in found)

    if form is Form.html:
        content = tr.as_html(kept, found)
    else:
        content = "".join(f"{line}\n" for line in lines()).encode("utf-8", "backslashreplace")
    if out is None:
        StandardOutput().write(content.decode())
        return
    write_new(out, content)
    console.print(f"{len(found)} messages are in {out}", markup=False)
