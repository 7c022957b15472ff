"""``acs measures``: what the network is asked to do about a device, and who does it (S1 5.7.4)."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from acs.cli.input import read_ascii, read_file
from acs.cli.node import environment_of, find_device, read, require_data, secrets_of, settings_of, who, write
from acs.cli.options import Config, Data, DeviceKey, Json, Limit, Number, Reason
from acs.cli.output import console, moment, print_json, print_table
from acs.errors import AcsError

__all__ = ["measures"]

measures = typer.Typer(no_args_is_help=True)
targets = typer.Typer(no_args_is_help=True)
measures.add_typer(targets, name="targets", help="The systems that carry measures out: add, list, remove.")


@measures.command("list")
def list_all(
    data: Data = None,
    config: Config = None,
    json: Json = False,
    limit: Limit = 100,
    device: Annotated[str | None, typer.Option(help="Only this device.")] = None,
    state: Annotated[str | None, typer.Option(help="waiting, done or dead (given up).")] = None,
    standing: Annotated[bool, typer.Option("--in-force", help="Of --device: what was not undone.")] = False,
) -> None:
    """List measures, the newest first.

    Example: acs measures list --state dead
    """
    from acs import measures as ms

    if state not in (None, "waiting", "done", "dead"):
        raise AcsError(f"--state {state!r} is unknown; known are waiting, done, dead")
    if standing and device is None:
        raise AcsError("--in-force needs --device")

    def look(conn: Connection) -> list[ms.Measure]:
        number = None if device is None else find_device(conn, device).id
        if standing and number is not None:
            return ms.in_force(conn, number)
        return ms.list_measures(conn, device_id=number, state=state, limit=limit)

    found = read(settings_of(data, config), look)
    if json:
        print_json([asdict(each) for each in found])
        return
    rows = [
        (
            each.id,
            moment(each.created_at),
            each.device_key,
            ms.operation_of(each.measure, each.action),
            each.target,
            each.state,
            each.attempts,
            each.who,
            each.error or each.because,
        )
        for each in found
    ]
    columns = ("#", "asked for", "device", "operation", "system", "state", "attempts", "who", "why")
    print_table("Measures", columns, rows)


@measures.command("send")
def send(
    device: DeviceKey,
    measure: Annotated[
        list[str], typer.Argument(help="SEGW_BLOCK, GATEWAY_BLOCK, … ; see acs measures kinds.")
    ],
    because: Reason,
    data: Data = None,
    config: Config = None,
) -> None:
    """Ask the network for measures about a device.

    Example: acs measures send 0005B9-A1 SEGW_BLOCK GATEWAY_BLOCK --because "it was stolen"
    """
    from acs import measures as ms

    settings = settings_of(data, config)
    system_dn = environment_of(settings).system_dn

    def act(conn: Connection) -> list[ms.Measure]:
        found, now = find_device(conn, device), time.time()
        return ms.request_measures(
            conn, found, measure, who=who(), because=because, system_dn=system_dn, now=now
        )

    _told(write(settings, act))


@measures.command("undo")
def undo(
    device: DeviceKey,
    because: Reason,
    measure: Annotated[list[str] | None, typer.Argument(help="None: all that are in force.")] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Undo measures. Where the policy wants it, a second person has to say the same.

    Example: acs measures undo 0005B9-A1 SUBSCRIBER_REPLACE --because "it was repaired on site"
    """
    from acs import measures as ms
    from acs import remediation as rm

    settings = settings_of(data, config)
    env = environment_of(settings)

    def act(conn: Connection) -> list[ms.Measure] | None:
        found, now = find_device(conn, device), time.time()
        return rm.undo(conn, found.id, measure or (), who=who(), why=because, env=env, now=now)

    made = write(settings, act)
    if made is None:
        console.print("a second person has to say the same")
    else:
        _told(made)


