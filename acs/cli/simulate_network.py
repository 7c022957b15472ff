"""``acs simulate network``: a SeGW, a HeNB-GW and a subscriber desk that take measures of a HeMS."""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from acs.cli.input import read_file
from acs.cli.node import require_data, secrets_of, settings_of, who, write
from acs.cli.options import Data
from acs.cli.output import console, log_to_stderr
from acs.cli.running import run
from acs.errors import AcsError

if TYPE_CHECKING:
    from acs.simulator.operator_configuration import NetworkConfiguration
    from acs.simulator.operator_network import OperatorNetwork

__all__ = ["network_facts", "simulate_network"]


def simulate_network(
    directory: Annotated[
        Path, typer.Option(help="For certificates, tokens, secrets and letters; made at first use.")
    ] = Path("sim-network"),
    vendor: Annotated[
        Path, typer.Option(help="Directory of the simulated vendor's CA, whose HeNBs get a tunnel.")
    ] = Path("sim-vendor"),
    configuration: Annotated[
        Path | None, typer.Option(help="YAML: ports, lists, whom to tell; see examples/network.", exists=True)
    ] = None,
    enrol: Annotated[
        bool, typer.Option(help="LABS: make the stand-ins known to the HeMS of --data, with their secrets.")
    ] = False,
    data: Data = None,
) -> None:
    """Run stand-ins for the operator's network until Ctrl-C; they refuse the HeNBs that they are told to.

    With an ACS on the same machine: acs simulate network --enrol --data acs-data; the ACS needs
    measure_networks = ["127.0.0.0/8"]. Then: acs simulate --network sim-network
    """
    from acs.simulator import Vendor
    from acs.simulator.operator_configuration import load_network
    from acs.simulator.operator_network import OperatorNetwork

    log_to_stderr()
    how = load_network(configuration)
    network = OperatorNetwork(
        directory,
        Vendor(vendor).ca_path,
        host=how.host,
        segw=how.segw.lists(),
        gateway=how.henb_gw.lists(),
    )
    target = (data or Path("acs-data")) if enrol else None
    if target is not None:
        require_data(settings_of(target, None))
    run(_serve(network, how, target))


def network_facts(directory: Path) -> dict[str, Any]:
    """Return where the stand-ins of a directory listen. Raises ``AcsError`` where none do."""
    try:
        facts: dict[str, Any] = msgspec.json.decode((directory / "network.json").read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise AcsError(
            f"no network runs from {directory} ({error}); start one: acs simulate network"
        ) from error
    return facts


async def _serve(network: OperatorNetwork, how: NetworkConfiguration, enrol: Path | None) -> None:
    from acs.security import write_private
    from acs.simulator.operator_network import SYSTEMS, SightingReporter

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(network.stop)
        await network.start(measure_port=how.measure_port, tunnel_port=how.tunnel_port)
        facts = {
            "host": "localhost" if how.host == "127.0.0.1" else how.host,
            "tunnel_port": network.segw.port,
            "ca": str(network.ca_path.absolute()),
            "measures": {name: network.url(name) for name in SYSTEMS},
        }
        write_private(network.directory / "network.json", msgspec.json.encode(facts))
        if enrol is not None:
            await asyncio.to_thread(_enrol, network, enrol)
        if how.sightings is not None:
            told = how.sightings
            token = read_file(Path(told.token_file)).decode().strip()
            reporter = SightingReporter(
                network.gateway, told.url, token, Path(told.ca), source=told.source, every=told.every
            )
            reporting = asyncio.create_task(reporter.run())
            stack.callback(reporting.cancel)
        console.print(f"SeGW at {facts['host']}:{network.segw.port}", markup=False)
        for name, system in SYSTEMS.items():
            console.print(f"{name} takes measures at {network.url(name)}", markup=False)
            if enrol is None and not (network.directory / f"{name}.secret").exists():
                console.print(_hint(network, name, system), markup=False)
        await stop.wait()


def _hint(network: OperatorNetwork, name: str, system: str) -> str:
    folder = network.directory
    return (
        f"  make it known: acs measures targets add {name} {system} {network.url(name)} --ca {folder}/ca.pem"
        f" --bearer-file {folder}/{name}.bearer --client-certificate {folder}/hems.pem"
        f"\n  and write the secret that this prints into {folder}/{name}.secret"
    )


def _enrol(network: OperatorNetwork, data: Path) -> None:
    """Make the stand-ins known to the HeMS of a data directory, anew, since their ports may be others."""
    from sqlalchemy import Connection

    from acs import measures as ms
    from acs.security import Sealer, write_private
    from acs.simulator.operator_network import SYSTEMS

    settings = settings_of(data, None)
    sealer = Sealer(secrets_of(settings).store_key)

    def act(conn: Connection) -> dict[str, str]:
        known = {each.name: each.url for each in ms.list_targets(conn)}
        secrets = {}
        for name, system in SYSTEMS.items():
            if known.get(name) == network.url(name) and (network.directory / f"{name}.secret").exists():
                continue
            if name in known:
                ms.remove_target(conn, name, who=who(), now=time.time())
            _, secrets[name] = ms.add_target(
                conn,
                name,
                system,
                network.url(name),
                sealer=sealer,
                who=who(),
                bearer=network.credentials[name].bearer,
                client=network.client_path.read_bytes(),
                ca=network.ca_path.read_text(encoding="ascii"),
                now=time.time(),
            )
        return secrets

    for name, secret in write(settings, act).items():
        write_private(network.directory / f"{name}.secret", secret.encode())
