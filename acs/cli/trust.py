"""``acs trust``: which vendor CAs are trusted, and for which devices they may vouch."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from cryptography.hazmat.primitives.serialization import Encoding

from acs.cli.input import read_file
from acs.cli.node import require_data, settings_of, who, write
from acs.cli.options import Config, Data, Json
from acs.cli.output import Screen, console, moment, print_json, print_table
from acs.errors import AcsError
from acs.security.scope import Scope
from acs.settings import Settings

__all__ = ["trust"]

trust = typer.Typer(no_args_is_help=True)

Ouis = Annotated[list[str] | None, typer.Option("--oui", help="OUI it may vouch for; may be repeated.")]
Domains = Annotated[
    list[str] | None, typer.Option("--domain", help="Suffix of the names it may vouch for; may be repeated.")
]
Classes = Annotated[
    list[str] | None, typer.Option("--product-class", help="ProductClass it may vouch for; may be repeated.")
]
Unscoped = Annotated[
    bool, typer.Option("--unscoped", help="It may vouch for the devices of EVERY vendor; for labs.")
]
FailSafe = Annotated[
    bool,
    typer.Option(
        "--fail-safe", help="It issues the credentials of fail-safe images, for the emergency role alone."
    ),
]
Name = Annotated[str, typer.Argument(metavar="FILE", help="Its file, see acs trust list.")]


@trust.command("add")
def add_trust(
    path: Annotated[Path, typer.Argument(help="The vendor's CA certificate, PEM.", exists=True)],
    data: Data = None,
    config: Config = None,
    oui: Ouis = None,
    domain: Domains = None,
    product_class: Classes = None,
    unscoped: Unscoped = False,
    fail_safe: FailSafe = False,
) -> None:
    """Trust a vendor's CA to vouch for that vendor's devices. A running node takes it up within seconds.

    Example: acs trust add vendor-ca.pem --oui 0005B9 --domain henb.vendor.example
    """
    from acs.security import load_pem, may_issue, private_directory, write_private, write_scope

    settings = settings_of(data, config)
    require_data(settings)
    content = read_file(path)
    try:
        certificates = load_pem(content)
    except ValueError as error:
        raise AcsError(f"{path} holds no PEM certificate: {error}") from error
    for each in certificates:
        if not may_issue(each.parsed):
            raise AcsError(f"{path}: {each.subject} is no CA's certificate (basicConstraints, keyUsage)")
    scope = _scope(oui, domain, product_class, unscoped=unscoped, fail_safe=fail_safe)
    target = private_directory(settings.vendor_directory) / f"{certificates[0].fingerprint[:16]}.pem"
    write_scope(target, scope)  # first: a CA without one is not trusted
    # The certificates alone: a key in the same file has no business here.
    write_private(target, b"".join(each.parsed.public_bytes(Encoding.PEM) for each in certificates))
    subject = certificates[0].subject
    _audit(settings, "vendor CA trusted", subject, f"{target.name}: {scope}")
    console.print(f"trusted: {subject} for {scope}", markup=False)
    if b"PRIVATE KEY-----" in content:
        _warn(f"{path} holds a private key, which was not taken over: whoever has it can make devices")
    for each in certificates:
        if each.not_after < time.time():
            _warn(f"{each.subject} has expired on {moment(each.not_after)}: it vouches for nobody")


@trust.command("scope")
def set_scope(
    name: Name,
    data: Data = None,
    config: Config = None,
    oui: Ouis = None,
    domain: Domains = None,
    product_class: Classes = None,
    unscoped: Unscoped = False,
    fail_safe: FailSafe = False,
) -> None:
    """Replace what a trusted CA may vouch for."""
    from acs.security import write_scope

    settings = settings_of(data, config)
    path = _find(settings, name)
    scope = _scope(oui, domain, product_class, unscoped=unscoped, fail_safe=fail_safe)
    write_scope(path, scope)
    _audit(settings, "vendor CA scoped", path.name, str(scope))
    console.print(f"{path.name} vouches for {scope}", markup=False)


@trust.command("remove")
def remove_trust(name: Name, data: Data = None, config: Config = None) -> None:
    """Trust a CA no more: within seconds its devices are refused, in open sessions as well."""
    from acs.security.scope import scope_path

    settings = settings_of(data, config)
    path = _find(settings, name)
    if path in settings.device_ca:
        raise AcsError(f"{path} is trusted by the setting device_ca; take it out there")
    path.unlink()
    scope_path(path).unlink(missing_ok=True)
    _audit(settings, "vendor CA removed", path.name, "")
    console.print(f"{path.name} is trusted no more", markup=False)


@trust.command("list")
def list_trust(data: Data = None, config: Config = None, json: Json = False) -> None:
    """List the vendor CAs that are trusted, and what they may vouch for."""
    from acs.security import load_pem, read_scope

    facts = []
    for path in _files(settings_of(data, config)):
        try:
            first = load_pem(read_file(path))[0]
        except ValueError:
            facts.append((str(path), "no certificate", "", ""))
            continue
        try:
            scope = str(read_scope(path))
        except AcsError as error:
            scope = f"NOT TRUSTED: {error}"
        facts.append((str(path), first.subject, moment(first.not_after), scope))
    if json:
        print_json(facts)
    else:
        print_table("Vendor CAs", ("file", "subject", "valid until", "vouches for"), facts)


def _scope(
    ouis: list[str] | None,
    domains: list[str] | None,
    classes: list[str] | None,
    *,
    unscoped: bool,
    fail_safe: bool,
) -> Scope:
    made = Scope(
        ouis=tuple(each.upper() for each in ouis or ()),
        domains=tuple(each.lower().strip(".") for each in domains or ()),
        product_classes=tuple(classes or ()),
        unscoped=unscoped,
        fail_safe=fail_safe,
    )
    if unscoped:
        console.print("WARNING: this CA may vouch for the devices of every vendor", style="yellow")
    return made


def _files(settings: Settings) -> list[Path]:
    return sorted(settings.vendor_directory.glob("*.pem")) + settings.device_ca


def _find(settings: Settings, name: str) -> Path:
    require_data(settings)
    for path in _files(settings):
        if name in (path.name, path.stem, str(path)):
            return path
    raise AcsError(f"there is no trusted CA {name!r}; see: acs trust list")


def _warn(text: str) -> None:
    Screen(stderr=True, soft_wrap=True).print(text, style="yellow", markup=False, highlight=False)


def _audit(settings: Settings, action: str, target: str, detail: str) -> None:
    from acs import devices as dev

    write(settings, lambda conn: dev.audit(conn, who(), action, target, detail, now=time.time()))
