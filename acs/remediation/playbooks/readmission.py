"""A device that was blocked is let in again: reset, test, provision; only then may it radiate (S1 L10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acs.remediation.playbooks.fatal import fatal
from acs.remediation.playbooks.parts import NoCommunication, Result, StepFailed, demand, verify
from acs.remediation.playbooks.provisioning import provision

if TYPE_CHECKING:
    from acs.remediation.case_api import CaseApi

__all__ = ["readmission"]


async def readmission(case: CaseApi) -> Result:
    """See that a released device is what it should be; one that is not is blocked again.

    Nothing of its configuration is set, AdminState least of all, before it came with 0 BOOTSTRAP and its
    diagnostic test found nothing. One that does not answer stays as it is, and its next Inform begins anew.
    """
    try:
        if case.facts.get("readmission") == "reset" and not case.facts.get("bootstrapped"):
            because = "a device that was blocked begins from factory defaults"
            demand(await case.factory_reset(because=because), "FactoryReset")
        await verify(case)
    except NoCommunication as silence:
        await case.readmit_later(because=str(silence))
        return Result("FAILED", f"not readmitted yet: {silence}")
    except StepFailed as failure:
        case.because = f"it was released and is not sound: {failure}"
        return await fatal(case)
    await case.readmitted()
    await case.notify("readmitted", because=case.because)
    try:
        await provision(case)
    except (StepFailed, NoCommunication) as failure:
        return Result("FAILED", f"sound, but not provisioned: {failure}")
    return Result("READMITTED", case.because)
