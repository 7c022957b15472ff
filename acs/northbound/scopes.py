"""What a token may be good for."""

from __future__ import annotations

from collections.abc import Iterable

from acs.errors import AcsError

__all__ = ["SCOPES", "check_scopes"]

SCOPES = {
    "devices:read": "devices and their stored parameters",
    "devices:reach": "have the HeMS reach devices that are not heard of (forced management request)",
    "alarms:read": "the alarm list",
    "alarms:ack": "acknowledge alarms",
    "alarms:silence": "silence alarms for a while, approve and end silences",
    "alarms:subscribe": "have notifications sent to a URL",
    "cases:read": "what is done about alarms",
    "cases:instruct": "tell waiting cases what to do",
    "measures:read": "what the network was asked to do about devices",
    "measures:write": "ask the network for measures about devices, and undo them",
    "safety:read": "limits on disruptive steps, and what waits for them",
    "safety:write": "pause and resume disruptive steps",
    "sightings:write": "tell that the network sees a device",
    "commands:read": "RPCs and their outcomes",
    "commands:write": "queue RPCs for devices",
}
"""Each scope and what it lets one do. None includes another."""


def check_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    """Return the scopes in order, each once. Raises ``AcsError`` for none, or one that is unknown."""
    wanted = set(scopes)
    unknown = sorted(wanted - set(SCOPES))
    if unknown or not wanted:
        what = f"the scope {unknown[0]!r} is unknown" if unknown else "at least one scope is needed"
        raise AcsError(f"{what}; known are {', '.join(SCOPES)}")
    return tuple(scope for scope in SCOPES if scope in wanted)
