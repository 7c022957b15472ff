"""``acs serve``: run one node until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import signal
from pathlib import Path
from typing import Annotated

import typer

from acs.cli.node import settings_of
from acs.cli.options import Config, Data
from acs.cli.running import run
from acs.settings import Settings

__all__ = ["serve"]


def serve(
    data: Data = None,
    config: Config = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on for devices.")] = None,
    port: Annotated[int | None, typer.Option(help="HTTPS port for devices; 0 takes a free one.")] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(help="DNS name or address in the server certificate; the first goes into URLs."),
    ] = None,
    database: Annotated[
        str | None, typer.Option(help="postgresql+asyncpg://USER@HOST/NAME; default: SQLite in --data.")
    ] = None,
    policy: Annotated[Path | None, typer.Option(help="A remediation policy; see acs policy.")] = None,
    playbooks: Annotated[
        Path | None, typer.Option(help="A folder of your own playbooks; see acs playbook.")
    ] = None,
    management_port: Annotated[
        int | None, typer.Option(help="Port of /metrics, /healthz, /readyz on loopback; 0 takes a free one.")
    ] = None,
    northbound_port: Annotated[
        int | None, typer.Option(help="HTTPS port of the REST interface on loopback; 0 takes a free one.")
    ] = None,
    admission: Annotated[
        str | None,
        typer.Option(help="Unknown devices: certificate (let in), approve (wait), known (refused)."),
    ] = None,
    connection_requests_to: Annotated[
        list[str] | None, typer.Option(help="Networks (CIDR) that connection requests may go to.")
    ] = None,
    role: Annotated[
        list[str] | None,
        typer.Option(help="What it is to HeNBs: serving (by default), initial, emergency; may be repeated."),
    ] = None,
    stun_port: Annotated[
        int | None, typer.Option(help="UDP port of a STUN server for devices behind a NAT, usually 3478.")
    ] = None,
    notification_port: Annotated[
        int | None, typer.Option(help="UDP port for lightweight notifications, usually 7547.")
    ] = None,
    distress_port: Annotated[
        int | None, typer.Option(help="HTTPS port for sessions over distress channels; 0 takes a free one.")
    ] = None,
    insecure_http: Annotated[
        int | None, typer.Option(metavar="PORT", help="LABS ONLY: listen without TLS as well.")
    ] = None,
    log_format: Annotated[str | None, typer.Option(help="console or json.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
) -> None:
    """Run an ACS node: CWMP over HTTPS for devices, remediation, file server.

    The first start makes a CA, a server certificate, all secrets and an embedded database in the data
    directory. Nothing has a default password. SIGTERM and Ctrl-C let open sessions finish; SIGHUP reads
    policy and playbooks anew, as `acs reload` does.
    """
    settings = settings_of(
        data,
        config,
        host=host,
        port=port,
        names=name or None,
        database=database,
        policy=policy,
        playbooks=playbooks,
        management_port=management_port,
        northbound_port=northbound_port,
        admission=admission,
        connection_request_networks=connection_requests_to or None,
        roles=role or None,
        stun_port=stun_port,
        notification_port=notification_port,
        distress_port=distress_port,
        insecure_http_port=insecure_http,
        log_format=log_format,
        log_level=log_level,
    )
    run(_serve(settings))


async def _serve(settings: Settings) -> None:
    from acs.node import Node
    from acs.observability import configure_logging

    configure_logging(settings.log_level, settings.log_format)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    node = Node(settings)
    loop.add_signal_handler(signal.SIGHUP, node.reload)
    await node.start()
    # What is there now stays for good: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    await stop.wait()
    await node.stop()
