"""``acs simulate``: a fleet of HeNBs against any ACS."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from acs.cli.options import Data, Json
from acs.cli.output import console, log_to_stderr, print_json, print_table
from acs.cli.running import run
from acs.cli.simulate_network import network_facts
from acs.errors import AcsError

__all__ = ["simulate"]


def simulate(
    ctx: typer.Context,
    count: Annotated[int, typer.Option(help="How many HeNBs.", min=1, max=100_000)] = 10,
    data: Data = None,
    url: Annotated[
        str | None, typer.Option(help="The ACS (default: the one that serves from --data).")
    ] = None,
    ca: Annotated[
        Path | None, typer.Option(help="The CA of the ACS's certificate, PEM.", exists=True)
    ] = None,
    vendor: Annotated[
        Path, typer.Option(help="Directory of the simulated vendor's CA; made at first use.")
    ] = Path("sim-vendor"),
    seconds: Annotated[float, typer.Option(help="How long they live after all have been there.")] = 0,
    tamper: Annotated[str, typer.Option(help="Tamper with every --every-th device.")] = "",
    every: Annotated[int, typer.Option(help="See --tamper.", min=1)] = 10,
    until: Annotated[str, typer.Option(help="From which rung on the tampering can be undone.")] = "",
    prefix: Annotated[str, typer.Option(help="Of the serial numbers.")] = "SIM",
    open_sessions: Annotated[int, typer.Option(help="How many sessions at once.", min=1)] = 200,
    realtime: Annotated[bool, typer.Option(help="Boot and download as slowly as real devices.")] = False,
    enrol: Annotated[
        bool, typer.Option(help="LABS: make the ACS of --data trust the simulated vendor's CA.")
    ] = False,
    show: Annotated[bool, typer.Option("--list", help="List the ways to tamper, then end.")] = False,
    make_image: Annotated[
        str, typer.Option(metavar="VERSION", help="Write henb-VERSION.img, signed by the vendor, then end.")
    ] = "",
    nat: Annotated[
        bool, typer.Option(help="Behind a NAT; the ACS needs a STUN server and a policy that names it.")
    ] = False,
    udp: Annotated[bool, typer.Option(help="A UDP port and a STUN client each, without such a NAT.")] = False,
    host: Annotated[str, typer.Option(help="The address at which they listen for calls.")] = "127.0.0.1",
    fail_safe: Annotated[
        bool, typer.Option("--fail-safe", help="With a fail-safe image each, for the role emergency.")
    ] = False,
    emergency_url: Annotated[
        str, typer.Option(help="Its emergency management system, where that is not the ACS itself.")
    ] = "",
    emergency_ca: Annotated[
        Path | None, typer.Option(help="CA of that one's certificate, where it is another.")
    ] = None,
    cut: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SECONDS:PATH:CUT",
            help="After all have been there, cut a path of theirs: 10:standard:drop; may be repeated.",
        ),
    ] = None,
    control: Annotated[
        Path | None,
        typer.Option(help="A Unix socket to make: REST that cuts paths; see docs/distress.md."),
    ] = None,
    network: Annotated[
        Path | None, typer.Option(help="Of acs simulate network: each brings up its tunnel and S1 there.")
    ] = None,
    json: Json = False,
) -> None:
    """Run simulated HeNBs, each with a certificate of a simulated vendor.

    On the ACS's machine: acs simulate --count 100 --data acs-data --enrol

    Elsewhere: acs simulate --url https://acs.example:7548/acs --ca ca.pem, after the ACS's operator
    ran: acs trust add sim-vendor/ca.pem --oui 0005B9

    The exit code is 1 when a session failed, or a device was never served.
    """
    from acs.simulator import LAB, REAL, TAMPERS
    from acs.simulator.control import parse_timed_cut
    from acs.simulator.tamper import parse_until

    if ctx.invoked_subcommand is not None:
        return
    if make_image:
        _make_image(vendor, make_image)
        return
    if show:
        rows = [
            (each.name, each.source, f"{each.event_type} / {each.probable_cause}", each.specific_problem)
            for each in TAMPERS.values()
        ]
        print_table("Ways to tamper", ("name", "source", "alarm", "SpecificProblem"), rows)
        return
    if nat and (cut or control):
        raise AcsError("a HeNB behind a NAT has no paths that can be cut; leave --nat out")
    if tamper and tamper not in TAMPERS:
        raise AcsError(f"the tamper {tamper!r} is unknown; known are {', '.join(TAMPERS)}")
    if tamper:
        parse_until(until, TAMPERS[tamper])
    log_to_stderr()
    target, authority = _target(data or Path("acs-data"), url, ca)
    options: dict[str, Any] = {
        "count": count,
        "seconds": seconds,
        "tamper": tamper,
        "every": every,
        "until": until,
        "prefix": prefix,
        "open_sessions": open_sessions,
        "pace": REAL if realtime else LAB,
        "enrol": (data or Path("acs-data")) if enrol else None,
        "quiet": json,
        "nat": nat,
        "udp": udp,
        "host": host,
        "protect": (emergency_url, emergency_ca) if fail_safe else None,
        "cuts": [parse_timed_cut(each) for each in cut or ()],
        "control": control,
        "network": network,
    }
    facts = run(_simulate(target, authority, vendor, **options))
    if json:
        print_json(facts)
    else:
        print_table("Fleet", ("what", "value"), list(facts.items()))
    if facts["failed sessions"] or facts["devices never served"] or facts["simulator failures"]:
        raise typer.Exit(1)


def _make_image(vendor: Path, version: str) -> None:
    """Write a software image that the fleet's HeNBs accept."""
    from acs.simulator import PRODUCT_CLASS, Vendor, build_image

    if not version.replace(".", "").replace("-", "").isalnum() or len(version) > 64:
        raise AcsError(f"the version {version[:80]!r} is none; use letters, digits, dots and dashes")
    path, maker = Path(f"henb-{version}.img"), Vendor(vendor)
    image, signer = build_image(version, PRODUCT_CLASS, maker.image_key), vendor / "image-signer.pem"
    try:
        path.write_bytes(image)
        path.with_name(f"{path.name}.sig").write_bytes(maker.sign_image(image))
        signer.write_bytes(maker.image_signer)
    except OSError as error:
        raise AcsError(f"can't write {path}: {error}") from error
    console.print(
        f"{path} is for {PRODUCT_CLASS}, its signature is beside it; next:"
        f" acs files trust-signer vendor {signer}; acs files add {path} --version {version}"
        f" --product-class {PRODUCT_CLASS}; acs files approve {path} --by ANOTHER",
        markup=False,
        soft_wrap=True,
    )


