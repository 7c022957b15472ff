"""``acs config``: declared state by layers: set, show, plan, apply, verify, history, sites, secrets."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from acs.cli.config_scope import apply_to, devices_of, plan_scope, verify_scope
from acs.cli.input import read_file, read_table, read_text
from acs.cli.node import (
    find_device,
    read,
    require_data,
    secrets_of,
    settings_of,
    settings_with_profiles,
    who,
    write,
)
from acs.cli.options import Config, Data, Json, Limit, Reason
from acs.cli.output import console, moment, print_json, print_table
from acs.errors import AcsError
from acs.settings import Settings

__all__ = ["config"]

config = typer.Typer(no_args_is_help=True)
ReadFirst = Annotated[
    bool, typer.Option("--read", help="Read the parameters from the device first; it is called at once.")
]
_SCOPE = "All devices (*), class:HeNB-LTE, group:stadium, site:Harbour or device:0005B9-A1."
MaybeDevice = Annotated[
    str, typer.Argument(metavar="[DEVICE]", help="Its key OUI-SerialNumber, or --scope for many.")
]
Of = Annotated[str, typer.Option("--scope", help=f"All devices of it. {_SCOPE}")]
_PAUSE = 0.25  # seconds between two looks
_OPEN = ("queued", "sent", "accepted")


@config.command("set")
def set_layer(
    path: Annotated[Path, typer.Argument(help="YAML: values and tables; `-` takes the layer away.")],
    data: Data = None,
    config: Config = None,
    scope: Annotated[str, typer.Option(help=_SCOPE)] = "*",
    because: Reason = "",
) -> None:
    """Declare the state of a scope, in place of what was declared for it. Nothing is sent by this."""
    from acs import devices as dev
    from acs.declared import Layer, parse_layer

    settings = settings_with_profiles(data, config)
    layer = Layer() if str(path) == "-" else parse_layer(read_text(path), str(path))
    made = write(
        settings,
        lambda conn: dev.set_layer(conn, scope, layer, who=who(), now=time.time(), why=because),
    )
    size = made.layer.size
    console.print(f"{scope}: {size} values and rows are declared, version {made.version}", markup=False)


@config.command("show")
def show(
    what: Annotated[
        str, typer.Argument(metavar="[SCOPE|DEVICE]", help="A scope, or a device: all that holds for it.")
    ] = "",
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Show the layers, one layer, or what is declared for a device and which layer says so."""
    from acs import devices as dev

    settings = settings_with_profiles(data, config)
    if not what:
        found = read(settings, dev.layers)
        columns = ("scope", "entries", "version", "changed", "by")
        rows = [
            (each.scope, each.layer.size, each.version, each.changed_at, each.changed_by) for each in found
        ]
        if json:
            print_json([dict(zip(columns, row, strict=True)) for row in rows])
        else:
            shown = [(*row[:3], moment(row[3]), row[4]) for row in rows]
            print_table("Declared state", columns, shown)
    elif what == "*" or ":" in what:
        layer = next((each.layer for each in read(settings, dev.layers) if each.scope == what), None)
        if layer is None:
            raise AcsError(f"nothing is declared for {what!r}; see: acs config show")
        print_json(layer)
    else:
        _show_device(settings, what, json=json)


def _show_device(settings: Settings, key: str, *, json: bool) -> None:
    from acs import devices as dev

    wanted = read(settings, lambda conn: dev.declared(conn, find_device(conn, key))).wanted
    if json:
        print_json(wanted)
        return
    rows = [
        (each.name, f"(secret {each.secret})" if each.secret else each.value, each.layer, each.path)
        for each in wanted.values
    ]
    rows += [(each.path, f"{len(each.rows)} rows", each.layer, each.path) for each in wanted.tables]
    print_table(f"Declared for {key}", ("name", "value", "layer", "parameter"), rows)
    _print_problems(wanted.problems)


def _print_problems(problems: tuple[str, ...]) -> None:
    for each in problems:
        console.print(f"problem: {each}", style="red", markup=False, highlight=False)


def _one_of(device: str, scope: str, *, first: bool = False) -> None:
    if bool(device) is bool(scope):
        raise AcsError("name a device, or many with --scope")
    if scope and first:
        raise AcsError("--read asks one device; leave it or --scope out")


