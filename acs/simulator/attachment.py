"""The HeNB's side of its way into the network: the tunnel to the SeGW, and S1 through it."""

from __future__ import annotations

import asyncio
import json
import ssl
from dataclasses import dataclass

import structlog

from acs.devices import device_key
from acs.simulator.henb import HeNB

__all__ = ["Attachment", "Gateway"]

_PATIENCE = 10.0
_LOOK = 0.1  # seconds between two looks at whether the device still runs
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where the SeGW is, and with what TLS context, which holds the device's certificate."""

    host: str
    port: int
    tls: ssl.SSLContext


class RefusedError(Exception):
    """The SeGW or the HeNB-GW does not let the device in."""


class Attachment:
    """Keeps a running HeNB attached; ``henb.distress.connected`` tells whether S1 is up (S1 L76).

    ``tunnel`` and ``s1`` tell what is up now, ``refused`` what the network said last when it refused.
    """

    def __init__(self, henb: HeNB, gateway: Gateway, *, retry: float = 5.0, heartbeat: float = 5.0) -> None:
        self._henb, self._gateway, self._retry, self._heartbeat = henb, gateway, retry, heartbeat
        self.tunnel = self.s1 = False
        self.refused = ""
        self.attempts = 0
        henb.distress.connected = False

    async def run(self) -> None:
        """Attach whenever the device runs and is not attached; until cancelled."""
        while True:
            if self._henb.state != "running":
                await asyncio.sleep(_LOOK)
                continue
            self.attempts += 1
            try:
                await self._attach()
            except RefusedError as refusal:
                self.refused = str(refusal)
            except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError) as error:
                _log.debug("detached", device=self._henb.device_id.serial_number, why=repr(error))
            await asyncio.sleep(self._retry)

    async def _attach(self) -> None:
        """Hold tunnel and S1 until one of them is lost or the device stops."""
        to = self._gateway
        async with asyncio.timeout(_PATIENCE):
            reader, writer = await asyncio.open_connection(
                to.host, to.port, ssl=to.tls, server_hostname=to.host
            )
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._set_up(reader, writer)
            await self._hold(reader, writer)
        finally:
            self.tunnel = self.s1 = False
            self._henb.distress.connected = False
            writer.transport.abort()

    async def _set_up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        told = json.loads(await _line(reader))
        if told.get("tunnel") != "up":
            raise RefusedError(f"no tunnel: {told.get('refused')}")
        self.tunnel = True
        identity = self._henb.device_id
        key = device_key(identity.oui, identity.serial_number)
        _say(writer, {"procedure": "S1SetupRequest", "eNB": key})
        told = json.loads(await _line(reader))
        if told.get("procedure") != "S1SetupResponse":
            raise RefusedError(f"no S1: {told.get('cause')}")
        self.s1, self.refused = True, ""
        self._henb.distress.connected = True

    async def _hold(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        answers = asyncio.create_task(self._listen(reader))
        due = loop.time() + self._heartbeat
        try:
            while self._henb.state == "running" and not answers.done():
                await asyncio.wait([answers], timeout=_LOOK)
                if loop.time() >= due:
                    _say(writer, {"procedure": "Heartbeat"})
                    due = loop.time() + self._heartbeat
        finally:
            answers.cancel()
            await asyncio.gather(answers, return_exceptions=True)

    @staticmethod
    async def _listen(reader: asyncio.StreamReader) -> None:
        while await reader.readline():
            pass


async def _line(reader: asyncio.StreamReader) -> bytes:
    text = await reader.readline()
    if not text.endswith(b"\n"):
        raise asyncio.IncompleteReadError(text, None)
    return text


def _say(writer: asyncio.StreamWriter, message: dict[str, str]) -> None:
    writer.write(json.dumps(message).encode() + b"\n")
