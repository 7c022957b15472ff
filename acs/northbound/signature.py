"""Signatures of what is sent to managers (Standard Webhooks): HMAC-SHA256 over id, time and body."""

from __future__ import annotations

import base64
import hmac

__all__ = ["sign", "verify"]

_PREFIX = "whsec_"


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the header ``webhook-signature``; ``secret`` is ``whsec_`` and base64."""
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    digest = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, "sha256")
    return "v1," + base64.b64encode(digest).decode()


def verify(
    secret: str,
    message_id: str,
    timestamp: str,
    body: bytes,
    signature: str,
    *,
    now: float,
    window: float = 300,
) -> bool:
    """Tell whether one of the signatures in the header is right and not older than ``window`` seconds."""
    if not (timestamp.isascii() and timestamp.isdecimal()) or len(timestamp) > 12:
        return False
    if abs(now - int(timestamp)) > window:
        return False
    right = sign(secret, message_id, int(timestamp), body)
    return any(hmac.compare_digest(right.encode(), each.encode()) for each in signature.split(" "))
