"""A message of a bulk data profile: ``bytes, headers → reports``. Pure, linear in its input's size."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Mapping
from email.message import Message

from acs.bulkdata.csv_report import Dialect, parse_columns, parse_rows
from acs.bulkdata.json_report import parse_json
from acs.bulkdata.report import Batch, BulkDataError, Limits

__all__ = ["REPORT_FORMATS", "decompress", "parse_message"]

REPORT_FORMATS = {
    "ObjectHierarchy": "JSON",
    "NameValuePair": "JSON",
    "ParameterPerRow": "CSV",
    "ParameterPerColumn": "CSV",
}
"""The values of BBF-Report-Format and the encoding each belongs to."""
_BY_LOWER = {name.lower(): name for name in REPORT_FORMATS}
_ENCODINGS = {"application/json": "JSON", "text/json": "JSON", "text/csv": "CSV", "application/csv": "CSV"}
_CHARSETS = {"utf-8", "ascii", "iso8859-1", "utf-16", "cp1252"}


def decompress(body: bytes, encoding: str, *, limit: int) -> bytes:
    """Return ``body`` without its Content-Encoding.

    Raises ``BulkDataError`` where it is unknown or broken, or the result has more than ``limit`` bytes.
    ``Compress`` of TR-181 (LZW) is not understood; this ACS never asks for it.
    """
    for name in reversed([part.strip().lower() for part in encoding.split(",") if part.strip()]):
        if name in ("gzip", "x-gzip"):
            body = _inflate(body, zlib.MAX_WBITS | 16, limit)
        elif name == "deflate":  # RFC 9110 means zlib's format; some send it bare
            zlib_header = len(body) > 1 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0
            body = _inflate(body, zlib.MAX_WBITS if zlib_header else -zlib.MAX_WBITS, limit)
        elif name != "identity":
            raise BulkDataError(f"the Content-Encoding {name[:40]!r} is not understood; use gzip", status=415)
    return body


def _inflate(body: bytes, window: int, limit: int) -> bytes:
    machine = zlib.decompressobj(window)
    try:
        plain = machine.decompress(body, limit + 1)
    except zlib.error as error:
        raise BulkDataError(f"the compressed body is damaged: {error}") from error
    if len(plain) > limit:
        raise BulkDataError(f"the body has more than {limit} bytes when decompressed", status=413)
    if not machine.eof:
        raise BulkDataError("the compressed body is cut off")
    return plain


def parse_message(
    body: bytes,
    headers: Mapping[str, str],
    *,
    now: float,
    limits: Limits | None = None,
    dialect: Dialect | None = None,
) -> Batch:
    """Return the reports in a decompressed ``body``; ``headers`` are looked up in lower case.

    ``dialect`` is that of the profile; without it the header line of a CSV is looked at. Where
    BBF-Report-Format is missing, the content tells what it is. Raises ``BulkDataError``, also where
    nothing could be read at all.
    """
    limits = Limits() if limits is None else limits
    if len(body) > limits.bytes:
        raise BulkDataError(f"the body has {len(body)} bytes; {limits.bytes} are taken", status=413)
    media_type, charset = _content_type(headers.get("content-type", ""))
    named = headers.get("bbf-report-format", "").strip().strip('"').strip()
    report_format = _BY_LOWER.get(named.lower())
    if named and report_format is None:
        known = ", ".join(REPORT_FORMATS)
        raise BulkDataError(f"the BBF-Report-Format {named[:60]!r} is unknown; known are {known}", status=415)
    batch_of_text, notes = _text(body, charset)
    encoding = REPORT_FORMATS[report_format] if report_format else _ENCODINGS.get(media_type)
    if encoding is None:
        encoding = "JSON" if batch_of_text.lstrip()[:1] == "{" else "CSV"
    elif _ENCODINGS.get(media_type, encoding) != encoding:
        raise BulkDataError(f"{report_format} is no format of {media_type}", status=415)
    if encoding == "JSON":
        batch = parse_json(batch_of_text, now=now, limits=limits)
    elif report_format == "ParameterPerRow" or (
        report_format is None and "ParameterName" in batch_of_text[:200]
    ):
        batch = parse_rows(batch_of_text, now=now, limits=limits, dialect=dialect)
    else:
        batch = parse_columns(batch_of_text, now=now, limits=limits, dialect=dialect)
    for note in notes:
        batch.note(note)
    if not batch.reports:
        why = "; ".join(batch.repairs) or "it is empty"
        raise BulkDataError(f"there is no report in the body: {why}")
    return batch


def _content_type(header: str) -> tuple[str, str]:
    """Return media type and charset, in lower case, empty where there is none."""
    message = Message()
    message["content-type"] = "".join(c for c in header[:256] if c.isprintable())
    media_type = message.get_content_type() if header.strip() else ""
    charset = message.get_param("charset", "")
    return media_type, charset.strip().lower() if isinstance(charset, str) else ""


def _text(body: bytes, charset: str) -> tuple[str, list[str]]:
    """Return the body as text without its byte order mark, and what had to be repaired."""
    try:
        name = codecs.lookup(charset or "utf-8").name
    except (LookupError, ValueError):
        name = ""
    if name not in _CHARSETS:
        raise BulkDataError(f"the charset {charset[:40]!r} is not understood; use UTF-8", status=415)
    notes = []
    try:
        text = body.decode(name)
    except UnicodeDecodeError as error:
        text = body.decode(name, "replace")
        notes.append(f"the body is no {charset or 'UTF-8'} text at byte {error.start}")
    return text.removeprefix("\ufeff"), notes
