"""Connection requests over XMPP (TR-069 annex K): an iq stanza to the device's Jabber ID."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from acs.errors import AcsError
from acs.settings import Settings
from acs.southbound.connection_requests.ways import Outcome, Reason, Target

if TYPE_CHECKING:
    from acs.xmpp import XmppStream

__all__ = ["XmppWay"]

_PATIENCE = 10.0  # seconds for the device's answer
_REASONS = {
    "no-stream": Reason.UNAVAILABLE,
    "timeout": Reason.NO_ANSWER,
    "not-authorized": Reason.UNAUTHORIZED,
    "forbidden": Reason.UNAUTHORIZED,
    "not-allowed": Reason.UNAUTHORIZED,
    "resource-constraint": Reason.BUSY,
    "recipient-unavailable": Reason.OFFLINE,
    "item-not-found": Reason.OFFLINE,
    "service-unavailable": Reason.OFFLINE,  # of the server: no such client is connected (RFC 6121 8.5.3.2.3)
    "remote-server-not-found": Reason.DNS,
    "remote-server-timeout": Reason.CONNECT,
}


class XmppWay:
    """Calls devices through the XMPP server at which this ACS has an account.

    Only Jabber IDs of the account's own domain, and of ``domains``, are called: a device can't make the
    ACS speak to a server of the device's choice.
    """

    name = "xmpp"

    def __init__(self, stream: XmppStream, domains: frozenset[str]) -> None:
        self.stream = stream
        self._domains = domains | {stream.jabber_id.domain}

    @classmethod
    def from_settings(cls, settings: Settings) -> XmppWay | None:
        """Return the way that the settings describe, None where they name no account.

        Raises ``AcsError`` where the extra is missing, the account is none, or its password can't be read.
        """
        if not settings.xmpp_jabber_id:
            return None
        try:
            from acs.xmpp import XmppStream
        except ImportError as error:
            raise AcsError("the setting xmpp_jabber_id needs: pip install 'femto-acs[xmpp]'") from error
        stream = XmppStream(
            settings.xmpp_jabber_id, _password(settings), ca=settings.xmpp_ca, server=_server(settings)
        )
        return cls(stream, frozenset(each.lower() for each in settings.xmpp_domains))

    def reaches(self, target: Target) -> bool:
        """Tell whether the device reported a ConnReqJabberID."""
        return bool(target.jabber_id)

    async def call(self, target: Target) -> Outcome:
        """Ask the device for a session."""
        from acs.xmpp import XmppError, check_jabber_id

        try:
            to = check_jabber_id(target.jabber_id)
        except AcsError as error:
            return Outcome(Reason.BAD_ADDRESS, f"ConnReqJabberID: {error}")
        if to.domain not in self._domains:
            text = f"{to.domain} is no domain that is called; name it in xmpp_domains if it is to be"
            return Outcome(Reason.REFUSED_ADDRESS, text)
        try:
            await self.stream.request(to.full, target.username, target.password, patience=_PATIENCE)
        except XmppError as error:
            return Outcome(_REASONS.get(error.condition, Reason.BAD_ANSWER), str(error))
        return Outcome(Reason.ACCEPTED)


def _password(settings: Settings) -> str:
    path: Path | None = settings.xmpp_password_file
    if path is None:
        raise AcsError(
            "the setting xmpp_jabber_id needs xmpp_password_file, which holds the account's password"
        )
    try:
        password = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise AcsError(f"can't read the setting xmpp_password_file: {error}") from error
    if not password:
        raise AcsError(f"{path} (setting xmpp_password_file) is empty")
    return password


def _server(settings: Settings) -> tuple[str, int] | None:
    if not settings.xmpp_server:
        return None
    host, _, port = settings.xmpp_server.rpartition(":")
    if not host or not port.isdecimal():
        raise AcsError(f"the setting xmpp_server is {settings.xmpp_server!r}; it is like xmpp.example:5222")
    return host.strip("[]"), int(port)
