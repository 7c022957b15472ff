"""``acs cases show`` and ``export``: what happened in a case, in order, on the screen or for others."""

from __future__ import annotations

import hashlib
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from acs.cli.node import policy_of, read, settings_of, who
from acs.cli.options import Config, Data, Json, Number
from acs.cli.output import StandardOutput, console, moment, print_json, print_table, write_new
from acs.errors import AcsError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from acs.remediation import Entry

__all__ = ["export_case", "show_case"]

_COLUMNS = ("#", "at", "kind", "what", "detail", "because", "result", "took")


def show_case(case: Number, data: Data = None, config: Config = None, json: Json = False) -> None:
    """Show a case in order: alarms, steps, what was told, who instructed; and why."""
    from acs import devices as dev
    from acs import remediation as rm

    settings = settings_of(data, config)

    def look(conn: Connection) -> tuple[Any, Any, str, list[Entry], list[str]]:
        found = rm.find_case(conn, case)
        if found is None:
            raise AcsError(f"there is no case {case}; see: acs cases list")
        key = dev.get(conn, found.device_id).device_key
        left = rm.left_behind(conn, found) if found.state == "closed" else []
        return found, rm.journal_of(conn, case), key, rm.timeline(conn, case), left

    found, steps, key, entries, left = read(settings, look)
    words = rm.choices(found, steps, policy_of(settings))
    if json:
        told = {"device": key, **asdict(found), "steps": [asdict(each) for each in steps]}
        print_json({**told, "timeline": entries, "choices": words, "left": left})
        return
    outcome = f", {found.outcome}" if found.outcome else ""
    console.print(
        f"Case {case}: {key}, {found.procedure}, {found.state}{outcome}: {found.because}", markup=False
    )
    print_table("Timeline", _COLUMNS, [_row(each, found.opened_at) for each in entries])
    for step in steps:
        if not step.done:
            until = f", until {moment(step.deadline)} UTC" if step.deadline else ""
            now = f"now: {step.name} {step.detail}".rstrip()
            console.print(f"{now}{until}: {step.because}", markup=False, highlight=False)
    if words:
        title = f'What it can be told: acs cases instruct {case} WORD --because "…"'
        print_table(title, ("WORD", "what that causes"), list(words.items()))
    for each in left:
        console.print(each, markup=False, highlight=False)


def _row(entry: Entry, since: float) -> tuple[Any, ...]:
    """Return an entry as cells; times count from when the case was opened."""
    detail = f"{entry.detail} [{entry.command_key}]".strip() if entry.command_key else entry.detail
    result = entry.outcome
    if entry.fault_code:
        result = f"{result}, fault {entry.fault_code} {entry.fault_string}".strip()
    if entry.sha256:
        result = f"{result}, {entry.size} bytes, SHA-256 {entry.sha256}"
    if entry.attempts and entry.attempts > 1:
        result = f"{result}, sent {entry.attempts} times"
    what = f"{entry.what} ({entry.who})" if entry.who else entry.what
    took = "" if entry.seconds is None else f"{entry.seconds:.1f} s"
    return entry.seq, f"{entry.at - since:+.1f} s", entry.kind, what, detail, entry.because, result, took


def export_case(
    case: Number,
    data: Data = None,
    config: Config = None,
    form: Annotated[str, typer.Option("--format", help="json or html.")] = "json",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A new file; without it: the screen.")
    ] = None,
) -> None:
    """Write a case with its timeline for others: JSON, or an HTML page that needs nothing else."""
    from acs import remediation as rm

    forms = {"json": rm.export_json, "html": rm.export_html}
    if form not in forms:
        raise AcsError(f"the format {form!r} is unknown; known are json and html")
    now = time.time()
    found = read(settings_of(data, config), lambda conn: rm.export_case(conn, case, who=who(), now=now))
    body = forms[form](found)
    if output is None:
        StandardOutput().write(body.decode())
        return
    write_new(output, body)
    console.print(f"case {case} is in {output}", markup=False)
    console.print(f"SHA-256 of the content {found.sha256}", markup=False)
    console.print(f"SHA-256 of the file    {hashlib.sha256(body).hexdigest()}", markup=False)
