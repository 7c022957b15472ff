"""What a notification looks like on its way to a manager (TS 28.532, Fault Supervision MnS)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec

from acs.subscriptions import Group, Waiting, labels_of

__all__ = ["group_body", "notification_body"]


def notification_body(waiting: Waiting, *, url: str, system_dn: str) -> bytes:
    """Return the JSON: the NotificationHeader, and after it what is told.

    ``url`` is where the northbound interface is reached; ``notificationId`` is the same at each attempt.
    """
    told: dict[str, Any] = msgspec.json.decode(waiting.body)
    device = f"/v1/devices/{quote(waiting.device_key, safe='')}" if waiting.device_key else "/v1/alarms"
    header = {
        "href": url + device,
        "notificationId": waiting.id,
        "notificationType": waiting.notification_type,
        "eventTime": _moment(waiting.created_at),
        "systemDN": told.get("systemDN", system_dn),
    }
    return msgspec.json.encode({**header, **{name: told[name] for name in told if name not in header}})


def group_body(group: Group, *, url: str, system_dn: str) -> bytes:
    """Return the JSON of one message about many alarms: how many of what, the newest of them, where all are.

    In ``notifications`` each is as it would be by itself; ``omitted`` are further ones, which
    the alarm list shows.
    """
    shown = [msgspec.Raw(notification_body(each, url=url, system_dn=system_dn)) for each in group.shown]
    body = {
        "href": f"{url}/v1/alarms?state=active",
        "notificationId": group.ids[-1],
        "notificationType": "notifyAlarmGroup",
        "eventTime": _moment(group.last_at),
        "systemDN": system_dn,
        "groupLabels": labels_of(group.key),
        "firstEventTime": _moment(group.first_at),
        "count": len(group.ids),
        "devices": group.lines,
        "counts": group.kinds,
        "omitted": len(group.ids) - len(shown),
        "notifications": shown,
    }
    return msgspec.json.encode(body)


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
