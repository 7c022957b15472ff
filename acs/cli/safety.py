"""``acs safety``: how much may be disturbed at once, what waits, and how to stop it all."""

from __future__ import annotations

import time
from typing import Annotated, Any

import msgspec
import typer
from sqlalchemy import Connection

from acs.cli.node import read, settings_of, who, write
from acs.cli.options import Config, Data, Json, Limit
from acs.cli.output import console, moment, print_json, print_table

__all__ = ["safety"]

safety = typer.Typer(no_args_is_help=True)
Group = Annotated[
    str, typer.Argument(help="fleet, site:NAME, model:NAME, version:MODEL VERSION, group:NAME or kind:…")
]
Why = Annotated[str, typer.Option(help="Why; kept in the audit.")]


def _overview(data: Any, config: Any, limit: int = 50) -> tuple[Any, Any]:
    from acs.remediation import load_policy
    from acs.remediation.safety.control import overview

    settings = settings_of(data, config)
    rules = load_policy(settings.policy).safety
    found = read(settings, lambda conn: overview(conn, rules, now=time.time(), limit=limit))
    return rules, found


@safety.command()
def show(data: Data = None, config: Config = None, json: Json = False, limit: Limit = 20) -> None:
    """Show what is paused, how many devices are being disturbed, and which cases wait for what."""
    _, found = _overview(data, config, limit)
    if json:
        print_json(msgspec.to_builtins(found))
        return
    console.print(f"{found.running} cases disturb their device, {found.waiting} wait", markup=False)
    busy = [each for each in found.groups if each.running or each.waiting or each.paused]
    columns = ("group", "running", "at most", "waiting", "ended well", "failed", "paused")
    rows = [
        (
            each.name,
            each.running,
            "" if each.limit is None else each.limit,
            each.waiting,
            each.good,
            each.bad,
            each.paused,
        )
        for each in busy
    ]
    if rows:
        print_table("Groups", columns, rows)
    if found.by_hand:
        told = [(each.command, each.device, each.method, moment(each.since)) for each in found.by_hand]
        print_table("Sent by hand, which counts too", ("command", "device", "method", "since"), told)
    if found.held:
        line = [(each.case, each.device, moment(each.since), each.because) for each in found.held]
        print_table("The line, the next one first", ("case", "device", "since", "because"), line)


@safety.command()
def limits(data: Data = None, config: Config = None, json: Json = False) -> None:
    """Show how many devices of each group may be disturbed at once, and why."""
    rules, found = _overview(data, config, 0)
    if json:
        print_json({"policy": msgspec.to_builtins(rules), "groups": msgspec.to_builtins(found.groups)})
        return
    for name, each in rules.limits.items():
        told = [f"{each.concurrent} at once"] if each.concurrent is not None else []
        told += [f"{each.percent:g} %, at least {each.at_least}"] if each.percent is not None else []
        console.print(f"{name}: {', '.join(told) or 'no limit'}", markup=False)
    canary, stop = rules.canary, rules.stop
    console.print(f"canaries: {canary.cases} of a kind, good for {canary.memory:g} s", markup=False)
    told = [f"{stop.failures} failures, {stop.percent:g} % of all, within {stop.window:g} s"]
    console.print(f"stop: {told[0]}; a person resumes", markup=False)
    rows = [
        (each.name, each.devices or "", each.running, each.limit, each.because)
        for each in found.groups
        if each.limit is not None
    ]
    print_table("Limits", ("group", "devices", "running", "at most", "because"), rows)


@safety.command()
def windows(data: Data = None, config: Config = None, json: Json = False) -> None:
    """Show the maintenance windows, and when each opens next; without any it is always open."""
    from acs.remediation import load_policy
    from acs.remediation.safety.windows import opens_at

    now = time.time()
    found = load_policy(settings_of(data, config).policy).safety.windows
    opens = [opens_at([each], now) for each in found]
    if json:
        print_json(
            [
                {**msgspec.to_builtins(each), "opens_at": at, "open": at == now}
                for each, at in zip(found, opens, strict=True)
            ]
        )
        return
    rows = [
        (
            ", ".join(each.groups),
            ", ".join(each.days),
            f"{each.start}-{each.end}",
            each.zone,
            "now" if at == now else moment(at),
        )
        for each, at in zip(found, opens, strict=True)
    ]
    print_table("Maintenance windows", ("groups", "days", "local time", "zone", "opens"), rows)
    if not rows:
        console.print("there are none: disruptive steps begin at any time")


@safety.command()
def pause(why: Why, group: Group = "fleet", data: Data = None, config: Config = None) -> None:
    """Let no disruptive step begin in a group, or in the whole fleet, until it is resumed.

    Alarms are taken in, forwarded and diagnosed all the same.
    Example: `acs safety pause site:Berlin --why "power works until noon"`
    """
    from acs.remediation.safety import control

    def act(conn: Connection) -> int | None:
        return control.pause(conn, group, who=who(), why=why, now=time.time())

    count = write(settings_of(data, config), act)
    about = "" if count is None else f", {count} devices"
    console.print(f"{group} is paused{about}; what was handed to devices already goes on", markup=False)
    if count == 0:
        console.print(f"no device belongs to {group} now: is it spelt right?", style="yellow", markup=False)


@safety.command()
def resume(why: Why, group: Group = "fleet", data: Data = None, config: Config = None) -> None:
    """Let disruptive steps begin again, in order; failures so far count no longer."""
    from acs.remediation.safety import control

    def act(conn: Connection) -> None:
        control.resume(conn, group, who=who(), why=why, now=time.time())

    write(settings_of(data, config), act)
    console.print(f"{group} goes on", markup=False)
