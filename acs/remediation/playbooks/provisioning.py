"""First contact, and after a factory reset or new software: make the HeNB ready (S1 L24)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acs.remediation.playbooks.parts import NoCommunication, Result, StepFailed, provision

if TYPE_CHECKING:
    from acs.remediation.case_api import CaseApi


async def provisioning(case: CaseApi) -> Result:
    """Provision FaultMgmt and ManagementServer, apply the golden configuration."""
    try:
        await provision(case)
    except (StepFailed, NoCommunication) as failure:
        return Result("FAILED", str(failure))
    return Result("PROVISIONED", case.because)
