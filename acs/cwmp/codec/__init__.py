"""Bytes to messages and back (TR-069 3.4, A.2): tolerant reading, strict writing."""

from acs.cwmp.codec.decode import Envelope, decode
from acs.cwmp.codec.document import DEFAULT_LIMITS, DecodeError, Limits, read_document
from acs.cwmp.codec.encode import encode
from acs.cwmp.codec.pack import pack, unpack

__all__ = [
    "DEFAULT_LIMITS",
    "DecodeError",
    "Envelope",
    "Limits",
    "decode",
    "encode",
    "pack",
    "read_document",
    "unpack",
]
