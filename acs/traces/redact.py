"""What a trace must not show: passwords, proofs, cookies, tokens of URLs, hidden parameters. Pure.

A body that is well-formed is redacted in its tree, whatever prefixes, comments or CDATA it hides behind. Of
one that is not, the text of every element that could hold a secret is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from xml.sax.saxutils import escape

from lxml import etree

from acs.datamodel import MASK, sounds_secret

__all__ = ["MASK", "redact_body", "redact_echoes", "redact_headers", "redact_url"]

MOST_CHARACTERS = 256 * 1024
"""Of one body that is kept."""
_SHORTEST_ECHO = 6
"""Characters of a secret that is looked for outside of its own element."""
_SUBSCRIBERS = re.compile(r"imsi|imei|msisdn|accesscontrollist", re.IGNORECASE)
_SECRET_ELEMENTS = frozenset({"password", "cookievoucher", "voucherlist"})
_HEADERS = re.compile(
    r"authori[sz]ation|authenticate|cookie|token|secret|passw|api-?key|signature", re.IGNORECASE
)
_SCHEMES = frozenset({"basic", "bearer", "digest", "negotiate", "ntlm"})
_USER = re.compile(r"(\w+://)[^/\s@<>\"']*@")
_GRANT = re.compile(r"(/(?:files|uploads?|bulk)/)[^/\s?#<>\"']{16,}")
_QUERY = re.compile(
    r"([?&;][\w.-]*(?:token|key|sig|signature|password|secret|auth)[\w.-]*=)[^&\s#<>\"']+", re.I
)
_OPEN = re.compile(r"<(?:[\w.-]+:)?(Value|Password|CookieVoucher|VoucherList)\b(?=[\s/>])", re.IGNORECASE)

Hidden = Callable[[str], bool]


def redact_url(text: str) -> str:
    """Return text with the user and the tokens of the URLs in it left out."""
    if "/" not in text:
        return text
    text = _USER.sub(rf"\1{MASK}@", text)
    return _QUERY.sub(rf"\1{MASK}", _GRANT.sub(rf"\1{MASK}", text))


def redact_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return HTTP headers; of a proof only its scheme is left, of a cookie its name."""
    found: list[tuple[str, str]] = []
    for name, value in headers:
        secret = _HEADERS.search(name) is not None
        found.append((name[:80], f"{_kind(name, value)}{MASK}" if secret else redact_url(value)[:500]))
    return found[:60]


def _kind(name: str, value: str) -> str:
    """Return the name of a cookie or the scheme of a proof, with a space behind it; nothing of all else."""
    cookie, equals, _ = value.partition("=")
    if name.lower() in ("cookie", "set-cookie"):
        return f"{cookie[:40]} " if equals else ""
    scheme = value.split(" ", 1)[0]
    return f"{scheme} " if scheme.lower() in _SCHEMES else ""


def redact_body(body: bytes, hidden: Hidden, left_out: set[str] | None = None) -> tuple[str, int]:
    """Return a body as it may be kept, and how many characters were cut off its end.

    ``hidden`` tells of a parameter's path whether its value must not be shown. The secrets that were left out
    are put into ``left_out``, for ``redact_echoes``.
    """
    left_out = set() if left_out is None else left_out
    if not body.strip():
        return "", 0
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        if b"\0" in body:  # UTF-16 or worse: what is in it can't be told from here
            return "[neither well-formed nor plain text: not shown]", len(body)
        text = redact_url(_without_secrets(body.decode("utf-8", "replace")))
    else:
        if root.getroottree().docinfo.internalDTD is not None:
            return "[a document type: not shown]", len(body)
        _redact(root, hidden, left_out)
        text = etree.tostring(root, encoding="unicode", with_tail=False)
    return text[:MOST_CHARACTERS], max(0, len(text) - MOST_CHARACTERS)


def redact_echoes(text: str, secrets: Iterable[str]) -> str:
    """Return text without secrets that stand in it elsewhere, as in a FaultString that repeats a value.

    Short ones stay: they are words of other things as well.
    """
    for each in secrets:
        if len(each) >= _SHORTEST_ECHO:
            text = text.replace(each, MASK).replace(escape(each), MASK)
    return text


def _without_secrets(text: str) -> str:
    """Return what is no XML without whatever lies between the tags of elements that could hold a secret.

    Nothing in between is believed to end it: neither a quoted ``>`` nor CDATA, comments or other tags. Where
    the end tag is missing, the rest is left out.
    """
    kept: list[str] = []
    at = 0
    while (found := _OPEN.search(text, at)) is not None:
        end = re.compile(rf"</(?:[\w.-]+:)?{found[1]}\s*>", re.IGNORECASE).search(text, found.end())
        kept += text[at : found.end()], ">", MASK
        if end is None:
            return "".join(kept)
        kept.append(end[0])
        at = end.end()
    return "".join([*kept, text[at:]])


def _redact(root: etree._Element, hidden: Hidden, left_out: set[str]) -> None:
    for element in root.iter():
        name = _local(element)
        if name in _SECRET_ELEMENTS:
            _mask(element, left_out)
        elif name == "value":
            path = _name_beside(element)
            of_subscribers = _SUBSCRIBERS.search(path.rstrip(".").rpartition(".")[2])
            if of_subscribers or sounds_secret(path) or hidden(path):
                _mask(element, left_out)
                continue
        if element.text and "/" in element.text:
            element.text = redact_url(element.text)


def _local(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2].lower()


def _name_beside(element: etree._Element) -> str:
    """Return the text of the ``Name`` that stands beside a ``Value``."""
    holder = element.getparent()
    if holder is None:
        return ""
    for each in holder:
        if _local(each) == "name":
            return "".join(map(str, each.itertext())).strip()
    return ""


def _mask(element: etree._Element, left_out: set[str]) -> None:
    text = "".join(map(str, element.itertext())).strip()
    if text:
        left_out.add(text)
        for child in list(element):
            element.remove(child)
        element.text = MASK
