"""What a case leaves behind that a person ends: what was blocked stays blocked, and the rest is told."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from sqlalchemy import Connection

from acs import alarms as al
from acs import devices as dev
from acs import measures as ms
from acs.remediation.cases import Case, Step, active_case
from acs.remediation.measures_api import BLOCKED, LET_IN, READMITTED, RELEASED

__all__ = ["ends_with_black_list", "left_behind", "only_let_in"]

_DECIDES = (BLOCKED, LET_IN, READMITTED, RELEASED)


def only_let_in(steps: Iterable[Step]) -> bool:
    """Tell whether a case let a blocked HeNB in to register, and nobody readmitted it since (S1 L82, L84).

    It is off the black list only so that it can register: were its case ended there, it would stay off.
    """
    return _decided(steps) == LET_IN


def ends_with_black_list(steps: Iterable[Step]) -> bool:
    """Tell whether the device of a case is on the black list by it, or will be as soon as it is closed.

    Nothing can begin in the place of such a case: to let its device in takes a release.
    """
    return _decided(steps) in (BLOCKED, LET_IN)


def _decided(steps: Iterable[Step]) -> str:
    """Return the name of the step that decided last whether the device is let in; "" where none did."""
    last = next((each for each in reversed(list(steps)) if each.done and each.name in _DECIDES), None)
    if last is None or (last.name == LET_IN and msgspec.json.decode(last.result or "null") == "nobody"):
        return ""
    return last.name


def left_behind(conn: Connection, case: Case) -> list[str]:
    """Return, a sentence each, what stands about the device of a case that is closed."""
    device = dev.get(conn, case.device_id)
    told = []
    if device.admission == "blocked":
        told.append(
            f"{device.device_key} is on the black list: {device.admission_reason}; to take it off:"
            f" acs devices unblock {device.device_key}"
        )
    elif device.readmission:
        how = "is reset and tested" if device.readmission == "reset" else "is tested"
        told.append(
            f"{device.device_key} is off the black list; when it comes it {how} before it may radiate"
        )
    standing = ms.in_force(conn, device.id)
    if standing:
        asked = ", ".join(f"{each.measure} at {each.target}" for each in standing)
        told.append(f"the network goes on with {asked}; to end it: acs measures undo {device.device_key}")
    told += [
        f"alarm {each.id} ({each.probable_cause}) stays active; no case is opened about it until the device"
        " raises it again"
        for each in al.active_alarms(conn, device.id)
        if each.case_id == case.id
    ]
    after = active_case(conn, device.id)
    if after is not None and after.id != case.id:
        told.append(f"case {after.id} began: {after.procedure}, {after.because}")
    return told
