"""``acs demo``: an ACS and a fleet; tamper, watch, report."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from acs.cli.options import Json
from acs.cli.output import console, log_to_stderr, print_json
from acs.cli.running import run
from acs.cli.trial import Row, Trial

__all__ = ["demo"]

_START, _END = 120.0, 240.0  # seconds allowed
_WIDTH = 168  # columns that the report needs


def demo(
    scenario: Annotated[
        Path | None,
        typer.Option(help="A scenario file (default: each cause and each rung once).", exists=True),
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(help="Work here and leave it, to look at with acs cases --data KEEP/acs.")
    ] = None,
    json: Json = False,
) -> None:
    """Start an ACS and simulated HeNBs, tamper with them, show what is done about it.

    Everything is real: two processes, TLS with certificates of both sides, an embedded database. The exit
    code is 1 when any outcome differs from what the scenario expects.
    """
    from acs.simulator import load_scenario

    found = load_scenario(scenario)
    log_to_stderr()
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        good = run(_demo(Trial(found, keep), json=json))
    else:
        with tempfile.TemporaryDirectory(prefix="acs-demo-") as directory:
            good = run(_demo(Trial(found, Path(directory)), json=json))
    if not good:
        raise typer.Exit(1)


def _progress(*, quiet: bool) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=quiet,
    )


async def _demo(trial: Trial, *, json: bool) -> bool:
    try:
        with _progress(quiet=json) as progress:
            total = len(trial.entries)
            first = progress.add_task("starting the ACS and the HeNBs", total=total)
            await trial.start()
            trial.fleet.power_on()
            progress.update(first, description="HeNBs provisioned")
            await trial.until(
                trial.provisioned, _START, lambda count: progress.update(first, completed=count)
            )
            await trial.give_distress_channels()
            trial.tamper()
            second = progress.add_task("HeNBs settled after tampering", total=total)
            await trial.until(trial.decided, _END, lambda count: progress.update(second, completed=count))
        rows = await trial.rows()
        twice = trial.executed_twice()
        failures = trial.fleet.failures()
    finally:
        await trial.stop()
    good = all(row.ok for row in rows) and not twice and not failures
    if json:
        facts = [{**asdict(row), "ok": row.ok} for row in rows]
        print_json({"scenario": trial.scenario.name, "ok": good, "executed_twice": twice, "devices": facts})
    else:
        _report(trial, rows)
        for text in (*(f"executed twice: {each}" for each in twice), *failures):
            console.print(text, style="red", markup=False)
    return good


def _report(trial: Trial, rows: list[Row]) -> None:
    title = f"Scenario {trial.scenario.name}"
    if console.is_terminal and console.width < _WIDTH:
        _blocks(title, rows)
    else:
        _table(title, rows)
    good = sum(row.ok for row in rows)
    console.print(f"{good} of {len(rows)} as expected; {trial.fleet.statistics.sessions} sessions were held.")
    if good < len(rows):
        console.print("The exit code is 1 because an outcome differs from what the scenario expects.")


def _tampered(row: Row) -> str:
    return row.tamper + (f", until {row.until}" if row.until else "")


def _verdict(row: Row) -> str:
    return f"[green]{row.outcome}[/]" if row.ok else f"[red]{row.outcome}: {escape(row.problem)}[/]"


def _table(title: str, rows: list[Row]) -> None:
    screen = console if console.width >= _WIDTH else Console(width=_WIDTH)
    table = Table(title=title, title_justify="left", header_style="bold", show_lines=True)
    for column in ("HeNB", "tampered with", "alarm", "procedure"):
        table.add_column(column)
    table.add_column("steps, in seconds after the tampering", overflow="fold", min_width=56)
    table.add_column("outcome")
    for row in rows:
        tamper, alarm = _tampered(row).replace(", ", "\n"), row.alarm.replace(" ", "\n")
        outcome = f"{_verdict(row)}\n{row.seconds:.1f} s"
        table.add_row(row.serial, tamper, alarm, row.procedure, _steps(row), outcome)
    screen.print(table)


def _blocks(title: str, rows: list[Row]) -> None:
    """Print the same for a narrow terminal, one block a device."""
    console.rule(title, align="left")
    for row in rows:
        console.print(f"[bold]{row.serial}[/]: {_tampered(row)}")
        console.print(
            f"  {row.alarm} → {row.procedure} → {_verdict(row)} after {row.seconds:.1f} s", highlight=False
        )
        console.print(
            "\n".join(f"  {line}" for line in _steps(row).split("\n")), style="dim", highlight=False
        )


_QUIET_STEPS = ("declared state", "writes", "approved image", "active alarms", "notify", "provisioned")


def _steps(row: Row) -> str:
    """Return the steps that a reader wants to see, one line each."""
    lines = []
    for step in row.steps:
        if step["step"] in _QUIET_STEPS:
            continue
        detail = step["detail"]
        if step["step"] == "note":
            text = detail.replace("v=1;test=SEC;", "")
        else:
            short = detail.rpartition(".")[2] if detail.startswith("Device.") else detail
            text = f"{step['step']} {short}".strip()
            if step["done"] is not None:
                text += f" ({step['done'] - step['at']:.1f} s)"
        lines.append(f"{step['at']:5.1f}  {text[:72]}")
    return escape("\n".join(lines))
