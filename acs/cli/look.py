"""``acs devices``, ``acs alarms``, ``acs cases``: look, and decide."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from sqlalchemy import Connection

from acs.cli.input import check_kind
from acs.cli.node import find_device, no_urls, read, require_data, settings_of, who, write
from acs.cli.options import Config, Data, DeviceKey, Json, Limit, Number, Reason
from acs.cli.output import console, moment, print_json, print_table, tell_limit
from acs.cli.timeline import export_case, show_case
from acs.errors import AcsError
from acs.settings import Settings

if TYPE_CHECKING:
    from acs.remediation import Instruction

__all__ = ["alarms", "cases", "devices"]

devices = typer.Typer(no_args_is_help=True)
alarms = typer.Typer(no_args_is_help=True)
cases = typer.Typer(no_args_is_help=True)
cases.command("show")(show_case)
cases.command("export")(export_case)


@devices.command("list")
def list_devices(
    data: Data = None,
    config: Config = None,
    json: Json = False,
    limit: Limit = 100,
    blocked: Annotated[bool, typer.Option(help="Only blocked devices.")] = False,
) -> None:
    """List devices."""
    from acs import devices as dev

    admission = "blocked" if blocked else None
    found = read(settings_of(data, config), dev.listing, limit=limit, admission=admission)
    tell_limit(found, limit)
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
        )
        for each in found
    ]
    print_table("Devices", ("device", "class", "software", "admission", "last Inform"), rows)


@devices.command("show")
def show_device(
    device: DeviceKey,
    data: Data = None,
    config: Config = None,
    json: Json = False,
    parameters: Annotated[
        str, typer.Option(help="Show stored parameters below this path, for example Device.Time.")
    ] = "",
    canonical: Annotated[
        bool, typer.Option("--canonical", help="Show what is known, by canonical names.")
    ] = False,
) -> None:
    """Show one device and, with --parameters, what is stored of its data model."""
    from acs import devices as dev

    if canonical:
        _show_canonical(device, settings_of(data, config), json=json)
        return

    def look(conn: Connection) -> tuple[dict[str, Any], dict[str, str]]:
        found = find_device(conn, device)
        stored = dev.parameters_of(conn, found.id, parameters) if parameters else {}
        return asdict(found), {name: value.value for name, value in stored.items()}

    facts, values = read(settings_of(data, config), look)
    if json:
        print_json({**facts, "parameters": values})
        return
    rows = [
        (name, moment(value) if name.endswith("_at") and value else value) for name, value in facts.items()
    ]
    print_table(device, ("field", "value"), [*rows, *values.items()])
    if facts["reboot_needed_at"] is not None:
        key = f" (ParameterKey {facts['reboot_needed_for']})" if facts["reboot_needed_for"] else ""
        since = moment(facts["reboot_needed_at"])
        text = f"changes{key} are committed and not applied since {since}; the next boot applies them"
        console.print(text, markup=False, highlight=False)


def _show_canonical(device: str, settings: Settings, *, json: bool) -> None:
    """Show what is stored of a device under canonical names."""
    from acs import devices as dev
    from acs.datamodel import load_profiles
    from acs.datamodel.canonical import view

    def look(conn: Connection) -> tuple[Any, Any]:
        found = find_device(conn, device)
        return found, dev.parameters_of(conn, found.id)

    found, stored = read(settings, look)
    profile = load_profiles(settings.data).of(found)
    known = view(profile, stored, root=found.root)
    if json:
        print_json({"device": device, "profile": profile.name, "values": known})
        return
    rows = [
        (each.name, f"({each.raw})" if each.value is None else each.value, each.unit, each.path)
        for each in known.values()
    ]
    title = f"{device}, profile {profile.name}"
    print_table(title, ("name", "value", "unit", "parameter"), rows)


@devices.command("register")
def register_device(
    oui: Annotated[str, typer.Argument(help="Six hexadecimal digits.")],
    serial_number: Annotated[str, typer.Argument(help="SerialNumber as the device tells it in its Inform.")],
    data: Data = None,
    config: Config = None,
    json: Json = False,
    product_class: Annotated[str, typer.Option(help="ProductClass.")] = "",
    password: Annotated[
        bool, typer.Option("--password", help="Make credentials for HTTP Digest and print them once.")
    ] = False,
    once: Annotated[
        bool, typer.Option("--once", help="The password is replaced by another at first contact.")
    ] = False,
) -> None:
    """Register a device before it comes, with a password where it has no certificate.

    Example: acs devices register 0005B9 A1 --password
    """
    from acs import devices as dev
    from acs.security import Secrets, new_password
    from acs.southbound import seal_device_password

    settings = settings_of(data, config)
    secret = new_password() if password else ""
    key = dev.device_key(oui, serial_number)

    def act(conn: Connection) -> None:
        now = time.time()
        made = dev.register(conn, oui, serial_number, product_class=product_class, now=now)
        if secret:
            sealed = seal_device_password(Secrets.load_or_create(settings.data), secret)
            dev.set_digest_secret(conn, made.id, key, sealed, once=once)
        dev.audit(conn, who(), "device registered", key, "by the operator", now=now)

    write(settings, act)
    facts = {"device": key, **({"username": key, "password": secret} if secret else {})}
    if json:
        print_json(facts)
    else:
        print_table("Registered", ("field", "value"), list(facts.items()))


@devices.command("rotate-secrets")
def rotate_device_secrets(device: DeviceKey, data: Data = None, config: Config = None) -> None:
    """Give a device a new password for connection requests and, where it has one, for itself.

    Old and new are accepted until the device has used the new one. Nobody is shown either.
    """
    from acs.security import Secrets
    from acs.southbound.rotation import rotate_secrets

    settings = settings_of(data, config)
    require_data(settings)
    secrets = Secrets.load_or_create(settings.data)
    made = write(
        settings,
        lambda conn: rotate_secrets(conn, find_device(conn, device), secrets, who=who(), now=time.time()),
    )
    console.print(f"command {made.id} sets the new secrets of {device}", markup=False)


@devices.command("block")
def block_device(
    device: DeviceKey,
    because: Reason,
    measure: Annotated[
        list[str] | None, typer.Option(help="Ask the network for this too, beside what the policy says.")
    ] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Put a device on the HeMS's black list: its sessions are refused.

    The network is asked for the measures that the policy has for BLOCK. `unblock` takes all of it back.
    Example: `acs devices block 0005B9-A1 --because "it was stolen" --measure SUBSCRIBER_REPLACE`
    """
    from acs import measures as ms
    from acs import remediation as rm

    settings = settings_of(data, config)
    env = rm.Environment(rm.load_policy(settings.policy), no_urls)

    def act(conn: Connection) -> tuple[bool, list[ms.Measure]]:
        found, told = find_device(conn, device).id, {"who": who(), "why": because}
        done = rm.block(conn, found, measure or (), **told, env=env, now=time.time())
        return done, ms.in_force(conn, found)

    done, measures = write(settings, act)
    if not done:
        console.print(f"{device} is not blocked until a second person says the same", markup=False)
        return
    asked = ", ".join(f"{each.measure} at {each.target}" for each in measures)
    console.print(f"{device} is blocked" + (f"; asked for: {asked}" if asked else ""), markup=False)


