"""C-07, C-08, C-13: software and ParameterKey change by us, and boots have a reason. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from acs.detection.checks import Verdict
from acs.detection.memory import MOST_BOOTS, Memory
from acs.detection.thresholds import Thresholds
from acs.files import is_below

__all__ = ["Loads", "follow_boots", "follow_software", "judge_key"]


@dataclass(frozen=True, slots=True)
class Loads:
    """What the HeMS knows of a device's software: Downloads that went out and succeeded.

    ``approved`` and ``revoked``: whether the catalogue says so of the version it runs.
    """

    sent: bool = False
    succeeded: bool = False
    approved: bool = False
    revoked: bool = False


def follow_software(
    memory: Memory, version: str, loads: Loads, limits: Thresholds, *, now: float
) -> tuple[Memory, Verdict]:
    """Judge the SoftwareVersion (S1 L14). The first is taken as it is, unless the policy wants it approved.

    A change is explained by a Download that went out since the version before it, here or, as somebody told,
    elsewhere. A version that came
    without one stays a finding until a Download of ours succeeds: an image may claim any version.
    """
    replace = msgspec.structs.replace
    facts: dict[str, object] = {"version": version, "approved": loads.approved}
    if not version:
        return memory, Verdict("C-07", "unknown", "it tells no SoftwareVersion")
    odd, text = memory.odd_version == version, ""
    by_right = version in (memory.version, memory.expected) or (loads.succeeded if odd else loads.sent)
    if memory.version and not by_right:
        back = is_below(version, memory.version)
        text = f"{memory.version} {'went back' if back else 'was changed'} to {version} without a Download"
        if not odd:
            memory = replace(memory, odd_version=version, odd_at=now)
    elif version != memory.version:
        memory = replace(memory, version=version, version_at=now, odd_version="", odd_at=0.0, expected="")
    elif memory.odd_version:
        memory = replace(memory, odd_version="", odd_at=0.0)
    if not text and loads.revoked and not loads.approved:
        text = f"{version} was revoked"
    if not text and limits.require_approved and not loads.approved:
        text = f"{version} is not approved for this device"
    return memory, Verdict("C-07", "found" if text else "ok", text, facts)


def judge_key(key: str, ours: Sequence[str], *, bootstrap: bool) -> Verdict:
    """Judge a ParameterKey that changed; ``ours``: what it may be by our requests (TR-069 A.3.2.1)."""
    if key in ours:
        return Verdict("C-08", "ok")
    what = "it was reset to factory defaults, not by this HeMS" if bootstrap or not key else ""
    told = what or f"somebody else configured it: ParameterKey {key[:32]!r}"
    return Verdict("C-08", "found", told, {"parameter_key": key[:32]})


def follow_boots(
    memory: Memory, limits: Thresholds, *, unexplained: bool, now: float
) -> tuple[Memory, Verdict]:
    """Judge how often the device booted without a reason that is known."""
    boots = tuple(at for at in memory.boots if at > now - limits.reboot_window)
    if unexplained:
        boots = (*boots, now)[-MOST_BOOTS:]
    if boots != memory.boots:
        memory = msgspec.structs.replace(memory, boots=boots)
    facts: dict[str, object] = {"unexplained_boots": len(boots)}
    if len(boots) >= min(limits.reboots, MOST_BOOTS):
        hours = limits.reboot_window / 3600
        return memory, Verdict("C-13", "found", f"{len(boots)} unexplained boots in {hours:g} h", facts)
    return memory, Verdict("C-13", "ok", "", facts)
