"""``acs config`` for all devices of a scope: plans, deviations and applications of many at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import typer
from sqlalchemy import Connection

from acs.cli.node import environment_of, find_device, read, who, write
from acs.cli.output import console, print_json, print_table
from acs.errors import AcsError
from acs.settings import Settings

__all__ = ["apply_to", "devices_of", "plan_scope", "verify_scope"]

_TOGETHER = 100  # devices that are asked for in one transaction
_SHOWN = 3  # problems or parameters in one cell


def devices_of(settings: Settings, scope: str) -> list[str]:
    """Return the keys of the devices of a scope. Raises ``AcsError`` where there is none."""
    from acs import devices as dev

    found: list[str] = read(settings, dev.devices_in, scope=scope)
    if not found:
        raise AcsError(f"no device is in the scope {scope!r}; see: acs devices list, acs devices tag")
    return found


def plan_scope(settings: Settings, scope: str, *, json: bool) -> None:
    """Print what would be sent to each device of a scope. Exit code 2: problems, 1: something to send."""
    from acs import devices as dev

    found = _looked_at(settings, scope, dev.plan_of)
    if json:
        print_json(
            [
                {"device": key, "problems": declared.wanted.problems, "steps": planned.steps}
                for key, (declared, planned) in found
            ]
        )
    rows = [
        (
            key,
            len(planned.steps) or "",
            _some([_last(each.path) for each in planned.values]),
            _some(declared.wanted.problems),
        )
        for key, (declared, planned) in found
        if planned.steps or declared.wanted.problems
    ]
    wrong = sum(bool(declared.wanted.problems) for _, (declared, _) in found)
    if not json:
        _print(f"Plans for {scope}", ("device", "requests", "parameters", "problems"), rows)
        right = len(found) - len(rows)
        told = f"{len(found)} devices: {right} as declared, {len(rows) - wrong} to be sent to"
        console.print(f"{told}, {wrong} with problems; one of them: acs config plan DEVICE", markup=False)
    _exit(bool(wrong), bool(rows))


def verify_scope(settings: Settings, scope: str, *, json: bool) -> None:
    """Print which devices of a scope deviate from what is declared, and where. Exit code 1: one does."""
    from acs import devices as dev

    def look(conn: Connection, device: Any) -> tuple[Any, Any]:
        return dev.declared(conn, device).wanted, dev.drift(conn, device)

    found = _looked_at(settings, scope, look)
    if json:
        print_json(
            [
                {"device": key, "problems": wanted.problems, "deviations": drift}
                for key, (wanted, drift) in found
            ]
        )
    rows = [
        (key, len(drift) or "", _some([_last(each.path) for each in drift]), _some(wanted.problems))
        for key, (wanted, drift) in found
        if drift or wanted.problems
    ]
    if not json:
        _print(f"Deviating in {scope}", ("device", "deviations", "parameters", "problems"), rows)
        console.print(
            f"{len(found)} devices: {len(found) - len(rows)} as declared, {len(rows)} not", markup=False
        )
    _exit(False, bool(rows))


def apply_to(settings: Settings, keys: list[str], because: str) -> list[tuple[str, int | None]]:
    """Ask that declared state be applied; return each device with its case, None where that has to wait."""
    from acs import remediation as rm

    env = environment_of(settings)

    def act(conn: Connection, some: list[str]) -> list[tuple[str, int | None]]:
        now, made = time.time(), []
        for key in some:
            device = find_device(conn, key)
            case = rm.apply_declared(conn, device.id, who=who(), because=because, env=env, now=now)
            made.append((key, case.id if case is not None else None))
        return made

    found: list[tuple[str, int | None]] = []
    for start in range(0, len(keys), _TOGETHER):  # devices' sessions get their turns between
        found += write(settings, act, some=keys[start : start + _TOGETHER])
    return found


def _looked_at(
    settings: Settings, scope: str, look: Callable[[Connection, Any], Any]
) -> list[tuple[str, Any]]:
    keys = devices_of(settings, scope)
    return read(settings, lambda conn: [(key, look(conn, find_device(conn, key))) for key in keys])


def _last(path: str) -> str:
    return path.rstrip(".").rpartition(".")[2]


def _some(texts: Any) -> str:
    more = f" … {len(texts)} in all" if len(texts) > _SHOWN else ""
    return "; ".join(texts[:_SHOWN]) + more


def _print(title: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    if rows:
        print_table(title, columns, rows)


def _exit(wrong: bool, left: bool) -> None:
    if wrong or left:
        raise typer.Exit(2 if wrong else 1)