@devices.command("unblock")
def unblock_device(device: DeviceKey, because: Reason, data: Data = None, config: Config = None) -> None:
    """Take a device off the black list, and undo what the network was asked to do about it.

    Where the network was, that takes a second person who says the same.
    """
    from acs import remediation as rm

    settings = settings_of(data, config)
    env = rm.Environment(rm.load_policy(settings.policy), no_urls)
    done = write(
        settings,
        lambda conn: rm.unblock(
            conn, find_device(conn, device).id, who=who(), why=because, env=env, now=time.time()
        ),
    )
    told = "is allowed" if done else "stays blocked until a second person says the same"
    console.print(f"{device} {told}", markup=False)


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
    from acs import devices as dev

    def look(conn: Connection) -> list[dict[str, Any]]:
        wanted = find_device(conn, device).id if device else None
        found = al.list_alarms(conn, device_id=wanted, state=None if everything else "active", limit=limit)
        keys = {each.device_id: dev.get(conn, each.device_id).device_key for each in found}
        holds = al.holds_of(conn, [each.id for each in found])
        return [
            {
                "device": keys[each.device_id],
                **asdict(each),
                "held_back": asdict(holds[each.id]) if each.id in holds else None,
            }
            for each in found
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


@cases.command("list")
def list_cases(
    data: Data = None,
    config: Config = None,
    json: Json = False,
    limit: Limit = 100,
    device: Annotated[str | None, typer.Option(help="Only this device.")] = None,
    state: Annotated[
        Literal["active", "waiting", "closed"] | None, typer.Option(help="active, waiting or closed.")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="remediation, provisioning, playbook, …")] = None,
) -> None:
    """List cases, the newest first."""
    from acs import devices as dev
    from acs import remediation as rm

    def look(conn: Connection) -> list[dict[str, Any]]:
        wanted = find_device(conn, device).id if device else None
        found = rm.list_cases(conn, device_id=wanted, state=state, kind=kind, limit=limit)
        if kind is not None and not found:
            check_kind(kind, rm.case_kinds(conn), "cases")
        keys = {each.device_id: dev.get(conn, each.device_id).device_key for each in found}
        held = rm.held_cases(conn, [each.id for each in found])
        return [
            {
                "device": keys[each.device_id],
                **asdict(each),
                "facts": each.fact,
                "held": held.get(each.id, ""),
            }
            for each in found
        ]

    found = read(settings_of(data, config), look)
    tell_limit(found, limit)
    if json:
        print_json(found)
        return
    columns = ("id", "device", "kind", "procedure", "state", "outcome")
    rows = [
        (
            *(each[name] for name in columns),
            f"held: {each['held']}" if each["held"] else each["because"],
            moment(each["opened_at"]),
        )
        for each in found
    ]
    print_table("Cases", (*columns, "because", "opened"), rows)


