"""The CWMP protocol core: messages, codec, session. It does no I/O.

``messages`` is the vocabulary, ``codec`` turns bytes into messages and back, ``session`` is the
ACS's side of a session as a table, ``events`` and ``faults`` name what the standard numbers.
"""

from acs.cwmp import events, faults, messages, session, versions
from acs.cwmp.codec import DEFAULT_LIMITS, DecodeError, Envelope, Limits, decode, encode, pack, unpack

__all__ = [
    "DEFAULT_LIMITS",
    "DecodeError",
    "Envelope",
    "Limits",
    "decode",
    "encode",
    "events",
    "faults",
    "messages",
    "pack",
    "session",
    "unpack",
    "versions",
]
