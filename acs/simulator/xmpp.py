"""A HeNB's XMPP client, by which it is called (TR-069 annex K)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from time import time

from acs.security.digest import same_secret
from acs.simulator.connection import Device
from acs.xmpp import XmppStream

__all__ = ["JabberListener"]

_BASE = "Device.ManagementServer."


class JabberListener:
    """Listens for connection requests of one device; ``run`` until cancelled.

    ``allowed``: the bare Jabber IDs that may call it; empty: any (ConnReqAllowedJabberIDs). ``kind``: of the
    distress channel that the stream belongs to; empty: it is one of the standard path.
    """

    def __init__(
        self,
        device: Device,
        jabber_id: str,
        password: str,
        *,
        ca: Path,
        server: tuple[str, int],
        allowed: frozenset[str] = frozenset(),
        kind: str = "",
    ) -> None:
        self._device, self._allowed, self._kind = device, allowed, kind
        self.stream = XmppStream(jabber_id, password, ca=ca, server=server, answer=self._answer)

    async def run(self) -> None:
        """Keep the stream open until cancelled, and report the Jabber ID once the server has given it."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.stream.run())
            group.create_task(self._report())

    async def _report(self) -> None:
        await self.stream.ready.wait()
        if self._kind:
            return  # its address is in the HeMS's list of paths
        self._device.henb.report(f"{_BASE}ConnReqJabberID", self.stream.full_jabber_id)
        self._device.wake()

    def _answer(self, who: str, username: str, password: str) -> str:
        henb = self._device.henb
        if henb.state != "running" or (self._allowed and who not in self._allowed):
            return "service-unavailable"
        expected = henb.tree.value(f"{_BASE}ConnectionRequestUsername"), henb.connection_request_password
        if not expected[1] or username != expected[0] or not same_secret(password, expected[1]):
            return "not-authorized"
        if self._kind:
            henb.called_over(self._kind, time())
        else:
            henb.connection_requested()
        self._device.wake()
        return ""
