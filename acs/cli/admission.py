"""``acs admission`` and the enrolling part of ``acs devices``: who is let in, who waits, who was refused."""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from acs.cli.devices import devices
from acs.cli.input import read_text
from acs.cli.node import find_device, read, settings_of, who, write
from acs.cli.options import Config, Data, DeviceKey, Json, Limit, Number, Reason
from acs.cli.output import console, moment, print_json, print_table, tell_limit
from acs.errors import AcsError

__all__ = ["admission"]

admission = typer.Typer(no_args_is_help=True)

Oui = Annotated[str, typer.Option(help="OUI, six hexadecimal digits.")]
Serial = Annotated[str, typer.Option(help="Serial number, or the first of a range.")]
SerialTo = Annotated[str, typer.Option("--serial-to", help="The last serial number of the range.")]
Class = Annotated[str, typer.Option(help="ProductClass.")]
Network = Annotated[str, typer.Option(help="Where it calls from, for example 192.0.2.0/24.")]
Days = Annotated[float | None, typer.Option("--days", help="The rule ends after so many days.", min=0.001)]


def _adds(verdict: str) -> Callable[..., None]:
    """Return the command that adds a rule with this verdict."""

    def command(
        because: Reason,
        data: Data = None,
        config: Config = None,
        oui: Oui = "",
        serial: Serial = "",
        serial_to: SerialTo = "",
        product_class: Class = "",
        network: Network = "",
        days: Days = None,
    ) -> None:
        from acs import devices as dev

        def act(conn: Connection) -> dev.AdmissionRule:
            now = time.time()
            return dev.add_admission_rule(
                conn,
                verdict,
                oui=oui,
                serial_from=serial,
                serial_to=serial_to,
                product_class=product_class,
                network=network,
                reason=because,
                who=who(),
                expires_at=now + days * 86400 if days is not None else None,
                now=now,
            )

        made = write(settings_of(data, config), act)
        until = f" until {moment(made.expires_at)}" if made.expires_at else ""
        console.print(f"rule {made.id}: {verdict} {made.about}{until}", markup=False)

    return command


admission.command(
    "allow",
    help="Let devices in that are not registered, where admission would refuse them or have them wait.",
)(_adds("allow"))
admission.command("block", help="Refuse devices, registered ones too, until the rule ends or is removed.")(
    _adds("block")
)


@admission.command("remove")
def remove(rule: Number, data: Data = None, config: Config = None) -> None:
    """Remove a rule."""
    from acs import devices as dev

    found = write(
        settings_of(data, config),
        lambda conn: dev.remove_admission_rule(conn, rule, who=who(), now=time.time()),
    )
    console.print(f"rule {rule} is removed: {found.verdict} {found.about}", markup=False)


@admission.command("list")
def list_rules(data: Data = None, config: Config = None, json: Json = False) -> None:
    """List the rules; a block rule wins over an allow rule."""
    from acs import devices as dev

    found = read(settings_of(data, config), dev.admission_rules)
    if json:
        print_json([asdict(each) for each in found])
        return
    now = time.time()
    rows = [
        (
            each.id,
            each.verdict,
            each.about,
            each.reason,
            each.created_by,
            "expired" if each.expires_at and each.expires_at <= now else moment(each.expires_at),
        )
        for each in found
    ]
    print_table("Admission", ("id", "verdict", "about", "because", "by", "until"), rows)