def _told(made: list[Any]) -> None:
    """Say what was asked for."""
    from acs import measures as ms

    for each in made:
        operation = ms.operation_of(each.measure, each.action)
        console.print(f"measure {each.id}: {operation} at {each.target}", markup=False)
    if not made:
        console.print("nothing to ask for: it is in force already")


@measures.command("retry")
def retry(measure: Number, data: Data = None, config: Config = None) -> None:
    """Have a measure sent again that was given up."""
    from acs import measures as ms

    again = write(
        settings_of(data, config), lambda conn: ms.retry_measure(conn, measure, who=who(), now=time.time())
    )
    console.print(f"measure {again.id} is sent to {again.target} again", markup=False)


@measures.command("kinds")
def kinds(json: Json = False) -> None:
    """List the kinds of measures, and which kind of system carries each out."""
    from acs import measures as ms

    rows = [(name, ms.SYSTEM_OF[name], what) for name, what in ms.MEASURES.items()]
    if json:
        print_json([dict(zip(("measure", "system", "what"), row, strict=True)) for row in rows])
    else:
        print_table("Measures", ("measure", "system", "what"), rows)


@targets.command("add")
def add_target(
    name: Annotated[str, typer.Argument(help="How it is called here, for example segw-north.")],
    system: Annotated[str, typer.Argument(help="SEGW, GATEWAY (HeNB-GW or MME), SUBSCRIBER or OTHER.")],
    url: Annotated[str, typer.Argument(help="Where it takes measures, https.")],
    data: Data = None,
    config: Config = None,
    json: Json = False,
    ca: Annotated[Path | None, typer.Option(help="PEM file of the CA of its certificate.")] = None,
    bearer_file: Annotated[Path | None, typer.Option(help="Holds a token that it wants.")] = None,
    client_certificate: Annotated[
        Path | None, typer.Option(help="PEM file of our key and certificate for it.")
    ] = None,
) -> None:
    """Name a system that carries measures out. Prints the secret that signs what it is sent, once.

    Example: acs measures targets add segw-north SEGW https://segw.example:8443/measures --ca segw-ca.pem
    """
    from acs import measures as ms
    from acs.security import Sealer

    settings = settings_of(data, config)
    require_data(settings)
    sealer = Sealer(secrets_of(settings).store_key)
    authority, bearer = read_ascii(ca), read_ascii(bearer_file).strip()
    client = read_file(client_certificate) if client_certificate else b""

    def act(conn: Connection) -> tuple[ms.Target, str]:
        return ms.add_target(
            conn,
            name,
            system.upper(),
            url,
            sealer=sealer,
            who=who(),
            bearer=bearer,
            client=client,
            ca=authority,
            now=time.time(),
        )

    made, secret = write(settings, act)
    if json:
        print_json({"name": made.name, "system": made.system, "url": made.url, "secret": secret})
    else:
        facts = [("name", made.name), ("system", made.system), ("url", made.url), ("secret", secret)]
        print_table("Shown this once", ("field", "value"), facts)


@targets.command("list")
def list_targets(data: Data = None, config: Config = None, json: Json = False) -> None:
    """List the systems and how it goes with them."""
    from acs import measures as ms

    found = read(settings_of(data, config), ms.list_targets)
    if json:
        print_json([{key: value for key, value in asdict(each).items() if key != "ca"} for each in found])
        return
    rows = [
        (each.name, each.system, each.url, each.failures, moment(each.retry_at), each.last_error)
        for each in found
    ]
    print_table("Systems", ("name", "system", "url", "failures", "next attempt", "error"), rows)


@targets.command("remove")
def remove_target(
    name: Annotated[str, typer.Argument(help="See the list.")], data: Data = None, config: Config = None
) -> None:
    """Forget a system, what it was told, and what it still is to be. It is not told so."""
    from acs import measures as ms

    settings = settings_of(data, config)
    write(settings, lambda conn: ms.remove_target(conn, name, who=who(), now=time.time()))
    console.print(f"{name} is removed", markup=False)
