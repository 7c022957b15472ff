"""Traces for people and for other tools: a terminal, an HTML page, HAR. Pure.

What a device sent may be made to confuse a terminal: every character that is not printable is written out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from lxml import etree

from acs.pages import render_page
from acs.traces.archive import Trace
from acs.traces.message import Message

__all__ = ["as_har", "as_html", "as_text", "moment", "pretty", "safe"]

_LONG = 80  # lines of a body that is folded on a page


def safe(text: str) -> str:
    """Return text that a terminal shows and does not obey; line breaks are kept."""
    return "".join(
        letter if letter.isprintable() or letter == "\n" else f"\\x{ord(letter):02x}" for letter in text
    )


def moment(at: float) -> str:
    """Return a time to the millisecond, UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def pretty(body: str) -> str:
    """Return XML with indentation; what is none as it is."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_blank_text=True)
    try:
        root = etree.fromstring(body.encode(), parser)
    except (etree.XMLSyntaxError, ValueError):
        return body
    return etree.tostring(root, encoding="unicode", pretty_print=True).rstrip("\n")


def as_text(messages: Iterable[Message], *, headers: bool = False) -> Iterator[str]:
    """Yield a conversation message by message, as lines for a terminal."""
    for each in messages:
        arrow = "<--" if each.direction == "in" else "-->"
        words = [each.method or ("(empty)" if not each.body else "?")]
        words += [str(each.status)] if each.status else []
        words += [f"from {each.address}"] if each.address else []
        words += [f"! {each.note}"] if each.note else []
        lines = [f"{moment(each.at)} {arrow} {' '.join(words)}"]
        if headers:
            lines += [f"    {name}: {value}" for name, value in each.headers]
        lines += [f"    {line}" for line in pretty(each.body).splitlines()]
        lines += [f"    … {each.cut} more characters"] if each.cut else []
        yield "\n".join(safe(line) for line in lines)


def as_html(traces: Mapping[str, Iterable[Trace]], messages: Iterable[Message]) -> bytes:
    """Return a conversation as one HTML page that needs nothing else; ``traces`` by their device's key."""
    shown, first = [], None
    for each in messages:
        first = each.at if first is None else first
        lines = pretty(each.body).splitlines()
        facts = {"message": each, "lines": lines, "since": each.at - first, "long": len(lines) > _LONG}
        shown.append(facts)
    return render_page("acs.traces", "conversation", traces=traces, messages=shown)


def as_har(messages: Iterable[Message], *, version: str) -> dict[str, Any]:
    """Return a conversation as HTTP Archive 1.2: what a device sent, and what it was answered."""
    entries: list[dict[str, Any]] = []
    for each in messages:
        if each.direction == "in" or not entries:
            entries.append(_entry(each))
        if each.direction == "out":
            last = entries[-1]
            last["response"] = _response(each)
            last["time"] = round(max(0.0, each.at - last["_at"]) * 1000, 3)
    for entry in entries:
        del entry["_at"]
    return {
        "log": {"version": "1.2", "creator": {"name": "femto-acs", "version": version}, "entries": entries}
    }


def _entry(each: Message) -> dict[str, Any]:
    body = each.body if each.direction == "in" else ""
    return {
        "_at": each.at,
        "startedDateTime": moment(each.at),
        "time": 0,
        "request": {
            "method": "POST",
            "url": "/",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": _headers(each if each.direction == "in" else None),
            "queryString": [],
            "headersSize": -1,
            "bodySize": len(body),
            "postData": {"mimeType": "text/xml", "text": body},
        },
        "response": _response(None),
        "cache": {},
        "timings": {"send": 0, "wait": 0, "receive": 0},
        "comment": each.note,
    }


def _response(each: Message | None) -> dict[str, Any]:
    body = each.body if each else ""
    return {
        "status": each.status if each else 0,
        "statusText": each.note if each else "",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _headers(each),
        "content": {"size": len(body), "mimeType": "text/xml", "text": body},
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": len(body),
    }


def _headers(each: Message | None) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in each.headers] if each else []
