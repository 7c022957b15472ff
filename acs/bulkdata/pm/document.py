"""A hostile XML document as a stream of elements: no tree, no DTD, no entities, everything bounded."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from lxml import etree

from acs.bulkdata.report import BulkDataError

__all__ = ["Handler", "PmLimits", "local_name", "plain", "read_document"]

_CHUNK = 64 * 1024
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class PmLimits:
    """How large a file may be; sizes in bytes after decompression, lengths in characters."""

    bytes: int = 64 * 1024 * 1024
    elements: int = 2_000_000
    depth: int = 16
    text: int = 64 * 1024
    """In one element: the longest are lists of names or values."""
    attributes: int = 32
    columns: int = 10_000
    """Names in one measurement group."""
    samples: int = 500_000
    reports: int = 2000


class Handler(Protocol):
    """What makes something of the elements."""

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""

    def end(self, name: str, text: str) -> None:
        """An element ends; ``text`` is what stood in it outside its children."""


def local_name(tag: str) -> str:
    """Return a name without its namespace, which differs between releases and vendors."""
    return tag.rpartition("}")[2]


def plain(chunks: Iterable[bytes], *, limit: int) -> Iterator[bytes]:
    """Yield the content piece by piece, decompressed where it is gzip.

    Raises ``BulkDataError`` where that is damaged, or beyond ``limit`` bytes.
    """
    machine, first, total = None, True, 0
    for chunk in chunks:
        if first and chunk:
            first = False
            machine = zlib.decompressobj(zlib.MAX_WBITS | 16) if chunk.startswith(_GZIP) else None
        data = chunk
        while data:
            try:
                piece = machine.decompress(data, _CHUNK) if machine else data
            except zlib.error as error:
                raise BulkDataError(f"the compressed file is damaged: {error}") from error
            data = machine.unconsumed_tail if machine else b""
            total += len(piece)
            if total > limit:
                raise BulkDataError(f"the file has more than {limit} bytes when decompressed", status=413)
            if piece:
                yield piece
    if machine is not None and not machine.eof:
        raise BulkDataError("the compressed file is cut off")


class _Target:
    """Counts, and hands elements on. lxml calls it while it parses; what it raises ends the parsing."""

    def __init__(self, handler: Handler, limits: PmLimits) -> None:
        self._handler, self._limits = handler, limits
        self._open: list[list[str]] = []
        self._elements = 0
        self._size = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._elements += 1
        if self._elements > self._limits.elements:
            raise BulkDataError(f"more than {self._limits.elements} elements", status=413)
        if len(self._open) >= self._limits.depth or len(attributes) > self._limits.attributes:
            raise BulkDataError(f"the element {local_name(tag)[:40]} is too deep or has too many attributes")
        self._open.append([])
        self._size = 0
        self._handler.start(local_name(tag), attributes)

    def data(self, text: str) -> None:
        self._size += len(text)
        if self._size > self._limits.text:
            raise BulkDataError(f"an element has more than {self._limits.text} characters", status=413)
        if self._open:
            self._open[-1].append(text)

    def end(self, tag: str) -> None:
        self._size = 0
        self._handler.end(local_name(tag), "".join(self._open.pop()).strip())

    def doctype(self, *_: object) -> None:
        raise BulkDataError("the file has a document type declaration, which no PM file needs")

    def comment(self, text: str) -> None:
        """Comments mean nothing."""

    def pi(self, target: str, data: str | None = None) -> None:
        """Processing instructions, such as a stylesheet's, mean nothing."""

    def close(self) -> None:
        """The document is over."""


def read_document(chunks: Iterable[bytes], handler: Handler, limits: PmLimits) -> None:
    """Hand the elements of a document to ``handler``. Raises ``BulkDataError`` that names what is wrong."""
    target = _Target(handler, limits)
    parser = etree.XMLParser(
        target=cast("Any", target), resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    begun = False
    try:
        for chunk in chunks:
            begun = True
            parser.feed(chunk)
        if not begun:
            raise BulkDataError("the file is empty")
        parser.close()
    except etree.XMLSyntaxError as error:
        raise BulkDataError(f"the file is no XML: {error.msg}") from error
