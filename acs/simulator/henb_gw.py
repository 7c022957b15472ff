"""A stand-in for a HeNB-GW or MME: S1 setup of the HeNBs that come through the SeGW.

One JSON object a line in the place of S1AP over SCTP. The first line is the SeGW's and tells whose tunnel it
is; a HeNB that calls itself otherwise is refused (TS 33.320 4.4.9).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any
from urllib.parse import unquote

import structlog

from acs.simulator.lists import Lists
from acs.simulator.measure_listener import WrongOrder

__all__ = ["HenbGateway", "fits_identity"]

_PATIENCE = 10.0
_SILENCE = 60.0  # without a heartbeat
_log = structlog.get_logger(__name__)


def fits_identity(device_key: str, identity: str) -> bool:
    """Tell whether a device key OUI-SerialNumber is that of ``<serial>.<oui>.…`` in a certificate."""
    oui, _, serial = device_key.partition("-")
    return bool(serial) and identity.lower().startswith(f"{unquote(serial)}.{oui}.".lower())


class HenbGateway:
    """Keeps S1 of the HeNBs, by device key."""

    def __init__(self, lists: Lists | None = None) -> None:
        self.lists = Lists() if lists is None else lists
        self.connected: dict[str, asyncio.StreamWriter] = {}
        self.refused: dict[str, int] = {}
        self.port = 0
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen at the inner side, which only the SeGW reaches."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=4096)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """End S1 of all."""
        if self._server is not None:
            self._server.close()
        for writer in list(self.connected.values()):
            writer.transport.abort()
        await asyncio.sleep(0)

    def carry_out(self, operation: str, device: dict[str, str], order: dict[str, Any]) -> None:
        """Block or unblock a HeNB (S1 L92). Raises ``WrongOrder``."""
        key = str(device.get("deviceKey") or "")
        if not key:
            raise WrongOrder("the device has no key")
        match operation:
            case "block":
                self.lists.block(key, str(order.get("reason", ""))[:200])
                if key in self.connected:
                    self.connected[key].transport.abort()
            case "unblock":
                self.lists.unblock(key)
            case _:
                raise WrongOrder(f"{operation[:40]!r} is nothing that a HeNB-GW does")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        key = ""
        try:
            async with asyncio.timeout(_PATIENCE):
                identity = str((await _line(reader)).get("identity", ""))
                setup = await _line(reader)
            claimed = str(setup.get("eNB", ""))
            why = self._refuse(claimed, identity, setup)
            if why:
                self.refused[claimed[:100]] = self.refused.get(claimed[:100], 0) + 1
                _log.info("no S1", henb=claimed[:100], why=why)
                await _say(writer, {"procedure": "S1SetupFailure", "cause": why})
                return
            key = claimed
            self.connected[key] = writer
            await _say(writer, {"procedure": "S1SetupResponse"})
            while True:
                async with asyncio.timeout(_SILENCE):
                    await _line(reader)
                await _say(writer, {"procedure": "HeartbeatAck"})
        except (OSError, TimeoutError, ValueError, EOFError):
            pass  # the HeNB or the SeGW went away, or talks nonsense
        finally:
            if self.connected.get(key) is writer:
                del self.connected[key]
            writer.transport.abort()

    def _refuse(self, claimed: str, identity: str, setup: dict[str, Any]) -> str:
        if setup.get("procedure") != "S1SetupRequest":
            return "no S1SetupRequest"
        if not fits_identity(claimed, identity):
            return f"it comes through the tunnel of {identity[:100]}"
        return self.lists.refuse(claimed)


async def _line(reader: asyncio.StreamReader) -> dict[str, Any]:
    """Return the next object. Raises ``EOFError`` at the end, ``ValueError`` for what is none."""
    text = await reader.readline()
    if not text:
        raise EOFError
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("no object")  # noqa: TRY004 - as JSON that is none
    return found


async def _say(writer: asyncio.StreamWriter, message: dict[str, Any]) -> None:
    writer.write(json.dumps(message).encode() + b"\n")
    with contextlib.suppress(OSError):
        async with asyncio.timeout(_PATIENCE):
            await writer.drain()
