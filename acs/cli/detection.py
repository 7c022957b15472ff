"""``acs detection``: what this HeMS finds about devices itself, and who else sees them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from sqlalchemy import Connection

from acs.cli.node import find_device, read, settings_of, who, write
from acs.cli.options import Config, Data, DeviceKey, Json
from acs.cli.output import console, moment, print_json, print_table
from acs.errors import AcsError

__all__ = ["detection"]

detection = typer.Typer(no_args_is_help=True)
File = Annotated[Path | None, typer.Option("--policy", help="A policy file (default: the shipped one).")]


@detection.command("list")
def list_checks(path: File = None, json: Json = False) -> None:
    """List the checks: what each looks at, its alarm, and the procedure that the policy starts for it."""
    from acs import detection as dt
    from acs.remediation import classify, load_policy

    policy, rows = load_policy(path), []
    for each in dt.CHECKS.values():
        alarm = each.alarm
        decision = classify(
            policy,
            alarm.event_type,
            alarm.probable_cause,
            alarm.severity,
            specific_problem=alarm.specific_problem,
        )
        procedure = decision.procedure if decision else ""
        made = "no" if each.number in policy.detection.skip else "yes"
        rows.append((each.number, each.title, alarm.specific_problem, alarm.severity, procedure, made))
    columns = ("check", "what has to be", "SpecificProblem", "severity", "procedure", "made")
    if json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    print_table("Checks", columns, rows)


@detection.command()
def explain(
    device: DeviceKey, data: Data = None, config: Config = None, path: File = None, json: Json = False
) -> None:
    """Show what each check came to at a device: facts, since when, under which policy; and the thresholds."""
    from acs import detection as dt
    from acs.remediation import load_policy

    settings = settings_of(data, config)
    policy = load_policy(path or settings.policy)

    def look(conn: Connection) -> list[dict[str, Any]]:
        found = find_device(conn, device)
        return [msgspec.to_builtins(each) for each in dt.known_results(conn, found.id)]

    found = read(settings, look)
    if json:
        print_json({"checks": found, "thresholds": msgspec.to_builtins(policy.detection)})
        return
    rows = [
        (
            each["check"],
            each["state"],
            each["text"] or dt.CHECKS[each["check"]].title,
            ", ".join(f"{name}={value}" for name, value in each["facts"].items()),
            moment(each["at"]),
            each["policy"],
        )
        for each in found
    ]
    print_table(device, ("check", "state", "told", "facts", "since", "policy"), rows)
    limits = msgspec.to_builtins(policy.detection)
    told = ", ".join(f"{name}={value}" for name, value in limits.items())
    console.print(f"thresholds (policy {policy.version}): {told}", markup=False)


@detection.command()
def seen(
    device: DeviceKey,
    by: Annotated[str, typer.Option(help="Which HeNB-GW or MME sees it, for example mme-1.")],
    data: Data = None,
    config: Config = None,
) -> None:
    """Tell that the network sees a device connected now: were it silent here, that would be suspicious."""
    from acs import detection as dt

    def act(conn: Connection) -> None:
        dt.note_sighting(conn, find_device(conn, device), source=by, now=time.time())

    write(settings_of(data, config), act)


@detection.command()
def accept(
    device: DeviceKey,
    check: Annotated[str, typer.Argument(help="The check, for example C-07.")],
    why: Annotated[str, typer.Option(help="Why that is right; kept in the audit.")],
    data: Data = None,
    config: Config = None,
) -> None:
    """Take what a check finds as right from now on: a technician was there, a part was replaced.

    Example: `acs detection accept 0005B9-A1 C-11 --why "moved with our consent"`
    """
    from acs import detection as dt
    from acs.remediation import Environment, load_policy

    settings = settings_of(data, config)
    env = Environment(load_policy(settings.policy), lambda *_: "")

    def act(conn: Connection) -> bool:
        found, now = find_device(conn, device), time.time()
        return dt.accept(conn, found, check, who=who(), why=why, how=env.detection(now))

    from acs.detection import CHECKS

    if check not in CHECKS:
        raise AcsError(f"there is no check {check!r}; see: acs detection list")
    if not write(settings, act):
        raise AcsError(f"{check} finds nothing at {device}; see: acs detection explain {device}")
