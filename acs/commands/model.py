"""What a command is, and what becomes of each method when its answer is not seen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import msgspec
from sqlalchemy import RowMapping

from acs.cwmp import messages as m
from acs.cwmp import pack, unpack

__all__ = ["OPEN", "Command", "Recovery", "lasts", "recovery_of", "reply_json"]

OPEN = ("queued", "sent", "accepted")
_MARGIN = 3600.0  # seconds that a transfer may take beyond the time it was put off to


@dataclass(frozen=True, slots=True)
class Command:
    """One RPC for one device.

    ``state`` goes queued → sent → (accepted →) succeeded | failed, or ends as expired or cancelled.
    *sent*: handed to the device in session ``session_epoch``, no answer seen. *accepted*: the device
    agreed, the effect (reboot, transfer) is awaited.
    """

    id: int
    device_id: int
    command_key: str
    method: str
    payload: str
    purpose: str
    case_id: int | None
    priority: int
    state: str
    session_epoch: int | None
    attempts: int
    created_at: float
    expires_at: float | None
    sent_at: float | None
    settled_at: float | None
    fault_code: int | None
    fault_string: str
    result: str | None
    part: int | None = None
    part_method: str = ""

    @property
    def message(self) -> m.Message:
        """The request, ready to be encoded."""
        return unpack(self.method, msgspec.json.decode(self.payload))

    @property
    def answer(self) -> m.Message | None:
        """What the device answered or announced, None when nothing did."""
        if self.result is None:
            return None
        stored: dict[str, Any] = msgspec.json.decode(self.result)
        return unpack(stored["method"], stored["fields"])

    @property
    def awaited_method(self) -> str:
        """The method of what was really sent: a part of a command may be of another kind."""
        return self.part_method or self.method

    @property
    def succeeded(self) -> bool:
        """Whether the effect is known to have come about."""
        return self.state == "succeeded"


def command_from_row(row: RowMapping) -> Command:
    """Build a Command from a row of the ``commands`` table."""
    return Command(**row)


def reply_json(message: m.Message) -> str:
    """Return a message in the form in which ``Command.result`` keeps it."""
    return msgspec.json.encode({"method": m.method_name(message), "fields": pack(message)}).decode()


def lasts(message: m.Message) -> float:
    """Return how many seconds a request itself says that it may take: its DelaySeconds or time windows."""
    windows: tuple[m.TimeWindow, ...] = getattr(message, "time_windows", ())
    end = max((each.window_end for each in windows), default=getattr(message, "delay_seconds", 0))
    return end + _MARGIN if end else 0.0


class Recovery(Enum):
    """How to find out what became of a command whose answer was not seen."""

    SEND_AGAIN = auto()  # doing it twice is doing it once
    BOOT_TELLS = auto()  # Reboot: the next Inform bears M Reboot, or it never happened
    BOOTSTRAP_TELLS = auto()  # FactoryReset: the next Inform bears 0 BOOTSTRAP, or it never happened
    QUEUE_TELLS = auto()  # a transfer: TransferComplete or the device's list of transfers tells
    REPORT_TELLS = auto()  # ChangeDUState: DUStateChangeComplete tells, and nothing before it
    UNKNOWN = auto()  # nothing tells; doing it twice would be wrong


_RECOVERY = {
    "Reboot": Recovery.BOOT_TELLS,
    "FactoryReset": Recovery.BOOTSTRAP_TELLS,
    "Download": Recovery.QUEUE_TELLS,
    "ScheduleDownload": Recovery.QUEUE_TELLS,
    "Upload": Recovery.QUEUE_TELLS,
    "AddObject": Recovery.UNKNOWN,
    "DeleteObject": Recovery.UNKNOWN,
    "ChangeDUState": Recovery.REPORT_TELLS,
    "SetVouchers": Recovery.UNKNOWN,
    "ScheduleInform": Recovery.SEND_AGAIN,
}
_IDEMPOTENT_PREFIXES = ("Get", "Set", "Cancel")


def recovery_of(method: str) -> Recovery:
    """Return how a command of this method is recovered; of a vendor's method nothing is known."""
    if method in _RECOVERY:
        return _RECOVERY[method]
    if method in m.CPE_METHODS and method.startswith(_IDEMPOTENT_PREFIXES):
        return Recovery.SEND_AGAIN
    return Recovery.UNKNOWN
