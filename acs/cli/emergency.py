"""``acs emergency``: emergency remediation at a HeMS with the role emergency (S1 5.7.3.2)."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from acs.cli.node import environment_of, find_device, read, settings_of, who, write
from acs.cli.options import Config, Data, DeviceKey, Json, Limit, Reason
from acs.cli.output import console, moment, print_json, print_table

__all__ = ["emergency"]

emergency = typer.Typer(no_args_is_help=True)


@emergency.command("list")
def list_emergencies(
    data: Data = None, config: Config = None, json: Json = False, limit: Limit = 100
) -> None:
    """List the cases of emergency remediation that are open, and what each waits for."""
    from acs import devices as dev
    from acs import remediation as rm
    from acs.distress import EMERGENCY

    def look(conn: Connection) -> list[dict[str, Any]]:
        found = []
        for case in rm.list_cases(conn, kind="remediation", open_only=True, limit=limit):
            steps = rm.journal_of(conn, case.id)
            if not rm.is_emergency(case, steps):
                continue
            device = dev.get(conn, case.device_id)
            waits = next((each for each in steps if not each.done), None)
            fail_safe = device.channel == EMERGENCY
            found.append(
                {
                    "case": case.id,
                    "device": device.device_key,
                    "software": device.software_version,
                    "runs": "fail-safe image" if fail_safe else "its own software",
                    "heard": device.last_inform_at,
                    "refused": rm.emergency_over(conn, device) if fail_safe else "",
                    "state": case.outcome or case.state,
                    "waits": waits.name if waits is not None else "",
                    "until": waits.deadline if waits is not None else None,
                }
            )
        return found

    found = read(settings_of(data, config), look)
    if json:
        print_json(found)
        return
    columns = ("case", "device", "software", "runs", "state", "waits")
    rows = [
        (*(each[name] for name in columns), moment(each["until"]), moment(each["heard"])) for each in found
    ]
    print_table("Emergency remediation", (*columns, "until", "heard"), rows)
    for each in found:
        if each["refused"]:
            console.print(f"refused now: {each['refused']}", markup=False, highlight=False)


@emergency.command("loaded")
def loaded(
    device: DeviceKey,
    version: Annotated[str, typer.Argument(help="The SoftwareVersion that it was given.")],
    because: Reason,
    data: Data = None,
    config: Config = None,
) -> None:
    """Tell a serving HeMS that an emergency management system with another store gave a device software.

    Otherwise it raises an alarm about software that came without a Download of its own.
    Example: `acs emergency loaded 0005B9-A1 2.0.0 --because "notified by the emergency HeMS"`
    """
    from acs import detection as dt

    def act(conn: Connection) -> None:
        found = find_device(conn, device)
        dt.expect_software(conn, found, version, who=who(), why=because, now=time.time())

    write(settings_of(data, config), act)
    console.print(f"{device} may come with software {version}", markup=False)


@emergency.command("registered")
def registered(
    device: DeviceKey,
    version: Annotated[str, typer.Argument(help="The SoftwareVersion with which it registered.")],
    because: Reason,
    data: Data = None,
    config: Config = None,
) -> None:
    """Tell that a device registered at a serving HeMS that keeps its own store.

    Example: `acs emergency registered 0005B9-A1 2.0.0 --because "the serving HeMS told the NMS"`
    """
    from acs import remediation as rm

    settings = settings_of(data, config)
    env = environment_of(settings)

    def act(conn: Connection) -> rm.Case:
        found = find_device(conn, device)
        return rm.registered_elsewhere(
            conn, found.id, version, who=who(), why=because, env=env, now=time.time()
        )

    case = write(settings, act)
    console.print(f"case {case.id}: {case.outcome or case.state}", markup=False)
