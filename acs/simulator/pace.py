"""How fast a simulated HeNB lives."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LAB", "REAL", "Pace"]


@dataclass(frozen=True, slots=True)
class Pace:
    """Durations in seconds. ``retry_scale`` scales the session retry intervals (TR-069 3.2.1.1)."""

    boot: float
    factory_reset: float
    self_test: float
    install: float
    retry_scale: float


REAL = Pace(boot=45, factory_reset=90, self_test=10, install=30, retry_scale=1.0)
LAB = Pace(boot=0.4, factory_reset=0.6, self_test=0.2, install=0.2, retry_scale=0.01)
