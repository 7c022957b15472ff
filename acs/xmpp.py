"""XMPP as connection requests use it (TR-069 annex K): one stream to a server, kept open, one kind of stanza.

Needs the extra ``xmpp``. TLS is not optional: a stream without it is never authenticated.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree

import structlog
from slixmpp import JID, ClientXMPP, InvalidJID, register_stanza_plugin
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.stanza import Iq
from slixmpp.xmlstream import ElementBase
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import StanzaPath

from acs.errors import AcsError

__all__ = ["NAMESPACE", "Answerer", "XmppError", "XmppStream", "check_jabber_id"]

NAMESPACE = "urn:broadband-forum-org:cwmp:xmppConnReq-1-0"
_LONGEST_JID = 256
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # seconds between two attempts to open the stream
_OPENING = 30.0  # seconds in which a server has to open a stream
_PING_EVERY, _PING_PATIENCE = 60.0, 15.0  # seconds: a connection may be dead and nobody tells
_PING = "urn:xmpp:ping"
_log = structlog.get_logger(__name__)

Answerer = Callable[[str, str, str], str]
"""Takes who asks, username and password; returns "" to accept, or the condition of the error."""


class XmppError(AcsError):
    """A request that did not succeed; ``condition`` is XMPP's name for why (RFC 6120 8.3.3), or "timeout"."""

    def __init__(self, condition: str, text: str) -> None:
        super().__init__(text)
        self.condition = condition


class _ConnectionRequest(ElementBase):
    """``connectionRequest`` with the credentials that the device expects (annex K.2)."""

    name = "connectionRequest"
    namespace = NAMESPACE
    plugin_attrib = "connection_request"
    interfaces = {"username", "password"}  # noqa: RUF012 - how the library declares an element
    sub_interfaces = interfaces


register_stanza_plugin(Iq, _ConnectionRequest)


def check_jabber_id(text: str) -> JID:
    """Return the Jabber ID in ``text``. Raises ``AcsError`` where it is none, or names no account."""
    try:
        found = JID(text) if 0 < len(text) <= _LONGEST_JID else None
    except InvalidJID as error:
        raise AcsError(f"{text[:80]!r} is no Jabber ID: {error}") from error
    if found is None or not found.local or not found.domain:
        raise AcsError(f"{text[:80]!r} is no Jabber ID; one is like henb-1@xmpp.example/cwmp")
    return found


