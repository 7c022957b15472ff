"""A listener held to bounds, for an application that is not the devices': the managers'."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from functools import partial

from aiohttp import web

from acs.errors import AcsError
from acs.observability import Metrics
from acs.settings import Settings
from acs.southbound.connections import Bounds, Connections, Stage
from acs.southbound.front import Front
from acs.southbound.guarded import HTTP, Guarded
from acs.southbound.limits import Buckets

__all__ = ["listen_for_managers"]

_CONNECTIONS = 1000
_STRANGERS = 400  # of them, on which nobody has proved to be a manager yet
_OF_ONE_ADDRESS = 100  # such connections
_OF_ONE_MANAGER = 200
_RATE = 50.0  # handshakes and refusals of an address, connections of a manager, a second
_AT_ONCE = 20  # times as many at once
_STRANGERS_RATE = 200.0  # handshakes and requests of all unknown addresses a second
_CLOSING = 10.0


def listen_for_managers(
    runner: web.AppRunner, settings: Settings, context: ssl.SSLContext, metrics: Metrics
) -> tuple[Front, int]:
    """Listen where the settings say; return the front, which is to be stopped, and the port.

    A manager proves itself with ``guarded(request).proved(owner)``. Raises ``AcsError`` naming the setting.
    """
    bounds = Bounds(
        total=_CONNECTIONS,
        strangers=_STRANGERS,
        per_address=_OF_ONE_ADDRESS,
        per_device=_OF_ONE_MANAGER,
        seconds={
            Stage.DELAYED: settings.idle_timeout,
            Stage.SILENT: settings.handshake_timeout,
            Stage.HANDSHAKE: settings.handshake_timeout,
            Stage.FRESH: settings.idle_timeout,
            Stage.HEAD: settings.header_timeout,
            Stage.BODY: settings.stall_timeout,
            Stage.IDLE: settings.idle_timeout,
            Stage.WRITING: settings.stall_timeout,
            Stage.CLOSING: _CLOSING,
        },
    )
    front = Front(
        Connections(bounds),
        rate=Buckets(_RATE, _RATE * _AT_ONCE),
        strangers=Buckets(_STRANGERS_RATE, _STRANGERS_RATE / 4),
        identities=Buckets(_RATE, _RATE * _AT_ONCE),
        unlimited=[ipaddress.ip_network(each) for each in settings.unlimited_networks],
        handshake_timeout=settings.handshake_timeout,
        longest_delay=min(10.0, settings.idle_timeout / 2),
        metrics=metrics,
    )
    server = runner.server
    assert server is not None
    handler = partial(Guarded, server, loop=asyncio.get_running_loop(), **HTTP)
    assert settings.northbound_port is not None
    try:
        port = front.listen(
            settings.northbound_host, settings.northbound_port, context, "northbound_port", handler
        )
    except AcsError:
        front.close()
        raise
    return front, port
