"""``acs tokens allow-certificate``, ``certificates``, ``forget-certificate``: mutual TLS for managers."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated

import typer

from acs.cli.node import read, settings_of, who, write
from acs.cli.options import Config, Data, Json
from acs.cli.output import console, moment, print_json, print_table

__all__ = ["allow", "forget", "show"]

Name = Annotated[str, typer.Argument(help="The dNSName or URI in the certificate's subjectAltName.")]


def allow(
    name: Name,
    owner: Annotated[str, typer.Option(help="In whose name it acts; it shows in the audit.")],
    scope: Annotated[list[str], typer.Option(help="See acs tokens scopes; may be repeated.")],
    data: Data = None,
    config: Config = None,
) -> None:
    """Let in whoever shows a certificate of this name that a CA of northbound_client_ca issued.

    Example: acs tokens allow-certificate nms.example --owner noc --scope alarms:read
    """
    from acs import northbound as nb

    settings = settings_of(data, config)
    write(settings, lambda conn: nb.allow_certificate(conn, name, owner, scope, who=who(), now=time.time()))
    console.print(f"certificates of the name {name} are let in", markup=False)
    if not settings.northbound_client_ca:
        console.print("the setting northbound_client_ca names no CA yet; without one none is asked for")


def show(data: Data = None, config: Config = None, json: Json = False) -> None:
    """List the names whose certificates are let in."""
    from acs import northbound as nb

    found = read(settings_of(data, config), nb.list_certificates)
    if json:
        print_json([asdict(each) for each in found])
        return
    rows = [(each.name, each.owner, " ".join(each.scopes), moment(each.created_at)) for each in found]
    print_table("Certificates", ("name", "owner", "scopes", "since"), rows)


def forget(name: Name, data: Data = None, config: Config = None) -> None:
    """Let certificates of a name in no longer, at once."""
    from acs import northbound as nb

    write(
        settings_of(data, config), lambda conn: nb.forget_certificate(conn, name, who=who(), now=time.time())
    )
    console.print(f"certificates of the name {name} are let in no longer", markup=False)
