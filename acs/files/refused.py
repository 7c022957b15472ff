"""What a device is told whose transfer is turned away."""

from __future__ import annotations

from collections.abc import Sequence

from acs.store import RefusedError

__all__ = ["TransferRefused"]


class TransferRefused(RefusedError):  # noqa: N818 - an answer to the device, not an error of the program
    """HTTP ``status``, the metric's ``reason``, a sentence, after how many seconds it may come again."""

    def __init__(
        self,
        status: int,
        reason: str,
        text: str,
        *,
        retry_after: int | None = None,
        challenges: Sequence[str] = (),
    ) -> None:
        super().__init__(text)
        self.challenges = tuple(challenges)
        self.status, self.reason, self.text, self.retry_after = status, reason, text, retry_after
