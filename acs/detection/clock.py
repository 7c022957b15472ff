"""C-12 and C-20: does the device's clock run right, and at its speed (S1 L17)? Pure."""

from __future__ import annotations

import math

import msgspec

from acs.alarms import parse_time
from acs.detection.checks import Verdict
from acs.detection.memory import Anchor, Memory
from acs.detection.thresholds import Thresholds

__all__ = ["follow_clock"]

_OLDEST = 1_420_070_400.0  # 2015: a clock that was never set begins at 1970, or at its software's date
_RENEWED = 86_400.0  # seconds after which drift is measured from a new anchor
_STRIKES = 2  # Informs in a row: one may have been held up on its way


def follow_clock(
    memory: Memory, current_time: str, limits: Thresholds, *, booted: bool, now: float
) -> tuple[Memory, Verdict]:
    """Judge the CurrentTime of an Inform; a steady clock leaves the memory as it is.

    A clock that is unset (C-20) or never was right tells nothing: such a device is not synchronised, which
    is no tampering. After a boot the clock may be set anew, so drift is measured from there.
    """
    at = parse_time(current_time, math.nan)
    if math.isnan(at) or at < _OLDEST:
        return memory, Verdict("C-12", "unknown", f"its clock is not set: {current_time[:40]!r}")
    offset, anchor = at - now, memory.clock
    facts: dict[str, object] = {"offset": round(offset, 1)}
    if anchor is None or booted:
        return _anchored(memory, offset, limits, now=now, facts=facts)
    span, moved = now - anchor.at, offset - anchor.offset
    drift = moved / span * 1e6 if span > 0 else 0.0
    facts |= {"drift_ppm": round(drift, 1), "over": round(span)}
    told = ""
    if abs(offset) > limits.clock_offset >= abs(anchor.offset):
        told = f"its clock was {anchor.offset:+.0f} s off and is {offset:+.0f} s off now"
    elif (
        span >= limits.clock_span
        and abs(drift) > limits.clock_drift_ppm
        and abs(moved) > limits.clock_jitter + 1  # CurrentTime has whole seconds
    ):
        told = f"its clock runs {drift:+.0f} ppm off: {moved:+.0f} s in {span / 3600:.1f} h"
    if told:
        strikes = min(memory.clock_strikes + 1, _STRIKES)
        if strikes != memory.clock_strikes:
            memory = msgspec.structs.replace(memory, clock_strikes=strikes)
        state = "found" if strikes >= _STRIKES else "unknown"
        return memory, Verdict("C-12", state, told, facts)
    if memory.clock_strikes:
        memory = msgspec.structs.replace(memory, clock_strikes=0)
    if span >= _RENEWED:
        memory = msgspec.structs.replace(memory, clock=Anchor(round(offset, 1), now))
    measured = span >= limits.clock_span or memory.states.get("C-12") != "found"
    return memory, Verdict("C-12", "ok" if measured else "unknown", "", facts)


def _anchored(
    memory: Memory, offset: float, limits: Thresholds, *, now: float, facts: dict[str, object]
) -> tuple[Memory, Verdict]:
    memory = msgspec.structs.replace(memory, clock=Anchor(round(offset, 1), now), clock_strikes=0)
    if abs(offset) > limits.clock_offset:
        return memory, Verdict("C-12", "unknown", f"it booted with a clock {offset:+.0f} s off", facts)
    return memory, Verdict("C-12", "ok", "", facts)
