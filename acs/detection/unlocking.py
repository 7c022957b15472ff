"""What speaks against letting a HeNB radiate: its place, its enclosure, its clock (TS 33.320, TR-196)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from sqlalchemy import Connection

from acs import devices as dev
from acs.detection.checks import CHECKS, SPEAKS_WHEN_UNKNOWN
from acs.detection.memory import memory_of
from acs.detection.outcome import known_results, remember
from acs.detection.place import witnesses_of
from acs.detection.thresholds import Thresholds
from acs.detection.values import OBJECTS
from acs.devices import Device

__all__ = ["against_radiating", "end_withholding", "note_withheld", "witnesses"]

_READ = {"C-10": "enclosure", "C-20": "time"}


def _against(states: Mapping[str, str], limits: Thresholds) -> list[str]:
    return [
        each
        for each in limits.withhold
        if each not in limits.skip
        and (states.get(each) == "found" or (states.get(each) == "unknown" and each in SPEAKS_WHEN_UNKNOWN))
    ]


def against_radiating(conn: Connection, device: Device, limits: Thresholds) -> str:
    """Return why AdminState should stay false by what is known now; empty where nothing speaks against it."""
    numbers = _against(memory_of(device.detection).states, limits)
    if not numbers:
        return ""
    told = {each.check: each.text for each in known_results(conn, device.id)}
    return "; ".join(told.get(each) or f"it is not so that {CHECKS[each].title}" for each in numbers)


def witnesses(conn: Connection, device: Device, limits: Thresholds) -> list[str]:
    """Return the paths that are worth reading before a device radiates, each to be asked for by itself.

    Its place is looked at where something is known to compare it with.
    """
    wanted = [each for each in limits.withhold if each not in limits.skip]
    labels = [_READ[each] for each in wanted if each in _READ]
    if "C-11" in wanted and (site := dev.site_of(conn, device.id)):
        labels += witnesses_of(dev.site_values(conn, site))
    memory, root = memory_of(device.detection), device.root or "Device."
    absent = memory.absent if memory.absent_for == device.software_version else ()
    return [f"{root}{name}" for label in labels if label not in absent for name in OBJECTS[label]]


def note_withheld(conn: Connection, device: Device, *, withheld: bool) -> None:
    """Remember whether AdminState was kept false; while it is, what speaks against it is read often."""
    start = memory_of(dev.get(conn, device.id).detection)
    remember(conn, device, msgspec.structs.replace(start, withheld=withheld), start)


def end_withholding(conn: Connection, device: Device, limits: Thresholds) -> bool:
    """Tell, once, whether a device whose AdminState was kept false may radiate now."""
    if '"withheld"' not in device.detection:
        return False
    memory = memory_of(dev.get(conn, device.id).detection)  # as this Inform left it
    if not memory.withheld or _against(memory.states, limits):
        return False
    note_withheld(conn, device, withheld=False)
    return True
