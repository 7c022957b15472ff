"""C-12, C-13u and C-20: does the device's clock run right, and at its speed (S1 L17)? Pure."""

from __future__ import annotations

import math

import msgspec

from acs.alarms import parse_time
from acs.detection.checks import Verdict
from acs.detection.memory import Anchor, Memory
from acs.detection.thresholds import Thresholds

__all__ = ["follow_clock", "follow_uptime", "is_set", "judge_synchronisation"]

_OLDEST = 1_420_070_400.0  # 2015: a clock that was never set begins at 1970, or at its software's date
_RENEWED = 86_400.0  # seconds after which drift is measured from a new anchor
_STRIKES = 2  # Informs in a row: one may have been held up on its way
_UNSYNCHRONISED = (
    "Unsynchronized",
    "Error_FailedToSynchronize",
    "Error",
)  # Disabled: by 1588 or GPS, perhaps
_SLACK = 60.0  # seconds that UpTime may be off: it is read some time after it was counted


def is_set(current_time: str) -> bool:
    """Tell whether the CurrentTime of an Inform is that of a clock that was set at all."""
    return parse_time(current_time, 0.0) >= _OLDEST


def judge_synchronisation(memory: Memory, status: str, limits: Thresholds, *, booted_for: float) -> Verdict:
    """Judge whether the device knows the time: by its CurrentTime (``memory.unset``) and Time.Status.

    One that boots, or never knew it, is ``unknown``: no tampering, but it should not radiate (TS 33.320).
    One that knew it and lost its source is found. ``booted_for``: seconds since its last boot.
    """
    told = "its clock is not set" if memory.unset else ""
    if not told and status in _UNSYNCHRONISED:
        told = f"Time.Status is {status}"
    if not told:
        return Verdict("C-20", "ok", "", {"status": status})
    knew = memory.states.get("C-20") in ("ok", "found") and booted_for >= limits.clock_span
    return Verdict("C-20", "found" if knew else "unknown", told, {"status": status[:40]})


def follow_uptime(
    memory: Memory, text: str, limits: Thresholds, *, booted_at: float, now: float
) -> tuple[Memory, Verdict | None]:
    """Judge an UpTime that was read against the one before and the boots that the device told between.

    ``booted_at``: when the last Inform with a boot came, which may be long after the boot.
    """
    if not (text.isascii() and text.isdecimal()):
        return memory, None
    value, before = float(text[:12]), memory.uptime
    memory = msgspec.structs.replace(memory, uptime=Anchor(value, now))
    if before is None:
        return memory, Verdict("C-13u", "ok")
    through = before.offset + (now - before.at)  # what it is when it did not boot
    slack = _SLACK + (now - before.at) * limits.clock_drift_ppm / 1e6  # a clock's speed is C-12's
    facts: dict[str, object] = {"uptime": round(value), "without_boot": round(through)}
    if booted_at > before.at:
        if before.offset > slack and abs(value - through) <= slack:
            return memory, Verdict("C-13u", "found", "it told of a boot, and its UpTime went on", facts)
    elif value < through - slack:
        return memory, Verdict("C-13u", "found", f"it booted {value:.0f} s ago and did not tell", facts)
    return memory, Verdict("C-13u", "ok", "", facts)


def follow_clock(
    memory: Memory, current_time: str, limits: Thresholds, *, booted: bool, now: float
) -> tuple[Memory, Verdict]:
    """Judge the CurrentTime of an Inform; a steady clock leaves the memory as it is.

    A clock that is unset or never was right tells nothing: such a device is not synchronised (C-20), which is
    no tampering. After a boot the clock may be set anew, so drift is measured from there.
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
