"""A stand-in for what informs subscribers: it keeps the letters that it would send (S1 L94)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from acs.simulator.measure_listener import WrongOrder

__all__ = ["Letter", "SubscriberInformation"]

_MOST = 10_000
_TEXTS = {
    "replace": "Your femtocell {serial} has to be replaced. A new one is on its way to you.",
    "withdraw": "Your femtocell {serial} need not be replaced after all; switch it on again.",
}


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter: about which device, why, and what it says."""

    device_key: str
    operation: str
    reason: str
    text: str


class SubscriberInformation:
    """Keeps letters, and writes them into ``file`` where there is one, a JSON object a line."""

    def __init__(self, file: Path | None = None) -> None:
        self.letters: list[Letter] = []
        self._file = file

    def carry_out(self, operation: str, device: dict[str, str], order: dict[str, Any]) -> None:
        """Write a letter. Raises ``WrongOrder``. The reason is the operator's, and not for the subscriber."""
        if operation not in _TEXTS:
            raise WrongOrder(f"{operation[:40]!r} is no letter")
        if len(self.letters) >= _MOST:
            raise WrongOrder(f"there are {_MOST} letters already")
        text = _TEXTS[operation].format(serial=str(device.get("serialNumber", ""))[:64])
        key = str(device.get("deviceKey", ""))[:300]
        letter = Letter(key, operation, str(order.get("reason", ""))[:500], text)
        self.letters.append(letter)
        if self._file is not None:
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(letter)) + "\n")
