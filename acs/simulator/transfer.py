"""File transfers that a device was told to do: when each is due, what becomes of one that fails. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from acs.cwmp import messages as m

__all__ = ["MOST", "Transfer", "Transfers"]

MOST = 3
"""How many transfers a device has in hand at once (TR-069 A.3.2.8 wants three at least)."""
_PAUSE = 10.0  # seconds to the next try within a window


@dataclass(slots=True)
class Transfer:
    """A Download, ScheduleDownload or Upload that was accepted and is not done (TR-069 A.3.2.8).

    ``due_at`` is when it begins; ``windows`` are (start, end) of a ScheduleDownload, in absolute time, and
    ``retries`` how often it may be tried again in them (-1: as often as it likes). ``state`` is 1 before it
    begins and 2 while it runs (QueuedTransferStruct).
    """

    command_key: str
    url: str
    file_type: str
    method: str = "Download"
    due_at: float = 0.0
    windows: tuple[tuple[float, float], ...] = ()
    retries: int = -1
    username: str = ""
    password: str = ""
    file_size: int = 0
    target_file_name: str = ""
    state: int = 1

    @property
    def is_download(self) -> bool:
        """Whether the file comes to the device."""
        return self.method != "Upload"

    def queued(self) -> m.QueuedTransfer:
        """Return what GetAllQueuedTransfers tells of it."""
        return m.QueuedTransfer(
            self.command_key,
            self.state,
            self.is_download,
            self.file_type,
            self.file_size,
            self.target_file_name,
        )


class Transfers:
    """The transfers of one device, in the order in which it was told of them."""

    def __init__(self) -> None:
        self._waiting: list[Transfer] = []

    def __iter__(self) -> Iterator[Transfer]:
        """Yield all that are not done."""
        return iter(self._waiting)

    def __len__(self) -> int:
        """Return how many are not done."""
        return len(self._waiting)

    def add(self, transfer: Transfer) -> bool:
        """Take a transfer on; False when there are as many as the device can do."""
        if len(self._waiting) >= MOST:
            return False
        self._waiting.append(transfer)
        return True

    def due(self, now: float) -> Transfer | None:
        """Return the transfer to be done now."""
        found = [each for each in self._waiting if each.due_at <= now]
        return min(found, key=lambda each: each.due_at) if found else None

    def done(self, transfer: Transfer) -> None:
        """Forget a transfer that has ended."""
        self._waiting.remove(transfer)

    def again(self, transfer: Transfer, now: float) -> bool:
        """Put a transfer off that failed, if its windows allow it; False when it has failed for good."""
        transfer.state = 1
        if transfer.retries == 0:
            return False
        for start, end in transfer.windows:
            begin = max(start, now + _PAUSE)
            if begin < end:
                transfer.retries -= transfer.retries > 0
                transfer.due_at = begin
                return True
        return False

    def cancel(self, command_key: str) -> bool:
        """Withdraw the transfers of this key; False when one of them runs already (TR-069 A.4.1.9)."""
        found = [each for each in self._waiting if each.command_key == command_key]
        if any(each.state != 1 for each in found):
            return False
        self._waiting = [each for each in self._waiting if each not in found]
        return True

    def clear(self) -> None:
        """Forget all."""
        self._waiting.clear()

    def moments(self) -> list[float]:
        """Return when the transfers are due."""
        return [each.due_at for each in self._waiting]
