"""What is looked at before AdminState lets a HeNB radiate: its place, its enclosure, its clock.

TS 33.320 wants the place verified before a HeNB radiates, TR-196 AdminState false until it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from acs.remediation.playbooks.parts import NoCommunication

if TYPE_CHECKING:
    from acs.remediation.case_api import CaseApi

__all__ = ["look_at_witnesses", "may_radiate"]


async def look_at_witnesses(case: CaseApi, *, because: str) -> None:
    """Read what tells of place, enclosure and time; what the device does not know tells nothing."""
    for path in await case.witnesses():
        outcome, _ = await case.get_values([path], because=because)
        if outcome.silent:
            raise NoCommunication(f"{path}: the device did not react in time")


async def may_radiate(case: CaseApi) -> bool:
    """Look, and tell whether nothing speaks against it; else the managers are told why it does not radiate.

    What was withheld is done by a case of its own once detection finds nothing any more.
    """
    await look_at_witnesses(case, because="before AdminState")
    why = await case.against_radiating()
    if why and why != case.withheld:
        await case.notify("AdminState stays false", because=why)
    case.withheld = why
    return not why