@config.command("plan")
def show_plan(
    device: MaybeDevice = "",
    data: Data = None,
    config: Config = None,
    json: Json = False,
    first: ReadFirst = False,
    scope: Of = "",
) -> None:
    """Show the exact list of RPCs that would bring a device to its declared state, each with its reason.

    By the last known values; with --read the device is asked first. With --scope: how much would be sent to
    each device of it. Exit code 1: there is something to send; 2: what is declared is wrong.
    """
    from acs import devices as dev

    settings = settings_with_profiles(data, config)
    _one_of(device, scope, first=first)
    if scope:
        plan_scope(settings, scope, json=json)
        return
    if first:
        _read_from(settings, device)
    found, planned = read(settings, lambda conn: dev.plan_of(conn, find_device(conn, device)))
    if json:
        print_json({"device": device, "problems": found.wanted.problems, "steps": planned.steps})
    elif found.wanted.problems:
        _print_problems(found.wanted.problems)
    elif not planned.steps:
        console.print(f"{device} is as it is declared; nothing would be sent", markup=False)
    else:
        columns = ("#", "RPC", "parameter", "is", "will be", "because")
        print_table(f"Plan for {device}", columns, _plan_rows(planned))
    if found.wanted.problems:
        raise typer.Exit(2)
    if planned.steps:
        raise typer.Exit(1)


def _plan_rows(planned: Any) -> list[tuple[Any, ...]]:
    from acs.declared import AddObject, DeleteObject

    rows: list[tuple[Any, ...]] = []
    for number, step in enumerate(planned.steps, 1):
        match step:
            case AddObject(table, label, because):
                rows.append((number, "AddObject", table, "", f"new row <{label}>", because))
            case DeleteObject(path, because):
                rows.append((number, "DeleteObject", path, "", "", because))
            case _:
                for each in step.values:
                    is_ = "(unknown)" if each.was is None else each.was
                    value = f"(secret {each.secret})" if each.secret else each.value
                    rows.append((number, "SetParameterValues", each.path, is_, value, each.because))
    return rows


@config.command("apply")
def apply(
    because: Reason,
    devices: Annotated[
        list[str] | None,
        typer.Argument(metavar="[DEVICE...]", help="Keys OUI-SerialNumber, for example 0005B9-A1."),
    ] = None,
    data: Data = None,
    config: Config = None,
    scope: Of = "",
    wait: Annotated[float, typer.Option(help="Wait so many seconds for each device.", min=0)] = 0,
) -> None:
    """Bring devices to their declared state: as a case each, which survives everything and reads back."""
    settings = settings_with_profiles(data, config)
    _one_of(" ".join(devices or ()), scope)
    failed = False
    for key, case in apply_to(settings, devices or devices_of(settings, scope), because):
        if case is None:
            console.print(f"{key}: asked for; it waits for the device or for another case", markup=False)
        elif wait:
            failed = not _await_case(settings, key, case, wait) or failed
        else:
            console.print(f"{key}: case {case}; see: acs cases show {case}", markup=False)
    if failed:
        raise typer.Exit(1)


def _await_case(settings: Settings, key: str, number: int, seconds: float) -> bool:
    """Wait for the end of a case and print it; tell whether the device is configured."""
    from acs import remediation as rm

    def done() -> Any:
        case = read(settings, lambda conn: rm.find_case(conn, number))
        return case if case is not None and case.state == "closed" else None

    case = _until(done, seconds)
    if case is None:
        console.print(f"{key}: case {number} is not finished; see: acs cases show {number}", markup=False)
        return False
    console.print(f"{key}: case {number}, {case.outcome}: {case.because}", markup=False)
    return bool(case.outcome == "CONFIGURED")


def _until(look: Callable[[], Any], seconds: float) -> Any:
    end = time.monotonic() + seconds
    while (found := look()) is None and time.monotonic() < end:
        time.sleep(_PAUSE)
    return found


@config.command("verify")
def verify(
    device: MaybeDevice = "",
    data: Data = None,
    config: Config = None,
    json: Json = False,
    first: ReadFirst = False,
    scope: Of = "",
) -> None:
    """Show where a device deviates from what is declared, or each of a scope. Exit code 1: it does."""
    from acs import devices as dev

    settings = settings_with_profiles(data, config)
    _one_of(device, scope, first=first)
    if scope:
        verify_scope(settings, scope, json=json)
        return
    if first:
        _read_from(settings, device)

    def look(conn: Connection) -> tuple[Any, list[Any]]:
        found = find_device(conn, device)
        return dev.declared(conn, found).wanted, dev.drift(conn, found)

    wanted, found = read(settings, look)
    if json:
        print_json({"device": device, "problems": wanted.problems, "deviations": found})
    elif found:
        rows = [(each.kind, each.path, each.wanted, each.actual, each.because) for each in found]
        print_table(f"{device} deviates", ("what", "parameter", "declared", "is", "because"), rows)
    else:
        console.print(f"{device} is as it is declared", markup=False)
    if not json:
        _print_problems(wanted.problems)
    if found or wanted.problems:
        raise typer.Exit(1)