class XmppStream:
    """One account's stream to its server: ``run`` keeps it open, ``request`` uses it.

    ``ca``: a PEM file of CAs that the server's certificate is checked against, in place of the system's.
    ``server``: host and port, where the domain's name does not lead there. ``answer``: what to do with
    requests that come in.
    """

    def __init__(
        self,
        jabber_id: str,
        password: str,
        *,
        ca: Path | None = None,
        server: tuple[str, int] | None = None,
        answer: Answerer | None = None,
    ) -> None:
        self.jabber_id = check_jabber_id(jabber_id)
        self._password, self._ca, self._answer = password, ca, answer
        self._server = server or (self.jabber_id.domain, 5222)
        self._client: ClientXMPP | None = None
        self.ready = asyncio.Event()
        self.trouble = "the stream to the XMPP server is not open yet"

    @property
    def full_jabber_id(self) -> str:
        """The account's Jabber ID with the resource that the server gave to this stream."""
        return str(self._client.boundjid.full) if self._client is not None else ""

    async def run(self) -> None:
        """Keep the stream open until cancelled."""
        pause = _FIRST_PAUSE
        try:
            while True:
                client = self._make()
                gone = client.disconnected
                client.connect(*self._server)
                watch = asyncio.create_task(self._watch(client), name="XMPP watch")
                try:
                    await asyncio.wait((gone, watch), return_when=asyncio.FIRST_COMPLETED)
                    dead = watch.result() if watch.done() else ""
                finally:
                    watch.cancel()
                if self.ready.is_set():
                    pause = _FIRST_PAUSE
                    self.trouble = dead or "the XMPP server ended the stream"
                elif dead:
                    self.trouble = dead
                self.ready.clear()
                await self._close()
                _log.warning("no XMPP stream", account=self.jabber_id.bare, why=self.trouble)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
        finally:
            self.ready.clear()
            await self._close()

    async def _watch(self, client: ClientXMPP) -> str:
        """Return what is wrong with a stream that does not open, or is open and dead (XEP-0199)."""
        try:
            async with asyncio.timeout(_OPENING):
                await self.ready.wait()
        except TimeoutError:
            return f"the XMPP server {self._server[0]}:{self._server[1]} opened no stream in {_OPENING:g} s"
        while True:
            await asyncio.sleep(_PING_EVERY)
            ping: Any = client.make_iq_get(ito=self.jabber_id.domain)
            ping.append(ElementTree.Element(f"{{{_PING}}}ping"))
            try:
                await ping.send(timeout=_PING_PATIENCE)
            except IqTimeout:
                return f"the XMPP server did not answer a ping in {_PING_PATIENCE:g} s"
            except IqError:
                pass  # it knows no pings, and is there

    async def _close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.cancel_connection_attempt()
            client.abort()
            if client._run_out_filters is not None:  # the library leaves this task behind
                client._run_out_filters.cancel()
                await asyncio.gather(client._run_out_filters, return_exceptions=True)

    def _make(self) -> ClientXMPP:
        client = ClientXMPP(self.jabber_id, self._password)
        context = ssl.create_default_context(cafile=str(self._ca) if self._ca else None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        client.ssl_context = context
        client.use_aiodns = False  # the system resolves names, as it does for everything else
        client.enable_plaintext = False
        client.enable_direct_tls = False
        client.add_event_handler("session_start", self._started)
        client.add_event_handler("failed_all_auth", self._refused)
        client.add_event_handler("connection_failed", self._unreachable)
        client.add_event_handler("ssl_invalid_chain", self._distrusted)
        client.register_handler(
            Callback("connection request", StanzaPath("iq@type=get/connection_request"), self._asked)
        )
        self._client = client
        return client

    def _started(self, _: Any) -> None:
        assert self._client is not None
        self._client.send_presence()
        self.trouble = ""
        self.ready.set()
        _log.info("XMPP stream open", account=self.jabber_id.bare)

    def _refused(self, _: Any) -> None:
        self.trouble = f"the XMPP server refuses the password of {self.jabber_id.bare}"

    def _unreachable(self, why: Any) -> None:
        self.trouble = f"the XMPP server {self._server[0]}:{self._server[1]} can't be reached: {why}"
        if self._client is not None:
            self._client.cancel_connection_attempt()
            if not self._client.disconnected.done():
                self._client.disconnected.set_result(None)

    def _distrusted(self, why: Any) -> None:
        self.trouble = f"the XMPP server's certificate is not trusted: {why}"

    def _asked(self, iq: Any) -> None:
        asked = iq["connection_request"]
        condition = "service-unavailable"
        if self._answer is not None:
            condition = self._answer(str(iq["from"].bare), asked["username"], asked["password"])
        reply = iq.reply()
        if condition:
            reply["type"] = "error"
            reply["error"]["type"] = "auth" if condition == "not-authorized" else "cancel"
            reply["error"]["condition"] = condition
        else:
            reply["type"] = "result"
        reply.send()

    async def request(self, to: str, username: str, password: str, *, patience: float) -> None:
        """Ask ``to`` for a session; return when it has accepted, in ``patience`` seconds.

        Raises ``XmppError``.
        """
        client = self._client
        if client is None or not self.ready.is_set():
            raise XmppError("no-stream", self.trouble)
        iq = client.make_iq_get(ito=to)
        iq["connection_request"]["username"] = username
        iq["connection_request"]["password"] = password
        try:
            await cast("Any", iq).send(timeout=patience)
        except IqTimeout as error:
            raise XmppError("timeout", f"{to} did not answer in {patience:g} s") from error
        except IqError as error:
            text = f": {error.text}" if error.text else ""
            raise XmppError(error.condition, f"{to} is answered with {error.condition}{text}") from error
