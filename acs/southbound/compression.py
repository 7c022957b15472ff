"""Bodies in codings that the HTTP library leaves as they are."""

from __future__ import annotations

import zlib

from acs.southbound.authentication import Refused

__all__ = ["unzip"]

_GZIP = 16 + zlib.MAX_WBITS


def unzip(body: bytes, most: int) -> bytes:
    """Return what the gzip ``body`` unfolds to, at most ``most`` bytes of it.

    Raises ``Refused`` where it is no gzip, is cut short, or unfolds to more.
    """
    unpacker = zlib.decompressobj(_GZIP)
    try:
        plain = unpacker.decompress(body, most + 1)
    except zlib.error as error:
        raise Refused(400, "bad-encoding", "the body is not what its encoding says") from error
    if len(plain) > most:
        raise Refused(413, "too-large", f"the body unfolds to more than {most} bytes")
    if not unpacker.eof:
        raise Refused(400, "bad-encoding", "the compressed body is cut short")
    return plain
