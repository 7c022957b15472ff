"""Event codes of the Inform (TR-069 3.7.1.5) and the small questions asked of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from acs.cwmp.messages import Event

__all__ = [
    "BOOT",
    "BOOTSTRAP",
    "CONNECTION_REQUEST",
    "DIAGNOSTICS_COMPLETE",
    "HEARTBEAT",
    "PERIODIC",
    "REQUEST_DOWNLOAD",
    "SCHEDULED",
    "TRANSFER_COMPLETE",
    "VALUE_CHANGE",
    "acknowledged_by",
    "command_keys",
    "event_name",
    "has_event",
    "is_cumulative",
    "is_known",
]

BOOTSTRAP: Final = "0 BOOTSTRAP"
BOOT: Final = "1 BOOT"
PERIODIC: Final = "2 PERIODIC"
SCHEDULED: Final = "3 SCHEDULED"
VALUE_CHANGE: Final = "4 VALUE CHANGE"
KICKED: Final = "5 KICKED"
CONNECTION_REQUEST: Final = "6 CONNECTION REQUEST"
TRANSFER_COMPLETE: Final = "7 TRANSFER COMPLETE"
DIAGNOSTICS_COMPLETE: Final = "8 DIAGNOSTICS COMPLETE"
REQUEST_DOWNLOAD: Final = "9 REQUEST DOWNLOAD"
AUTONOMOUS_TRANSFER_COMPLETE: Final = "10 AUTONOMOUS TRANSFER COMPLETE"
DU_STATE_CHANGE_COMPLETE: Final = "11 DU STATE CHANGE COMPLETE"
AUTONOMOUS_DU_STATE_CHANGE_COMPLETE: Final = "12 AUTONOMOUS DU STATE CHANGE COMPLETE"
WAKEUP: Final = "13 WAKEUP"
HEARTBEAT: Final = "14 HEARTBEAT"

# What ends the telling of an event where it is not the InformResponse (TR-069 table 8).
_ACKNOWLEDGED = {
    KICKED: "KickedResponse",
    TRANSFER_COMPLETE: "TransferCompleteResponse",
    REQUEST_DOWNLOAD: "RequestDownloadResponse",
    AUTONOMOUS_TRANSFER_COMPLETE: "AutonomousTransferCompleteResponse",
    DU_STATE_CHANGE_COMPLETE: "DUStateChangeCompleteResponse",
    AUTONOMOUS_DU_STATE_CHANGE_COMPLETE: "AutonomousDUStateChangeCompleteResponse",
    "M Download": "TransferCompleteResponse",
    "M ScheduleDownload": "TransferCompleteResponse",
    "M Upload": "TransferCompleteResponse",
    "M ChangeDUState": "DUStateChangeCompleteResponse",
}

_STANDARD = {
    code.partition(" ")[0]: code
    for code in (
        BOOTSTRAP,
        BOOT,
        PERIODIC,
        SCHEDULED,
        VALUE_CHANGE,
        KICKED,
        CONNECTION_REQUEST,
        TRANSFER_COMPLETE,
        DIAGNOSTICS_COMPLETE,
        REQUEST_DOWNLOAD,
        AUTONOMOUS_TRANSFER_COMPLETE,
        DU_STATE_CHANGE_COMPLETE,
        AUTONOMOUS_DU_STATE_CHANGE_COMPLETE,
        WAKEUP,
        HEARTBEAT,
    )
}


def event_name(code: str) -> str:
    """Return the standard spelling of an event code, or the code with its white space folded.

    Devices send trailing spaces and other capitals; the number decides for the standard events.
    """
    folded = " ".join(code.split())
    return _STANDARD.get(folded.partition(" ")[0], folded)


def is_known(code: str) -> bool:
    """Tell whether an event code is one of TR-069, of a method (``M …``) or of a vendor (``X …``)."""
    return event_name(code) in _STANDARD.values() or code.lstrip()[:2] in ("M ", "X ")


def acknowledged_by(code: str) -> str:
    """Return the response of the ACS after which a device tells an event no more (TR-069 table 8)."""
    return _ACKNOWLEDGED.get(event_name(code), "InformResponse")


def is_cumulative(code: str) -> bool:
    """Tell whether an event may be there several times, once for each CommandKey (TR-069 3.7.1.5)."""
    return event_name(code).startswith("M ")


def has_event(events: Iterable[Event], name: str) -> bool:
    """Tell whether ``name`` (in standard spelling) is among the events."""
    return any(event_name(event.code) == name for event in events)


def command_keys(events: Iterable[Event], method: str) -> tuple[str, ...]:
    """Return the CommandKeys of all ``M <method>`` events, in order (TR-069 table 8)."""
    name = f"M {method}"
    return tuple(event.command_key for event in events if event_name(event.code) == name)
