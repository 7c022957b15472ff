"""UDP lightweight notifications (TR-069 Annex M): a datagram ↔ a notification. Pure.

A datagram is an HTTP POST: a head with ``Signature``, 40 hexadecimal digits of an HMAC-SHA1 over the body
under the device's ManagementServer.Password, and a body in XML.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from xml.sax.saxutils import escape

from lxml import etree

from acs.cwmp import messages as m
from acs.cwmp.codec import DecodeError, Limits, read_document

__all__ = [
    "MAX_DATAGRAM",
    "NAMESPACE",
    "Notification",
    "NotificationError",
    "SignedNotification",
    "build_notification",
    "parse_notification",
]

NAMESPACE = "urn:broadband-forum-org:cwmp:lwnotif-1-0"
MAX_DATAGRAM = 16 * 1024
MAX_PARAMETERS = 128
_LIMITS = Limits(max_bytes=MAX_DATAGRAM, max_elements=4 * MAX_PARAMETERS, max_depth=8)
_END = re.compile(rb"\r?\n[ \t]*\r?\n")
_MOST_LINES = 64
_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_KIND = re.compile(r"[A-Za-z][\w-]{0,31}", re.ASCII)


class NotificationError(ValueError):
    """This datagram is no lightweight notification, and why."""


@dataclass(frozen=True, slots=True)
class Notification:
    """What a device tells: seconds since the epoch, its Username, a cnonce, who it is, and values.

    The type of a value is "" where the device did not say it.
    """

    ts: int
    username: str
    cnonce: str
    oui: str
    product_class: str
    serial_number: str
    parameters: tuple[m.ParameterValue, ...]


@dataclass(frozen=True, slots=True)
class SignedNotification:
    """A notification as it came; nothing of it is to be believed before ``signed_with`` holds."""

    notification: Notification
    body: bytes
    signature: str

    def signed_with(self, password: str) -> bool:
        """Tell whether the signature is right; an empty password signs nothing."""
        wanted = _signature(self.body, password).encode()
        given = self.signature.upper().encode("utf-8", "surrogateescape")
        return bool(password) and hmac.compare_digest(wanted, given)


def _signature(body: bytes, password: str) -> str:
    return hmac.new(password.encode("utf-8", "surrogateescape"), body, "sha1").hexdigest().upper()


def parse_notification(data: bytes) -> SignedNotification:
    """Parse a datagram. Raises ``NotificationError``."""
    if len(data) > MAX_DATAGRAM:
        raise NotificationError(f"it has more than {MAX_DATAGRAM} bytes")
    end = _END.search(data)
    if end is None or not data.startswith(b"POST"):
        raise NotificationError("it is no POST with a head and a body")
    fields = _fields(data[: end.start()])
    body = data[end.end() :]
    length = fields.get("content-length", "")
    if length.isascii() and length.isdigit() and len(length) < 6 and 0 < int(length) < len(body):
        body = body[: int(length)]
    signature = fields.get("signature", "").strip('"')
    if not signature:
        raise NotificationError("it is not signed")
    return SignedNotification(_read(body), body, signature)


def _fields(head: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in head.split(b"\n")[1:_MOST_LINES]:
        name, colon, value = line.decode("utf-8", "surrogateescape").partition(":")
        if colon:
            found.setdefault(name.strip().lower(), value.strip())
    return found


def _local(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _read(body: bytes) -> Notification:
    try:
        root, _ = read_document(body, limits=_LIMITS)
    except DecodeError as error:
        raise NotificationError(error.reason) from error
    if _local(root) != "Notification":
        raise NotificationError(f"its body is a {_local(root)[:40]!r}, not a Notification")
    texts = {_local(each): (each.text or "").strip() for each in root if _local(each) != "Param"}
    rows = [each for each in root if _local(each) == "Param"]
    missing = [name for name in ("TS", "UN", "CN", "OUI", "SerialNumber") if not texts.get(name)]
    if missing or not rows:
        raise NotificationError(f"it has no {missing[0] if missing else 'Param'}")
    if len(rows) > MAX_PARAMETERS:
        raise NotificationError(f"it has {len(rows)} parameters; {MAX_PARAMETERS} are allowed")
    ts = texts["TS"]
    if not (ts.isascii() and ts.isdigit() and len(ts) <= 12):
        raise NotificationError("its TS is no number of seconds")
    return Notification(
        int(ts),
        texts["UN"][:256],
        texts["CN"][:256],
        texts["OUI"][:6],
        texts.get("ProductClass", "")[:64],
        texts["SerialNumber"][:64],
        tuple(_parameter(each) for each in rows),
    )


def _parameter(row: etree._Element) -> m.ParameterValue:
    found = {_local(each): each for each in row}
    if "Name" not in found or "Value" not in found:
        raise NotificationError("a Param has no Name or no Value")
    kind = str(found["Value"].get(_TYPE, "")).rpartition(":")[2]
    name = (found["Name"].text or "").strip()
    return m.ParameterValue(name, found["Value"].text or "", f"xsd:{kind}" if _KIND.fullmatch(kind) else "")


def _element(name: str, content: str) -> str:
    return f"<lwn:{name}>{content}</lwn:{name}>"


def build_notification(notification: Notification, password: str, *, host: str) -> bytes:
    """Return the datagram of a notification, signed with the device's ManagementServer.Password."""
    facts = {
        "TS": str(notification.ts),
        "UN": notification.username,
        "CN": notification.cnonce,
        "OUI": notification.oui,
        "ProductClass": notification.product_class,
        "SerialNumber": notification.serial_number,
    }
    inner = "".join(_element(name, escape(value)) for name, value in facts.items())
    for each in notification.parameters:
        row = _element("Name", escape(each.name)) + _element("Value", escape(each.value))
        inner += _element("Param", row)
    body = f'<lwn:Notification xmlns:lwn="{NAMESPACE}">{inner}</lwn:Notification>'.encode()
    lines = (
        "POST / HTTP/1.1",
        f"Host: {host}",
        'Content-Type: text/xml; charset="utf-8"',
        f"Content-Length: {len(body)}",
        f"Signature: {_signature(body, password)}",
    )
    return "\r\n".join([*lines, "", ""]).encode() + body
