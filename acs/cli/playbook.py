"""``acs playbook``: operators' own playbooks: list, show, run, try, draw."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from acs.cli.node import environment_of, find_device, settings_of, who, write
from acs.cli.options import Config, Data, Json
from acs.cli.output import console, print_json, print_table
from acs.errors import AcsError
from acs.settings import Settings

if TYPE_CHECKING:
    from acs.remediation import Library, Script

__all__ = ["playbook"]

playbook = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Its name, see acs playbook list.")]
Device = Annotated[str, typer.Argument(metavar="DEVICE", help="OUI-SerialNumber, see acs devices list.")]
Folder = Annotated[
    Path | None, typer.Option("--playbooks", help="The folder (default: the setting playbooks).")
]


def _library(settings: Settings) -> Library:
    from acs.remediation import load_library

    if settings.playbooks is None:
        raise AcsError("no folder of playbooks is set; name it with --playbooks or the setting playbooks")
    return load_library(settings.playbooks)


def _find(settings: Settings, name: str) -> Script:
    library = _library(settings)
    if name not in library.scripts and library.problems:
        raise AcsError(f"the playbook {name!r} is not there or has problems: " + "; ".join(library.problems))
    return library.get(name)


@playbook.command("list")
def list_playbooks(
    data: Data = None, config: Config = None, playbooks: Folder = None, json: Json = False
) -> None:
    """List the playbooks of the folder, and what is wrong in it (exit code 1)."""
    library = _library(settings_of(data, config, playbooks=playbooks))
    found = sorted(library.scripts.values(), key=lambda each: each.name)
    rows = [(each.name, f"{each.bundle.entry}.py", each.version, each.summary) for each in found]
    columns = ("name", "file", "version", "summary")
    if json:
        listed = [dict(zip(columns, row, strict=True)) for row in rows]
        print_json({"playbooks": listed, "problems": library.problems})
    else:
        print_table("Playbooks", columns, rows)
        for problem in library.problems:
            console.print(f"✗ {problem}", style="red", markup=False, highlight=False)
    if library.problems:
        raise typer.Exit(1)


@playbook.command()
def show(name: Name, data: Data = None, config: Config = None, playbooks: Folder = None) -> None:
    """Print the source of a playbook, with what it imports of the folder, and its version."""
    found = _find(settings_of(data, config, playbooks=playbooks), name)
    console.print(f"{found.name}, version {found.version}: {found.summary}", markup=False, highlight=False)
    for file, source in found.bundle.files.items():
        sys.stdout.write(f"\n# --- {file}.py\n{source}")


@playbook.command()
def graph(name: Name, data: Data = None, config: Config = None, playbooks: Folder = None) -> None:
    """Draw the steps of a playbook, from its source, as a Mermaid flowchart."""
    from acs.remediation import graph as draw

    sys.stdout.write(draw(_find(settings_of(data, config, playbooks=playbooks), name)))


@playbook.command()
def run(
    name: Name,
    device: Device,
    why: Annotated[str, typer.Option("--why", help="Why; it is kept in the audit.")],
    data: Data = None,
    config: Config = None,
    playbooks: Folder = None,
) -> None:
    """Run a playbook on a device: now, or as soon as its open case has ended.

    Example: `acs playbook run reboot_at_night 0005B9-A1 --why "memory leak of 1.4"`
    """
    from acs import remediation as rm

    settings = settings_of(data, config, playbooks=playbooks)
    script, env = _find(settings, name), environment_of(settings)

    def act(conn: Connection) -> Any:
        found = find_device(conn, device)
        return rm.run_playbook(conn, found.id, script, who=who(), why=why, env=env, now=time.time())

    case = write(settings, act)
    if case is None:
        console.print(f"{name} waits until the open case of {device} has ended", markup=False)
    else:
        console.print(f"case {case.id} runs {name}; see: acs cases show {case.id}", markup=False)


@playbook.command("dry-run")
def dry_run(
    name: Name,
    device: Device,
    data: Data = None,
    config: Config = None,
    playbooks: Folder = None,
    assume: Annotated[
        list[str] | None, typer.Option(help="PATH=VALUE that the device would tell.", metavar="PATH=VALUE")
    ] = None,
    fail: Annotated[
        list[str] | None, typer.Option(help="An RPC or a wait that fails, for example Reboot.")
    ] = None,
    deny: Annotated[bool, typer.Option("--deny", help="What is asked is denied (else: approved).")] = False,
    json: Json = False,
) -> None:
    """Show the steps that would come. The device is asked nothing, and nothing is kept.

    Parameters have the values that the device told last, or those of --assume; all goes well but --fail.

    Example: `acs playbook dry-run reboot_at_night 0005B9-A1`
    """
    from acs import remediation as rm
    from acs.lab import gist

    settings = settings_of(data, config, playbooks=playbooks)
    script, env = _find(settings, name), environment_of(settings)
    values = dict(_pair(each) for each in assume or [])
    assumed = rm.Assumed(values, frozenset(fail or ()), denied=deny)

    def act(conn: Connection) -> tuple[list[rm.DryStep], str, str]:
        found = find_device(conn, device)
        try:
            return rm.dry_run(conn, found, script, assumed, env=env, now=time.time())
        except SQLAlchemyError:
            raise
        except rm.FAILURES as error:  # whatever an operator's code raises is its own
            at, known = rm.script_line(error), isinstance(error, AcsError)
            if known and not at:
                raise
            what = str(error) if known else f"{type(error).__name__}: {error}"
            raise AcsError(f"the playbook {name} failed{at and f' at {at}'}: {what}") from error

    steps, outcome, because = write(settings, act)
    if json:
        print_json({"steps": steps, "outcome": outcome, "because": because})
        return
    rows = [
        (number, f"+{each.after:.0f} s", each.branch, each.name, each.detail, each.because, gist(each.result))
        for number, each in enumerate(steps, 1)
    ]
    print_table(f"What {name} would do", ("#", "at", "branch", "step", "detail", "because", "assumed"), rows)
    console.print(f"{outcome}: {because}", markup=False, highlight=False)
    came = {each.name.removeprefix("wait for ") for each in steps}
    for each in fail or ():
        if each.removeprefix("wait for ") not in came:
            console.print(
                f"--fail {each}: no step of this name came; there were {', '.join(sorted(came)) or 'none'}",
                markup=False,
                highlight=False,
            )


def _pair(text: str) -> tuple[str, str]:
    path, found, value = text.partition("=")
    if not found or not path:
        raise AcsError(f"--assume {text!r} is no PATH=VALUE")
    return path, value


@contextmanager
def _unlogged() -> Iterator[None]:
    """Leave tracebacks to the logs of nodes: the timeline ends with file, line and error."""
    log = logging.getLogger("acs.remediation")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)


@playbook.command("test")
def try_out(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of playbooks, or a folder.")],
    scenario: Annotated[Path | None, typer.Option(help="YAML: what is tried and what has to come.")] = None,
    name: Annotated[str, typer.Option(help="Without --scenario: only this playbook.")] = "",
) -> None:
    """Try playbooks on a simulated HeNB under virtual time; exit code 1: not as expected.

    Without a scenario each playbook is run once, on a HeNB that is well; what it asks is approved.
    """
    from acs.lab import Lab, Scenario, load_scenarios, try_scenario

    if scenario is not None:
        tried = load_scenarios(scenario)
    else:
        names = [name] if name else Lab(file).names
        if not names:
            raise AcsError(f"{file} declares no playbook; mark an `async def` with @playbook")
        tried = [Scenario(name=each, playbook=each, answers=["APPROVE"] * 100) for each in names]
    failed = 0
    for each in tried:
        begun = time.perf_counter()
        with _unlogged():
            found, missed = try_scenario(file, each)
        spent = (time.perf_counter() - begun) * 1000
        console.print(f"{each.name} ({spent:.0f} ms)", style="bold", markup=False, highlight=False)
        for line in found.timeline:
            console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
        if found.outcome == "FAILED" and each.expect is None:
            missed = ["it failed"]
        for line in missed:
            console.print(f"  ✗ {line}", style="red", markup=False, highlight=False)
        failed += bool(missed)
    if failed:
        raise typer.Exit(1)
