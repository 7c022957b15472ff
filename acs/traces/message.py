"""One message of a conversation, and how many are packed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec
import zstandard

from acs.errors import AcsError

__all__ = ["MOST_BYTES", "Message", "pack", "unpack"]

MOST_BYTES = 4 * 1024 * 1024
"""Of one trace, before compression; what is larger loses its oldest messages."""
_LEVEL = 9


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What went over the wire, redacted: ``direction`` is ``in`` from the device, ``out`` to it.

    ``cut`` is how many characters of the body are left out; ``note`` says what the ACS thought of it.
    """

    at: float
    direction: Literal["in", "out"]
    method: str = ""
    status: int = 0
    headers: list[tuple[str, str]] = []
    body: str = ""
    cut: int = 0
    address: str = ""
    note: str = ""


def pack(messages: Iterable[Message]) -> tuple[bytes, int]:
    """Return messages as compressed JSON lines, and how many there are in it."""
    lines = [msgspec.json.encode(each) for each in messages]
    total = 0
    first = len(lines)
    while first > 0 and total + len(lines[first - 1]) < MOST_BYTES:
        first -= 1
        total += len(lines[first]) + 1
    kept = lines[first:]
    return zstandard.ZstdCompressor(level=_LEVEL).compress(b"\n".join(kept)), len(kept)


def unpack(content: bytes) -> Iterator[Message]:
    """Yield the messages that ``pack`` wrote. Raises ``AcsError`` where that is damaged."""
    try:
        text = zstandard.ZstdDecompressor().decompress(content, max_output_size=2 * MOST_BYTES)
        for line in text.split(b"\n"):
            if line:
                yield msgspec.json.decode(line, type=Message)
    except (zstandard.ZstdError, msgspec.MsgspecError) as error:
        raise AcsError(f"a trace is damaged: {error}") from error
