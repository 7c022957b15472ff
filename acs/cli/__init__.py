"""The ``acs`` command. Rooms are imported when a command needs them, so that ``--help`` is quick."""

from __future__ import annotations

import sys
from typing import NoReturn

import typer

from acs import __version__
from acs.cli import (
    access,
    admission,
    alarms,
    attack,
    audit,
    bench,
    bulk,
    calls,
    cases,
    client_certificates,
    commands,
    config,
    detection,
    devices,
    distress,
    emergency,
    files,
    golden,
    measures,
    model,
    playbook,
    pm,
    policy,
    profiles,
    reload,
    safety,
    serve,
    silence,
    simulate,
    simulate_network,
    storm,
    subscriptions,
    tags,
    trace,
    tree,
    trust,
)
from acs.cli.demo import demo
from acs.cli.output import Screen
from acs.errors import AcsError

__all__ = ["app", "main"]

app = typer.Typer(
    name="acs",
    help="""A TR-069 ACS (HeMS) that remediates HeNBs and femtocells when they raise security alarms.

    Begin with `acs demo`: it starts an ACS and a fleet of simulated HeNBs, tampers with them and shows what
    is done about it. Then `acs serve` and `acs simulate`.""",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command()(serve.serve)
app.command()(reload.reload)
simulation = typer.Typer(invoke_without_command=True)
simulation.callback()(simulate.simulate)
simulation.command("network")(simulate_network.simulate_network)
app.add_typer(simulation, name="simulate")
app.command()(demo)
app.add_typer(
    devices.devices, name="devices", help="The registry: list, show, register, enrol, approve, block, …"
)
devices.devices.command("tag")(tags.tag_device)
devices.devices.command("reach")(distress.reach_device)
devices.devices.command("call")(calls.call_device)
devices.devices.command("call-credentials")(calls.call_credentials)
app.add_typer(alarms.alarms, name="alarms", help="The alarm list: list, acknowledge, silence.")
alarms.alarms.add_typer(silence.silence, name="silence", help="Silences: add, list, expire, approve, check.")
app.add_typer(cases.cases, name="cases", help="What is done about alarms: list, show, instruct.")
app.add_typer(commands.commands, name="commands", help="RPCs: list, show, send, cancel.")
app.add_typer(distress.distress, name="distress", help="Distress channels of devices: paths, key.")
app.add_typer(
    measures.measures,
    name="measures",
    help="What the network is asked to do: list, send, undo, retry, kinds, targets.",
)
app.add_typer(
    emergency.emergency,
    name="emergency",
    help="Emergency remediation: open cases, registrations elsewhere.",
)
app.add_typer(
    safety.safety,
    name="safety",
    help="Limits on what disturbs devices: show, pause, resume, limits, windows.",
)
app.add_typer(files.files, name="files", help="Files for devices and from them: catalogue, signers, uploads.")
app.add_typer(config.config, name="config", help="Declared state: set, show, plan, apply, verify, sites.")
app.add_typer(golden.golden, name="golden", help="The golden configuration: show, set.")
app.add_typer(trust.trust, name="trust", help="Vendor CAs and what they vouch for: add, scope, remove, list.")
app.add_typer(bulk.bulk, name="bulk", help="Bulk data of devices: list, show, export.")
app.add_typer(
    admission.admission, name="admission", help="Allow and block lists, and what they mean for a device."
)
app.add_typer(audit.audit, name="audit", help="Who did what, and whether the record is whole.")
app.add_typer(pm.pm, name="pm", help="Performance measurement files: import, configure.")
app.add_typer(access.tokens, name="tokens", help="Bearer tokens of the REST interface: create, list, revoke.")
app.add_typer(access.users, name="users", help="Users of the REST interface: create, list, disable.")
app.add_typer(
    subscriptions.subscriptions,
    name="subscriptions",
    help="Managers that are told: add, list, show, retry, remove.",
)
app.add_typer(policy.policy, name="policy", help="The remediation policy: check, explain, show.")
app.add_typer(
    playbook.playbook, name="playbook", help="Your own playbooks: list, show, run, dry-run, test, graph."
)
app.add_typer(
    detection.detection, name="detection", help="What the HeMS finds itself: list, explain, seen, accept."
)
app.add_typer(profiles.profiles, name="profiles", help="Device profiles: list, show, check, explain.")
access.tokens.command("allow-certificate")(client_certificates.allow)
access.tokens.command("certificates")(client_certificates.show)
access.tokens.command("forget-certificate")(client_certificates.forget)
bench.bench.command()(attack.attack)
bench.bench.command()(storm.storm)
devices.devices.command()(tree.discover)
devices.devices.command()(tree.tree)
model.model.command("canonical")(profiles.canonical)
app.add_typer(trace.trace, name="trace", help="Conversations with devices: start, stop, list, show, export.")
app.add_typer(model.model, name="model", help="Data models: import, list, show, drop.")
app.add_typer(bench.bench, name="bench", help="Measure: sessions a second and what they cost; under attack.")


@app.command()
def version() -> None:
    """Print the version."""
    sys.stdout.write(f"femto-acs {__version__}\n")


def main() -> None:
    """Run the command; a mistake of the user is one sentence on stderr and exit code 2."""
    try:
        app()
    except AcsError as error:
        _refuse(str(error))
    except OSError as error:
        if error.filename is None or error.strerror is None:
            raise  # about no file: a mistake of ours
        _refuse(f"can't use the file {error.filename}: {error.strerror}")


def _refuse(why: str) -> NoReturn:
    console = Screen(stderr=True, soft_wrap=True)
    console.print(f"acs: {why}", style="red", markup=False, highlight=False)
    sys.exit(2)
