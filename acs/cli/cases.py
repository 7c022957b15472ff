"""``acs cases``: what is done about alarms: look, instruct."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from sqlalchemy import Connection

from acs.cli.input import check_kind
from acs.cli.node import (
    environment_of,
    find_device,
    read,
    settings_of,
    who,
    with_devices,
    write,
)
from acs.cli.options import Config, Data, Json, Limit, Number, Reason
from acs.cli.output import console, moment, print_json, print_table, tell_limit
from acs.cli.timeline import export_case, show_case
from acs.errors import AcsError

if TYPE_CHECKING:
    from acs.remediation import Instruction

__all__ = ["cases"]

cases = typer.Typer(no_args_is_help=True)
cases.command("show")(show_case)
cases.command("export")(export_case)


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
    from acs import remediation as rm

    def look(conn: Connection) -> list[dict[str, Any]]:
        wanted = find_device(conn, device).id if device else None
        found = rm.list_cases(conn, device_id=wanted, state=state, kind=kind, limit=limit)
        if kind is not None and not found:
            check_kind(kind, rm.case_kinds(conn), "cases")
        held = rm.waiting_cases(conn, [each.id for each in found])
        return [
            {**row, "facts": each.fact, "held": held.get(each.id, "")}
            for each, row in zip(found, with_devices(conn, found), strict=True)
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
    action: Annotated[
        str,
        typer.Argument(help="RETRY, BLOCK, RELEASE, EXPECT_EMERGENCY or CLOSE; `acs cases show` says which."),
    ],
    because: Reason,
    data: Data = None,
    config: Config = None,
) -> None:
    """Tell a case that waits for instruction what to do.

    What it can be told now, and what each word causes: acs cases show CASE
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
    env, now = environment_of(settings), time.time()

    def act(conn: Connection) -> tuple[bool, list[str]]:
        done = rm.instruct(conn, case, word, who=who(), why=because, env=env, now=now)
        found = rm.find_case(conn, case)
        if found is None or found.state != "closed":
            return done, []
        return done, [f"case {case} is closed: {found.outcome}", *rm.left_behind(conn, found)]

    done, stands = write(settings, act)
    told = f"case {case} was told: {word}"
    console.print(told if done else f"{told}; it waits for a second person to say the same")
    for each in stands:
        console.print(each, markup=False, highlight=False)
