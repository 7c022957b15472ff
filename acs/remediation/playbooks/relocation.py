"""A HeNB that is not where it is registered: it does not radiate until it is (TS 33.320; S1 L36, L39).

A ladder would not help: neither a reboot nor a reset moves a device back.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from acs.cwmp import messages as m
from acs.remediation.playbooks.configure import reconfigure
from acs.remediation.playbooks.extended import Pending, extended_remediation, failed_remediation
from acs.remediation.playbooks.parts import NoCommunication, Result, StepFailed, demand, verify
from acs.remediation.playbooks.radiating import look_at_witnesses

if TYPE_CHECKING:
    from acs.remediation.case_api import CaseApi

__all__ = ["LOCATION_CHANGED", "PLACE", "relocation"]

LOCATION_CHANGED: Final = "LOCATION_CHANGED"
PLACE: Final = "C-11"
_WHAT = "verification of its place"


async def relocation(case: CaseApi) -> Result:
    """Lock the cell, look where the HeNB is; unlock it where that is right, else people decide.

    RETRY looks again: when it was brought back, or when somebody accepted where it is.
    """
    again = partial(relocation, case)
    try:
        await _lock(case)
        await look_at_witnesses(case, because="where is it?")
        if await case.finding(PLACE) != "ok":
            because = "it is not known to be where it is registered"
            return await failed_remediation(case, _WHAT, again, because=because)
        await reconfigure(case)
        await verify(case)
    except StepFailed as failure:
        return await failed_remediation(case, _WHAT, again, because=str(failure))
    except NoCommunication as silence:
        return await extended_remediation(case, Pending(_WHAT, "P2R", again), because=str(silence))
    return Result("REMEDIATED", "it is where it is registered")


async def _lock(case: CaseApi) -> None:
    rules = (await case.declared()).rules
    if not rules.admin_state:
        await case.note("its profile knows no AdminState; nothing can be locked")
        return
    value = m.ParameterValue(rules.admin_state, rules.locked, rules.admin_type)
    because = "it does not radiate until its place is verified"
    demand(await case.set_values([value], because=because), "AdminState")
    await case.notify("AdminState is false", because=because)
