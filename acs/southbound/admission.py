"""The allow and block lists as the endpoint uses them, and the list of those it refused."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence

import structlog

from acs import devices as dev
from acs.cwmp import messages as m
from acs.devices import AdmissionRule
from acs.files import TransferRefused
from acs.loops import tried_again, until_set
from acs.security import digest
from acs.southbound.authentication import Peer, Refused
from acs.southbound.handshakes import HANDSHAKE, why_failed
from acs.store import Store

__all__ = ["Admission", "said_to_be"]

_POLL = 5.0
_log = structlog.get_logger(__name__)


class Admission:
    """Rules in memory, so that a steady Inform costs no read; refusals in memory, so that they cost no write.

    Rules of other nodes and of the command line are seen within seconds.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rules: Sequence[AdmissionRule] = ()
        self._version = (-1, -1)
        self._refused = dev.Refusals()
        self._changed = asyncio.Event()
        store.on("admission", lambda _: self._changed.set())

    def decide(self, who: m.DeviceId, address: str) -> bool:
        """Tell whether an allow rule lets the device in. Raises ``Refused`` where a block rule fits."""
        if not self._rules:
            return False
        rule = dev.first_rule(
            self._rules, who.oui, who.serial_number, who.product_class, address, now=self._store.clock()
        )
        if rule is None:
            return False
        if rule.verdict == "block":
            raise Refused(403, "blocked-by-rule", f"rule {rule.id} blocks {rule.about}: {rule.reason}")
        return True

    def refused(
        self, claimed: str, address: str, refused: Refused | TransferRefused, *, sent: str = ""
    ) -> None:
        """Note who was refused; ``sent``: what it was that did not come in a session."""
        reason = f"{sent}: {refused.reason}" if sent else refused.reason
        self._refused.add(claimed, address, reason, refused.text, now=self._store.clock())

    def handshake_failed(self, address: str, error: ssl.SSLError) -> None:
        """Note from where a TLS handshake failed, and why."""
        reason, text = why_failed(error)
        _log.debug("refused", reason=reason, why=text, address=address)  # strangers write no log
        self._refused.add(HANDSHAKE, address, reason, text, now=self._store.clock())

    async def refresh(self) -> None:
        """Read the rules where they changed, write down who was refused."""
        version = await self._store.read(dev.rules_version)
        if version != self._version:
            self._rules = await self._store.read(dev.admission_rules)
            self._version = version
        found = self._refused.take()
        if found:
            await self._store.write(dev.note_refusals, found)

    async def run(self) -> None:
        """Refresh now and then until cancelled, and write down the rest at the end."""
        try:
            while True:
                await until_set(self._changed, _POLL)
                self._changed.clear()
                with tried_again(_log, "the admission rules could not be read"):  # those known hold on
                    await self.refresh()
        finally:
            await self.refresh()


def said_to_be(peer: Peer, authorization: str) -> str:
    """Return who a stranger says it is: by its certificate or its user name; empty where it says nothing."""
    if peer.vouched is not None:
        return next(iter(peer.vouched.certificate.names), peer.vouched.certificate.subject)
    given = digest.parse(authorization)
    return given.username if given is not None else ""
