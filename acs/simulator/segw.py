"""A stand-in for a SeGW: HeNBs bring up their tunnel with their certificate, and S1 goes through it.

The tunnel is a TLS connection in the place of IPsec: the HeNB shows its certificate (TS 33.320), hears
``{"tunnel": "up"}``, and from then on the stream leads to the HeNB-GW, which is told whose tunnel it is.
Whoever is blocked loses the tunnel at once, and with it S1.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from typing import Any

import structlog

from acs.simulator.lists import Lists
from acs.simulator.measure_listener import WrongOrder

__all__ = ["SecurityGateway"]

_PATIENCE = 10.0
_MOST_TUNNELS = 10_000
_log = structlog.get_logger(__name__)


class SecurityGateway:
    """Lets HeNBs in by the dNSName of their certificate; ``inner`` is where the HeNB-GW listens."""

    def __init__(self, inner: tuple[str, int], lists: Lists | None = None) -> None:
        self.inner, self.lists = inner, Lists() if lists is None else lists
        self.tunnels: dict[str, asyncio.StreamWriter] = {}
        self.refused: dict[str, int] = {}
        self.port = 0
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int, tls: ssl.SSLContext) -> None:
        """Listen for tunnels; ``tls`` demands certificates of the HeNBs' vendors."""
        self._server = await asyncio.start_server(
            self._tunnel, host, port, ssl=tls, ssl_handshake_timeout=_PATIENCE
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Drop all tunnels."""
        if self._server is not None:
            self._server.close()
        for writer in list(self.tunnels.values()):
            writer.transport.abort()
        await asyncio.sleep(0)

    # --- what it is told ----------------------------------------------------------------

    def carry_out(self, operation: str, device: dict[str, str], order: dict[str, Any]) -> None:
        """Change the lists (S1 L90). Raises ``WrongOrder``."""
        identity = str(device.get("certificateName") or "").lower()
        if not identity:
            raise WrongOrder("the device has no certificate that is known, so it has no tunnel either")
        reason = str(order.get("reason", ""))[:200]
        match operation:
            case "blockListAdd":
                self.lists.block(identity, reason)
            case "blockListRemove":
                self.lists.unblock(identity)
            case "allowListRemove":
                self.lists.disallow(identity, reason)
            case "allowListAdd":
                self.lists.allow(identity)
            case _:
                raise WrongOrder(f"{operation[:40]!r} is nothing that a SeGW does")
        if self.lists.refuse(identity) and identity in self.tunnels:
            self.tunnels[identity].transport.abort()

    # --- tunnels ------------------------------------------------------------------------

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            identity = _identity(writer)
            why = self.lists.refuse(identity) if identity else "no dNSName in the certificate"
            if not why and len(self.tunnels) >= _MOST_TUNNELS:
                why = "too many tunnels"
            if why:
                self.refused[identity] = self.refused.get(identity, 0) + 1
                _log.info("no tunnel", henb=identity, why=why)
                writer.write(json.dumps({"refused": why}).encode() + b"\n")
                async with asyncio.timeout(_PATIENCE):
                    await writer.drain()
                return
            await self._lead(identity, reader, writer)
        except (OSError, TimeoutError):
            pass  # the HeNB went away, or there is no HeNB-GW
        finally:
            if writer is self.tunnels.get(_identity(writer)):
                del self.tunnels[_identity(writer)]
            writer.transport.abort()

    async def _lead(self, identity: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Lead a HeNB to the HeNB-GW until one of the two ends it; a newer tunnel ends an older one."""
        older = self.tunnels.get(identity)
        self.tunnels[identity] = writer
        if older is not None:
            older.transport.abort()
        writer.write(b'{"tunnel": "up"}\n')
        async with asyncio.timeout(_PATIENCE):
            inner_reader, inner_writer = await asyncio.open_connection(*self.inner)
        inner_writer.write(json.dumps({"identity": identity}).encode() + b"\n")
        ways = [
            asyncio.create_task(_pump(reader, inner_writer)),
            asyncio.create_task(_pump(inner_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            inner_writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()


def _identity(writer: asyncio.StreamWriter) -> str:
    """Return the dNSName that the HeNB has proved, in lower case; empty for none."""
    certificate = writer.get_extra_info("peercert") or {}
    names = [value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"]
    return str(names[0]).lower() if names else ""
