"""5.7.3.1: a forced management request to a HeNB that is connected but not heard of (S1 L72)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acs.remediation.playbooks.extended import Pending, extended_remediation
from acs.remediation.playbooks.parts import NoCommunication, Result, StepFailed, demand

if TYPE_CHECKING:
    from acs.remediation.case_api import CaseApi


async def reach(case: CaseApi) -> Result:
    """Ask the HeNB for something over the standard path; where that fails, reach it in another way."""
    names = [f"{case.root}DeviceInfo.SoftwareVersion"]
    try:
        outcome, _ = await case.get_values(names, because=case.because)
        demand(outcome, "GetParameterValues")
    except NoCommunication as silence:
        pending = Pending("a management request", "REACH", lambda: reach(case))
        return await extended_remediation(case, pending, because=str(silence))
    except StepFailed as failure:
        return Result("REACHED", f"it answers, if with a fault: {failure}")
    return Result("REACHED", "over the standard path")