def _read_from(settings: Settings, key: str, seconds: float = 60.0) -> None:
    """Have the device tell the values of what is declared, and wait for them."""
    import uuid

    from acs import commands as cm
    from acs import devices as dev
    from acs.cwmp import messages as m

    def ask(conn: Connection) -> list[int]:
        device = find_device(conn, key)
        found = dev.declared(conn, device)
        requests = [found.names] if found.names else []
        requests += [(table,) for table in found.tables]
        now = time.time()
        return [
            cm.enqueue(
                conn,
                device.id,
                m.GetParameterValues(names),
                command_key=f"rd-{uuid.uuid4().hex[:16]}",
                purpose="operator",
                expires_at=now + seconds,
                now=now,
            ).id
            for names in requests
        ]

    asked = write(settings, ask)

    def done() -> Any:
        found = read(settings, lambda conn: [cm.find_command(conn, each) for each in asked])
        return found if all(each is not None and each.state not in _OPEN for each in found) else None

    settled = _until(done, seconds)
    if settled is None:
        raise AcsError(f"{key} did not answer within {seconds:g} s; without --read last known values do")
    for each in settled:
        if each.state != "succeeded" and each.fault_code != 9005:
            fault = f"fault {each.fault_code} {each.fault_string}"
            raise AcsError(f"{key} could not be read: {each.state}, {fault}")


@config.command("history")
def history(
    scope: Annotated[str, typer.Argument(metavar="[SCOPE]", help=_SCOPE)] = "",
    data: Data = None,
    config: Config = None,
    json: Json = False,
    limit: Limit = 100,
) -> None:
    """Show what was declared, when, by whom and why, the newest first."""
    from acs import devices as dev

    found = read(settings_of(data, config), dev.layer_history, scope=scope, limit=limit)
    if json:
        print_json(found)
        return
    rows = [
        (each.scope, each.version, each.layer.size, moment(each.changed_at), each.changed_by, each.why)
        for each in found
    ]
    print_table("History of declared state", ("scope", "version", "entries", "changed", "by", "why"), rows)


@config.command("sites")
def show_sites(data: Data = None, config: Config = None, json: Json = False) -> None:
    """Show the sites and their values."""
    from acs import devices as dev

    found = read(settings_of(data, config), dev.sites)
    if json:
        print_json(found)
        return
    rows = [(site, name, value) for site, values in found.items() for name, value in values.items()]
    print_table("Sites", ("site", "value", "is"), rows)


@config.command("site")
def set_site(
    site: Annotated[str, typer.Argument(help="The site's name, or - with --csv.")],
    values: Annotated[list[str] | None, typer.Argument(metavar="NAME=VALUE...")] = None,
    data: Data = None,
    config: Config = None,
    table: Annotated[
        Path | None, typer.Option("--csv", help="Many sites: a column `site`, and one for each value.")
    ] = None,
) -> None:
    """Say what is known of a site, in place of what was; templates ask for it as {{ site.NAME }}."""
    from acs import devices as dev

    wanted = read_table(table, "site") if table is not None else {site: _pairs(values or [])}

    def act(conn: Connection) -> None:
        for name, given in wanted.items():
            dev.set_site_values(conn, name, given)
            dev.audit(conn, who(), "site values set", name, ", ".join(given), now=time.time())

    write(settings_of(data, config), act)
    console.print(f"{len(wanted)} sites are set", markup=False)


def _pairs(values: list[str]) -> dict[str, str]:
    wrong = [each for each in values if "=" not in each]
    if wrong:
        raise AcsError(f"{wrong[0]!r} is no NAME=VALUE")
    return dict(each.split("=", 1) for each in values)


@config.command("secret")
def set_secret(
    name: Annotated[str, typer.Argument(help="The name by which declared state refers to it.")],
    data: Data = None,
    config: Config = None,
) -> None:
    """Keep a secret, read from standard input; a device that it is declared for is given the new one."""
    import re

    from acs import devices as dev
    from acs.southbound import seal_config_secret

    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name):
        raise AcsError(f"{name[:80]!r} is no name of a secret: 1 to 64 letters, digits and . _ -")
    settings = settings_of(data, config)
    require_data(settings)
    secret = sys.stdin.readline().rstrip("\r\n")
    if not 1 <= len(secret) <= 256:
        raise AcsError(f"the secret has {len(secret)} characters; 1 to 256 are allowed, on one line")
    sealed = seal_config_secret(secrets_of(settings), name, secret)

    def act(conn: Connection) -> int:
        version = dev.set_config_secret(conn, name, sealed, now=time.time())
        dev.audit(conn, who(), "secret set", name, f"version {version}", now=time.time())
        return version

    console.print(f"the secret {name} is kept, version {write(settings, act)}", markup=False)


@config.command("check")
def check(path: Annotated[Path, typer.Argument(help="A layer's YAML file.", exists=True)]) -> None:
    """Check a layer's file: names, values, tables and templates."""
    from acs.declared import parse_layer

    layer = parse_layer(read_file(path).decode("utf-8", "replace"), str(path))
    console.print(f"{path}: right; {layer.size} values and rows", markup=False)
