"""What a notification looks like on its way to a manager (TS 28.532, Fault Supervision MnS)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec

from acs.subscriptions import Waiting

__all__ = ["notification_body"]


def notification_body(waiting: Waiting, *, url: str, system_dn: str) -> bytes:
    """Return the JSON: the NotificationHeader, and after it what is told.

    ``url`` is where the northbound interface is reached; ``notificationId`` is the same at each attempt.
    """
    told: dict[str, Any] = msgspec.json.decode(waiting.body)
    device = f"/v1/devices/{quote(waiting.device_key, safe='')}" if waiting.device_key else "/v1/alarms"
    at = datetime.fromtimestamp(waiting.created_at, UTC).isoformat(timespec="milliseconds")
    header = {
        "href": url + device,
        "notificationId": waiting.id,
        "notificationType": waiting.notification_type,
        "eventTime": at.replace("+00:00", "Z"),
        "systemDN": told.get("systemDN", system_dn),
    }
    return msgspec.json.encode({**header, **{name: told[name] for name in told if name not in header}})
