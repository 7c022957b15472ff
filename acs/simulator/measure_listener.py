"""Where the stand-ins for the network take measures: one HTTPS listener, a path, secret and token for each.

What comes is believed when its token and its signature are right (Standard Webhooks: HMAC-SHA256 over id,
time and body). What was carried out is not carried out again under the same id.
"""

from __future__ import annotations

import base64
import hmac
import json
import ssl
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import time
from typing import Any, Protocol

import structlog
from aiohttp import web

__all__ = ["Credentials", "MeasureListener", "Refusal", "System", "WrongOrder"]

_MOST_BODY = 64 * 1024
_MOST_IDS = 10_000
_WINDOW = 300.0
_log = structlog.get_logger(__name__)


class WrongOrder(Exception):  # noqa: N818 - what is answered to who ordered it
    """What a system is told makes no sense to it, and never will."""


class Refusal(Exception):  # noqa: N818 - as above
    """Who sends it is not believed."""


class System(Protocol):
    """A stand-in for a system of the network."""

    def carry_out(self, operation: str, device: dict[str, str], order: dict[str, Any]) -> None:
        """Do what is told about a device. Raises ``WrongOrder``."""


@dataclass(slots=True)
class Credentials:
    """What the HeMS has to show; with ``folder`` its secret lies in ``NAME.secret`` there (``whsec_…``)."""

    secret: str = ""
    bearer: str = ""
    folder: Path | None = None
    seen: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def secret_of(self, name: str) -> str:
        """Return the signing secret, read anew each time; empty where there is none yet."""
        if self.secret or self.folder is None:
            return self.secret
        path = self.folder / f"{name}.secret"
        return path.read_text(encoding="ascii").strip() if path.exists() else ""


def check_signature(secret: str, headers: Any, body: bytes, *, now: float) -> str:
    """Return the id of a message. Raises ``Refusal`` where its signature is not right, or old."""
    message_id, moment = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message_id or len(message_id) > 200:
        raise Refusal("the header webhook-id is missing")
    if not (moment.isascii() and moment.isdecimal() and len(moment) < 13):
        raise Refusal("the header webhook-timestamp is no number")
    if abs(now - int(moment)) > _WINDOW:
        raise Refusal("the message is too old, or the clocks differ")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    right = hmac.digest(key, f"{message_id}.{moment}.".encode() + body, "sha256")
    for each in headers.get("webhook-signature", "").split(" "):
        version, _, text = each.partition(",")
        if version == "v1" and hmac.compare_digest(text.encode(), base64.b64encode(right)):
            return str(message_id)
    raise Refusal("the signature is wrong")


class MeasureListener:
    """Serves ``/NAME/measures`` for each of its systems. ``refuse_next`` are statuses to answer at first."""

    def __init__(self, *, clock: Callable[[], float] = time) -> None:
        self._clock = clock
        self._systems: dict[str, tuple[System, Credentials]] = {}
        self._runner: web.AppRunner | None = None
        self.port = 0
        self.refuse_next: list[int] = []
        self.requests = 0

    def add(self, name: str, system: System, credentials: Credentials) -> None:
        """Serve a system under ``/NAME/measures``."""
        self._systems[name] = system, credentials

    async def start(self, host: str, port: int, tls: ssl.SSLContext) -> None:
        """Listen."""
        app = web.Application(client_max_size=_MOST_BODY)
        app.router.add_post("/{name}/measures", self._take)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, ssl_context=tls).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close the listener."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        self.requests += 1
        name = request.match_info["name"]
        if name not in self._systems:
            return web.Response(status=404, text="there is no such system")
        if self.refuse_next:
            return web.Response(status=self.refuse_next.pop(0), text="refused on demand")
        system, credentials = self._systems[name]
        body = await request.read()
        try:
            message_id = self._authenticate(name, credentials, request, body)
        except Refusal as refusal:
            _log.warning("a measure was not believed", system=name, why=str(refusal))
            return web.Response(status=401, text=str(refusal))
        if message_id in credentials.seen:
            return web.Response(text="done before")
        why = self._carry_out(name, system, body)
        if why:
            return web.Response(status=422, text=why)
        credentials.seen[message_id] = None
        while len(credentials.seen) > _MOST_IDS:
            credentials.seen.popitem(last=False)
        return web.Response(text="done")

    def _authenticate(self, name: str, credentials: Credentials, request: web.Request, body: bytes) -> str:
        secret = credentials.secret_of(name)
        if not secret:
            raise Refusal(f"the secret of {name} is not known here yet")
        given = request.headers.get("Authorization", "")
        wanted = f"Bearer {credentials.bearer}"
        if credentials.bearer and not hmac.compare_digest(given.encode(), wanted.encode()):
            raise Refusal("the bearer token is wrong")
        return check_signature(secret, request.headers, body, now=self._clock())

    @staticmethod
    def _carry_out(name: str, system: System, body: bytes) -> str:
        """Have a system do it; return why it won't, empty where it did."""
        try:
            order = json.loads(body)
            operation, device = order["operation"], dict(order["device"])
            system.carry_out(str(operation), device, order)
        except (ValueError, KeyError, TypeError, WrongOrder) as error:
            return f"{type(error).__name__}: {error}"
        _log.info("measure carried out", system=name, operation=operation, device=device.get("deviceKey"))
        return ""