def _target(data: Path, url: str | None, ca: Path | None) -> tuple[str, Path | None]:
    """Return URL and CA of the ACS."""
    if url is not None:
        return url, ca
    try:
        facts = msgspec.json.decode((data / "node.json").read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise AcsError(
            f"no ACS serves from {data} ({error}); start one with acs serve, or name one with --url"
        ) from error
    return f"{facts['url']}/acs", ca or data / "pki" / "server" / "ca.pem"


async def _simulate(
    url: str,
    ca: Path | None,
    vendor_directory: Path,
    *,
    count: int,
    seconds: float,
    tamper: str,
    every: int,
    until: str,
    prefix: str,
    open_sessions: int,
    pace: Any,
    enrol: Path | None,
    quiet: bool,
    nat: bool,
    udp: bool,
    host: str,
    protect: tuple[str, Path | None] | None,
    cuts: list[Any],
    control: Path | None,
    network: Path | None,
) -> dict[str, Any]:
    from acs.simulator import Fleet, Vendor
    from acs.simulator.control import Control, cut_paths

    segw = None if network is None else network_facts(network)
    vendor = Vendor(vendor_directory)
    if enrol is not None:
        await _enrol(vendor, enrol, fail_safe=protect is not None)
    fleet = Fleet(vendor, url, server_ca=ca, pace=pace, open_sessions=open_sessions, host=host)
    stack = AsyncExitStack()
    stack.push_async_callback(fleet.stop)
    await fleet.start()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        with Progress(*columns, console=console, disable=quiet) as progress:
            made = progress.add_task("HeNBs made", total=count)
            serials = [f"{prefix}{number:06d}" for number in range(1, count + 1)]
            for serial in serials:
                await _add(fleet, serial, nat=nat, udp=udp, separate=bool(cuts or control))
                if protect is not None:
                    fleet.protect(serial, protect[0], server_ca=protect[1])
                if segw is not None:
                    fleet.attach(serial, (segw["host"], segw["tunnel_port"]), Path(segw["ca"]))
                progress.advance(made)
                await asyncio.sleep(0)
            if control is not None:
                socket = Control(fleet.networks, control)
                await socket.start()
                stack.push_async_callback(socket.stop)
            started = time.monotonic()
            fleet.power_on()
            served = progress.add_task("HeNBs served and at rest", total=count)
            await _rest(
                fleet, lambda number: progress.update(served, completed=number), patience=_patience(pace)
            )
            took = time.monotonic() - started
            for at, name, what in cuts:
                asyncio.get_running_loop().call_later(at, cut_paths, fleet.networks, "*", name, what)
            if tamper:
                for serial in serials[::every]:
                    fleet.tamper(serial, tamper, until=until)
            await asyncio.sleep(seconds)
            if tamper:
                await _rest(fleet, lambda _: None, patience=_patience(pace))
        return _facts(fleet, took)
    finally:
        await stack.aclose()


async def _add(fleet: Any, serial: str, *, nat: bool, udp: bool, separate: bool) -> None:
    fleet.add(serial)
    if nat:
        fleet.put_behind_nat(serial)
    elif udp:
        fleet.listen_udp(serial)
    if separate:
        await fleet.separate_paths(serial)


async def _enrol(vendor: Any, data: Path, *, fail_safe: bool) -> None:
    """Put the vendor's CAs where the running ACS looks for them, and give it time to see them."""
    folder = data / "pki" / "device-ca.d"
    if not folder.parent.is_dir():
        raise AcsError(f"there is no ACS data in {data}")
    wanted = {"simulated-vendor.pem": (vendor.authority, False)}
    if fail_safe:
        wanted["simulated-fail-safe.pem"] = (vendor.fail_safe_authority, True)
    missing = [
        special
        for name, (authority, special) in wanted.items()
        if not (folder / name).exists() or (folder / name).read_bytes() != authority.certificate_pem
    ]
    for special in missing:
        vendor.trusted_in(folder, fail_safe=special)
    if missing:
        await asyncio.sleep(6)  # the ACS looks every 5 s


def _patience(pace: Any) -> float:
    """Return after how many seconds without success nothing more is to be expected."""
    return float(30 + 2 * pace.factory_reset)


async def _rest(fleet: Any, tell: Any, *, patience: float) -> None:
    """Wait until no device has anything to tell, or nothing moves for ``patience`` seconds."""
    last, moved = (-1, -1), time.monotonic()
    while time.monotonic() - moved < patience:
        statistics = fleet.statistics
        resting = sum(device.resting for device in fleet.devices.values())
        tell(resting)
        if resting == len(fleet.devices):
            return
        done = statistics.sessions, statistics.downloads  # attempts that fail go on for ever
        if done != last:
            last, moved = done, time.monotonic()
        await asyncio.sleep(0.1)


def _stages(fleet: Any) -> dict[str, int]:
    """Return how many HeNBs stand where in the procedures of clause 5.7, such as ``N0 OPERATIONAL``."""
    stages = [device.henb.stage for device in fleet.devices.values()]
    return {f"{stage} {stage.name}": stages.count(stage) for stage in sorted(set(stages))}


def _facts(fleet: Any, took: float) -> dict[str, Any]:
    statistics = fleet.statistics
    seconds = sorted(statistics.seconds) or [0.0]
    unserved = sum(device.henb.wants_to_talk for device in fleet.devices.values())
    return {
        "devices": len(fleet.devices),
        "devices never served": unserved,
        "sessions": statistics.sessions,
        "failed sessions": statistics.failed,
        "requests": statistics.requests,
        "downloads": statistics.downloads,
        "reports and files delivered": statistics.deliveries,
        "not delivered": "; ".join(f"{count} x {why}" for why, count in statistics.undeliverable.items()),
        "seconds until all were at rest": round(took, 2),
        "session p50 ms": round(seconds[len(seconds) // 2] * 1000, 1),
        "session p99 ms": round(seconds[int(len(seconds) * 0.99)] * 1000, 1),
        "errors": "; ".join(f"{count} x {reason}" for reason, count in statistics.errors.items()),
        "stages": ", ".join(f"{count} {name}" for name, count in _stages(fleet).items()),
        **({"with S1": sum(each.s1 for each in fleet.attachments.values())} if fleet.attachments else {}),
        "simulator failures": "; ".join(fleet.failures()[:3]),
    }