@cases.command("instruct")
def instruct_case(
    case: Number,
    action: Annotated[str, typer.Argument(help="RELEASE (unblock and close) or CLOSE.")],
    because: Reason,
    data: Data = None,
    config: Config = None,
) -> None:
    """Tell a case that waits for instruction what to do.

    Example: acs cases instruct 7 RELEASE --because "inspected on site"
    """
    match action.upper():
        case ("RETRY" | "BLOCK" | "RELEASE" | "EXPECT_EMERGENCY" | "CLOSE" | "APPROVE" | "DENY") as word:
            _instruct(case, word, because, data, config)
        case _:
            raise AcsError(
                f"the instruction {action!r} is unknown; known are RETRY, BLOCK, RELEASE, EXPECT_EMERGENCY"
                " and CLOSE, and APPROVE and DENY for a playbook that asks"
            )


@cases.command("approve")
def approve_case(case: Number, because: Reason, data: Data = None, config: Config = None) -> None:
    """Grant what a playbook asks for; see what it is with: acs cases show."""
    _instruct(case, "APPROVE", because, data, config)


@cases.command("deny")
def deny_case(case: Number, because: Reason, data: Data = None, config: Config = None) -> None:
    """Deny what a playbook asks for."""
    _instruct(case, "DENY", because, data, config)


def _instruct(case: int, word: Instruction, because: str, data: Path | None, config: Path | None) -> None:
    from acs import remediation as rm

    settings = settings_of(data, config)
    env = rm.Environment(
        rm.load_policy(settings.policy), no_urls, library=rm.load_library(settings.playbooks)
    )
    now = time.time()
    done = write(
        settings, lambda conn: rm.instruct(conn, case, word, who=who(), why=because, env=env, now=now)
    )
    told = f"case {case} was told: {word}"
    console.print(told if done else f"{told}; it waits for a second person to say the same")
