"""``acs devices list``: find devices among many, and count them."""

from __future__ import annotations

import time
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from sqlalchemy import Connection

from acs.cli.input import seconds_of
from acs.cli.node import read, settings_of
from acs.cli.options import Config, Data, Json, Limit
from acs.cli.output import moment, print_json, print_table

if TYPE_CHECKING:
    from acs.devices import Device

__all__ = ["list_devices"]


class Admission(StrEnum):
    """A state of admission."""

    allowed = "allowed"
    expected = "expected"
    pending = "pending"
    blocked = "blocked"


class Having(StrEnum):
    """What a device may have or not."""

    alarm = "alarm"
    untreated_alarm = "untreated-alarm"
    case = "case"
    command = "command"
    unreachable = "unreachable"
    reboot_needed = "reboot-needed"
    distress = "distress"
    certificate = "certificate"
    password = "password"  # noqa: S105 - a word for whoever asks, no password
    contact = "contact"


class By(StrEnum):
    """What devices are counted by, as the columns are called."""

    admission = "admission"
    oui = "oui"
    product_class = "class"
    software_version = "software"
    hardware_version = "hardware"
    group = "group"
    site = "site"


_PATTERN = "exact, or a pattern with * such as"


def list_devices(
    text: Annotated[
        str,
        typer.Argument(
            metavar="[TEXT]",
            help="Only devices with this in their key, serial number, manufacturer, class, versions,"
            " certificate's name, address, groups or site; case does not matter.",
        ),
    ] = "",
    data: Data = None,
    config: Config = None,
    json: Json = False,
    limit: Limit = 100,
    after: Annotated[str, typer.Option(help="Begin after this key: the last of the page before.")] = "",
    admission: Annotated[list[Admission] | None, typer.Option(help="Let in, or why not; repeatable.")] = None,
    blocked: Annotated[bool, typer.Option("--blocked", help="As --admission blocked.")] = False,
    oui: Annotated[str, typer.Option(help="OUI.")] = "",
    product_class: Annotated[str, typer.Option("--class", help=f"ProductClass, {_PATTERN} HeNB-*.")] = "",
    software: Annotated[str, typer.Option(help=f"SoftwareVersion, {_PATTERN} 2.1.*.")] = "",
    not_software: Annotated[str, typer.Option(help="Any SoftwareVersion but this one; a pattern too.")] = "",
    group: Annotated[str, typer.Option(help=f"In this group, {_PATTERN} pilot-*.")] = "",
    site: Annotated[str, typer.Option(help=f"At this site, {_PATTERN} london/*.")] = "",
    silent: Annotated[
        str, typer.Option("--silent-for", help="Was in contact, and no Inform came for so long: 90m, 2d.")
    ] = "",
    seen: Annotated[str, typer.Option("--seen-within", help="An Inform came within so long: 15m, 1d.")] = "",
    expiring: Annotated[
        str, typer.Option("--certificate-ends-within", help="Its certificate expires so soon: 30d.")
    ] = "",
    having: Annotated[
        list[Having] | None, typer.Option("--with", help="That has this now; repeatable, all have to hold.")
    ] = None,
    lacking: Annotated[
        list[Having] | None, typer.Option("--without", help="That has not; repeatable, as --with.")
    ] = None,
    count_by: Annotated[
        By | None, typer.Option(help="Count those that fit instead, by the values of this.")
    ] = None,
) -> None:
    """List devices, in the order of their keys; all that is asked for has to fit.

    `--with` and `--without`: an active `alarm`, an `untreated-alarm` (no case was opened for it), an open
    `case`, an open `command`, `unreachable` (the last connection request failed), `reboot-needed`, `distress`
    (its last session), a `certificate` or a `password` of its own, any `contact` so far.

    Examples: `acs devices list --class 'HeNB-*' --not-software '2.1.*' --count-by software`,
    `acs devices list --silent-for 2d --without case`, `acs devices list london --with alarm --json`.
    """
    from acs import devices as dev

    now = time.time()
    states = [*(admission or []), *([Admission.blocked] if blocked else [])]
    wanted = dev.DeviceFilter(
        admission=tuple(each.value for each in states),
        oui=oui,
        product_class=product_class,
        software_version=software,
        not_software_version=not_software,
        group=group,
        site=site,
        containing=text,
        silent_since=now - seconds_of(silent) if silent else None,
        seen_since=now - seconds_of(seen) if seen else None,
        certificate_ends_before=now + seconds_of(expiring) if expiring else None,
        having=tuple(each.value for each in having or ()),
        lacking=tuple(each.value for each in lacking or ()),
    )
    settings = settings_of(data, config)
    if count_by is not None:
        counted = read(settings, dev.count_by, what=count_by.name, wanted=wanted)
        if json:
            print_json([{count_by.name: value, "devices": number} for value, number in counted])
        else:
            print_table("Devices", (count_by.value, "devices"), counted)
        return

    def look(conn: Connection) -> tuple[list[Device], int]:
        page = dev.listing(conn, wanted, limit=limit + 1, after=after)
        return page[:limit], dev.count(conn, wanted) if len(page) > limit else 0

    found, total = read(settings, look)
    if total:
        _tell_page(found, total)
    if json:
        print_json([asdict(each) for each in found])
        return
    rows = [
        (
            each.device_key,
            each.product_class,
            each.software_version,
            each.admission,
            moment(each.last_inform_at),
            _now(each),
        )
        for each in found
    ]
    print_table("Devices", ("device", "class", "software", "admission", "last Inform", "now"), rows)


def _tell_page(found: list[Device], total: int) -> None:
    """Say on stderr that there are more, and how they are seen."""
    screen = Console(stderr=True, soft_wrap=True)
    text = f"{len(found)} of {total} devices are shown; on with: --after {found[-1].device_key}, or --limit"
    screen.print(text, style="yellow", markup=False, highlight=False)


def _now(device: Device) -> str:
    """Say in a few words what goes on with a device."""
    facts = {
        "case": device.has_open_case,
        "untreated alarm": device.has_untreated_alarms,
        "command": device.has_open_commands,
        "unreachable": bool(device.connection_request_error),
        "reboot needed": device.reboot_needed_at is not None,
        "distress channel": device.channel == "distress",
    }
    return ", ".join(word for word, holds in facts.items() if holds)
