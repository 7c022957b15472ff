"""The answer to an HTTP connection request, read as kindly as real listeners need it. Pure.

They answer with bare LF, folded header lines, no Content-Length, no reason phrase, and hang up in the
middle of the head. Of the body nothing is ever needed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["MAX_HEAD", "Answer", "AnswerError", "parse_answer"]

MAX_HEAD = 16 * 1024
_MOST_LINES = 128
_STATUS = re.compile(rb"HTTP/\d(?:\.\d)? +(\d{3})(?: |$)")
_END = re.compile(rb"\r?\n\r?\n")
_MOST_BODY = 64 * 1024  # that is read over to use the connection again
_LONGEST_PAUSE = 3600.0


class AnswerError(ValueError):
    """This is no answer of an HTTP server, and why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and header fields (names in lower case, in order); ``rest`` is what came after the head."""

    status: int
    fields: tuple[tuple[str, str], ...]
    rest: bytes = b""

    def values(self, name: str) -> list[str]:
        """Return the values of a header field, in order."""
        return [value for each, value in self.fields if each == name]

    @property
    def retry_after(self) -> float:
        """Seconds of Retry-After, 0 where there is none that is a number; an hour at most."""
        text = next(iter(self.values("retry-after")), "")
        return min(float(text), _LONGEST_PAUSE) if text.isascii() and text.isdigit() else 0.0

    @property
    def left(self) -> int | None:
        """How many bytes of the body are still to come on a connection that can be used again, else None."""
        connection = ",".join(self.values("connection")).lower()
        lengths = set(self.values("content-length"))
        if "close" in connection or "transfer-encoding" in dict(self.fields) or len(lengths) > 1:
            return None
        length = lengths.pop() if lengths else "0" if self.status == 204 else ""
        if not (length.isascii() and length.isdigit()) or len(length) > 6 or int(length) > _MOST_BODY:
            return None
        left = int(length) - len(self.rest)
        return left if left >= 0 else None


def parse_answer(data: bytes, *, ended: bool = False) -> Answer | None:
    """Return the answer in ``data``, None while its head is not complete. ``ended``: no more will come.

    An interim answer (1xx) is read over. Raises ``AnswerError``.
    """
    data = data.lstrip(b"\r\n")
    end = _END.search(data, 0, MAX_HEAD)
    if end is None:
        if len(data) >= MAX_HEAD:
            raise AnswerError(f"its head has more than {MAX_HEAD} bytes")
        if data and not b"HTTP/".startswith(data[:5]):
            raise AnswerError(f"it begins with {data[:20]!r}, which is not HTTP")
        if not ended:
            return None
    head, rest = (data[: end.start()], data[end.end() :]) if end else (data, b"")
    lines = head.replace(b"\r\n", b"\n").split(b"\n")
    status = _STATUS.match(lines[0] + b" ")
    if status is None:
        raise AnswerError(f"its first line is {lines[0][:60]!r}")
    if len(lines) > _MOST_LINES:
        raise AnswerError(f"its head has {len(lines)} lines")
    code = int(status[1])
    if 100 <= code < 200 and code != 101:
        return parse_answer(rest, ended=ended) if rest or ended else None
    return Answer(code, _fields(lines[1:]), rest)


def _fields(lines: list[bytes]) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for line in lines:
        text = line.decode("utf-8", "surrogateescape")  # what is odd goes back as it came
        if text[:1] in (" ", "\t") and found:
            name, value = found[-1]
            found[-1] = (name, f"{value} {text.strip()}".strip())
            continue
        name, colon, value = text.partition(":")
        if colon:
            found.append((name.strip().lower(), value.strip()))
    return tuple(found)
