"""What UEs do in the cell: the counters below ``CellConfig.LTE.RAN`` of an LTE HeNB (TR-196 Issue 2).

They count only while the cell is unlocked, and grow with the time that went by.
"""

from __future__ import annotations

import random

from acs.simulator.tree import ParameterTree

__all__ = ["ADMIN_STATE", "RAN", "Traffic"]

ADMIN_STATE = "Device.Services.FAPService.1.FAPControl.LTE.AdminState"
RAN = "Device.Services.FAPService.1.CellConfig.LTE.RAN."
_STEP = 10.0  # seconds; what happens within them is drawn at once
_BUSIEST = 40  # connection attempts in a step
_RRC = f"{RAN}RRC.Stats."
_ERAB = f"{RAN}ERAB.Stats."


class Traffic:
    """Counts. The same seed and the same times give the same numbers."""

    def __init__(self, tree: ParameterTree, seed: int) -> None:
        self._tree, self._random = tree, random.Random(seed)  # noqa: S311 - it keeps no secret
        self._at: float | None = None
        self._load = self._random.uniform(0.05, 1.0)

    def boot(self, now: float) -> None:
        """All counters begin at zero again."""
        self._at = now
        for name in ("AttConnEstab", "SuccConnEstab", "FailConnEstab"):
            self._tree.set(_RRC + name, "0")
        for name in ("EstabInitAttNbr", "EstabInitSuccNbr", "EstabInitFailNbr"):
            self._tree.set(_ERAB + name, "0")

    def advance(self, now: float) -> None:
        """Count what happened until now; a long time is drawn as one."""
        if self._at is None or now - self._at < _STEP:
            return
        steps = int((now - self._at) / _STEP)
        self._at += steps * _STEP
        if self._tree.value(ADMIN_STATE).lower() not in ("1", "true"):
            return
        tries = sum(self._random.randint(0, round(_BUSIEST * self._load)) for _ in range(min(steps, 360)))
        tries = tries * steps // min(steps, 360)
        failed = sum(self._random.random() < 0.02 for _ in range(min(tries, 5000)))
        connected = tries - failed
        no_bearer = sum(self._random.random() < 0.01 for _ in range(min(connected, 5000)))
        self._count(_RRC, AttConnEstab=tries, SuccConnEstab=connected, FailConnEstab=failed)
        self._count(
            _ERAB,
            EstabInitAttNbr=connected,
            EstabInitSuccNbr=connected - no_bearer,
            EstabInitFailNbr=no_bearer,
        )

    def _count(self, base: str, **more: int) -> None:
        for name, number in more.items():
            before = int(self._tree.value(base + name) or 0)
            self._tree.set(base + name, str((before + number) % 2**32))