@admission.command("explain")
def explain(
    device: DeviceKey,
    data: Data = None,
    config: Config = None,
    json: Json = False,
    product_class: Class = "",
    address: Annotated[str, typer.Option(help="Where it calls from.")] = "",
) -> None:
    """Say what would become of a device's Inform, and why. Its certificate or password is not looked at."""
    from acs import devices as dev

    if address:
        try:
            ipaddress.ip_address(address)
        except ValueError as error:
            raise AcsError(f"--address {address!r} is no IP address, for example 192.0.2.7") from error
    settings = settings_of(data, config)

    def look(conn: Connection) -> tuple[dev.Device | None, dev.AdmissionRule | None, list[dev.Refusal]]:
        found = dev.find(conn, device)
        oui, _, serial = device.partition("-")
        if not found and not (re.fullmatch("[0-9A-Fa-f]{6}", oui) and serial):
            raise AcsError(f"{device!r} is no device: write <OUI>-<SerialNumber>, for example 0005B9-A1")
        oui, serial = (found.oui, found.serial_number) if found else (oui, serial)
        kind = product_class or (found.product_class if found else "")
        rules = dev.admission_rules(conn)
        rule = dev.first_rule(rules, oui, serial, kind, address, now=time.time())
        return found, rule, dev.list_refusals(conn, claimed=device)

    found, rule, refused = read(settings, look)
    verdict, because = _verdict(device, found, rule, settings.admission)
    if json:
        facts = {"device": device, "verdict": verdict, "because": because}
        print_json({**facts, "refused": [asdict(each) for each in refused]})
        return
    console.print(f"{device}: {verdict}: {because}", markup=False)
    if refused:
        _print_refused(refused)


def _verdict(device: str, found: Any, rule: Any, setting: str) -> tuple[str, str]:  # noqa: PLR0911 - a table
    state = found.admission if found is not None else ""
    if rule is not None and rule.verdict == "block":
        return "refused", f"rule {rule.id} blocks {rule.about}: {rule.reason}"
    if state == "blocked":
        return "refused", f"it is on the black list: {found.admission_reason}"
    if state in ("allowed", "expected"):
        return "let in", "it is registered" if state == "allowed" else "it is expected"
    if rule is not None:
        return "let in", f"rule {rule.id} allows {rule.about}: {rule.reason}"
    if state == "pending" or setting == "approve":
        return "waits", f"admission is {setting!r}; acs devices approve {device}"
    if setting == "known":
        return "refused", "admission is 'known', and it is not registered"
    return "let in", "admission is 'certificate': a fitting certificate of a trusted vendor is enough"


@devices.command("enrol")
def enrol_devices(
    what: Annotated[list[str], typer.Argument(help="A CSV file, or OUI and SerialNumber of one device.")],
    data: Data = None,
    config: Config = None,
    product_class: Class = "",
    site: Annotated[str, typer.Option(help="Where it is to stand.")] = "",
) -> None:
    """Expect devices: they are enrolled at first contact. A list with a mistake in it is not used at all.

    Example: acs devices enrol delivery.csv (columns oui, serial_number, product_class, site)
    """
    from acs import devices as dev

    match what:
        case [path]:
            expected = dev.read_expected(read_text(Path(path)), path)
        case [oui, serial]:
            expected = [dev.Expected(oui, serial, product_class, site)]
        case _:
            raise AcsError("name a CSV file, or OUI and SerialNumber")

    def act(conn: Connection) -> int:
        now = time.time()
        return sum(dev.enrol(conn, each, who=who(), now=now) for each in expected)

    fresh = write(settings_of(data, config), act)
    console.print(f"{fresh} devices are expected, {len(expected) - fresh} were known already")


@devices.command("approve")
def approve_device(device: DeviceKey, because: Reason, data: Data = None, config: Config = None) -> None:
    """Let a device in that waits for approval."""
    from acs import devices as dev

    write(
        settings_of(data, config),
        lambda conn: dev.approve(conn, find_device(conn, device).id, because, who=who(), now=time.time()),
    )
    console.print(f"{device} is approved", markup=False)


@devices.command("refused")
def list_refused(
    data: Data = None,
    config: Config = None,
    json: Json = False,
    limit: Limit = 100,
    hours: Annotated[float, typer.Option(help="Of the last so many hours.", min=0)] = 24 * 7,
) -> None:
    """List who was refused: from where, how often, when first and last, and why."""
    from acs import devices as dev

    since = time.time() - hours * 3600
    found = read(settings_of(data, config), dev.list_refusals, since=since, limit=limit)
    tell_limit(found, limit)
    if json:
        print_json([asdict(each) for each in found])
    else:
        _print_refused(found)


def _print_refused(found: list[Any]) -> None:
    rows = [
        (
            *(each.claimed, each.address, each.reason, each.count),
            *(moment(each.first_at), moment(each.last_at), each.detail),
        )
        for each in found
    ]
    columns = ("device", "address", "reason", "times", "first", "last", "why")
    print_table("Refused", columns, rows)
