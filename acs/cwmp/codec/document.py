"""Bytes to XML: strict first, tolerant second, bounded always.

The parser loads no DTD, resolves no entity and opens no network connection; a document type
declaration is refused outright. What had to be repaired is told.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from lxml import etree

__all__ = ["DEFAULT_LIMITS", "DecodeError", "Limits", "read_document"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a message may cost: bytes, elements, and depth of nesting."""

    max_bytes: int = 8 * 1024 * 1024
    max_elements: int = 400_000
    max_depth: int = 64


DEFAULT_LIMITS = Limits()


class DecodeError(Exception):
    """The bytes are no CWMP message; ``fault_code`` is what the sender should be told (TR-069 A.5.1)."""

    def __init__(self, reason: str, fault_code: int = 8003) -> None:
        super().__init__(reason)
        self.reason = reason
        self.fault_code = fault_code


_OPTIONS: dict[str, Any] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "dtd_validation": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}
_STRICT = etree.XMLParser(**_OPTIONS)
_TOLERANT = etree.XMLParser(**_OPTIONS, recover=True)

# An entity that XML does not define is text too: nothing may declare one.
_BARE_AMPERSAND = re.compile(r"&(?!(?:#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6}|amp|lt|gt|quot|apos);)")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*\?>")
_ATTRIBUTE_BEGINS = (b'="', b"='", b'=\0"', b"=\0'", b'= "', b"= '")
_MOST_ATTRIBUTES = 10_000
_NO_DOCTYPE = "a document type declaration is not allowed"


def read_document(
    body: bytes, *, charset: str | None = None, limits: Limits = DEFAULT_LIMITS
) -> tuple[etree._Element, list[str]]:
    """Parse XML that a device sent; return its root and what was repaired. Raises ``DecodeError``.

    No document type, no entities of its own, nothing fetched, and nothing beyond ``limits``.
    """
    _refuse_hostile(body, limits)
    root, repairs = _parse(body, charset)
    if root.getroottree().docinfo.internalDTD is not None:  # in an encoding that hid it from the bytes
        raise DecodeError(_NO_DOCTYPE)
    if limits.max_depth < 256:  # libxml2's own limit
        _check_depth(root, limits)
    return root, repairs


def _refuse_hostile(body: bytes, limits: Limits) -> None:
    if len(body) > limits.max_bytes:
        raise DecodeError(f"message of {len(body)} bytes, {limits.max_bytes} are allowed", 8004)
    tags = body.count(b"<")
    if tags > 2 * limits.max_elements:
        raise DecodeError(f"more than {limits.max_elements} elements", 8004)
    # An element of a message has a handful of attributes; a parser takes long over a million of them.
    most = max(_MOST_ATTRIBUTES, 4 * tags)
    if body.count(b"=") > most and sum(map(body.count, _ATTRIBUTE_BEGINS)) > most:
        raise DecodeError("more attributes than any message has", 8004)
    if b"!" in body:
        plain = body.replace(b"\0", b"").upper()
        if b"<!DOCTYPE" in plain or b"<!ENTITY" in plain:
            raise DecodeError(_NO_DOCTYPE)


def _parse(body: bytes, charset: str | None) -> tuple[etree._Element, list[str]]:
    try:
        return etree.fromstring(body, _STRICT), []
    except (etree.XMLSyntaxError, ValueError, LookupError):
        pass
    text, how = _as_text(body, charset)
    repairs = [how] if how else []
    plain = _DECLARATION.sub("", text.lstrip("\ufeff"))
    repaired = _BARE_AMPERSAND.sub("&amp;", _FORBIDDEN.sub("", plain))
    if repaired != plain:
        repairs.append("removed what XML cannot carry")
    try:
        root = etree.fromstring(repaired.encode("utf-8", "replace"), _TOLERANT)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise DecodeError(f"not XML: {str(error)[:200]}") from None
    if root is None:
        raise DecodeError("not XML: no element found")
    if _TOLERANT.error_log:
        repairs.append(f"repaired ill-formed XML: {_TOLERANT.error_log[0].message[:120]}")
    if not repairs:
        repairs.append("read without its XML declaration")
    return root, repairs


# Python has codecs that take time out of proportion to their input, or are no character sets at all.
_CHARSETS = re.compile(
    r"(us-)?ascii|(windows-|cp)12\d\d|cp437|cp850|iso[-_]?8859[-_]\d\d?|latin[-_]?\d|koi8[-_][ru]"
    r"|utf[-_]?16([-_]?[lb]e)?|gb2312|gbk|gb18030|big5|shift[-_]jis|euc[-_](jp|kr)",
    re.IGNORECASE | re.ASCII,
)


def _as_text(body: bytes, charset: str | None) -> tuple[str, str]:
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return body.decode("utf-16", "replace"), "read as UTF-16"
    body = body.removeprefix(b"\xef\xbb\xbf")
    try:
        return body.decode("utf-8"), ""
    except UnicodeDecodeError:
        pass
    if charset and _CHARSETS.fullmatch(charset):
        try:
            return body.decode(charset), f"read as {charset[:32]}"
        except (LookupError, UnicodeDecodeError, ValueError):
            pass
    return body.decode("latin-1"), "read as ISO-8859-1: the bytes are not UTF-8"


@lru_cache(maxsize=8)
def _deeper_than(depth: int) -> etree.XPath:
    """Return a path to all elements just below ``depth``."""
    return etree.XPath("/*" * (depth + 1))


def _check_depth(root: etree._Element, limits: Limits) -> None:
    if _deeper_than(limits.max_depth)(root):
        raise DecodeError(f"nested deeper than {limits.max_depth} elements", 8004)
