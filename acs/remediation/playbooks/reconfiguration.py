"""5.7.2.2: reconfiguration of faulty or manipulated configuration data (S1 L38-L39)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acs.remediation.playbooks.configure import reconfigure
from acs.remediation.playbooks.extended import extended_remediation
from acs.remediation.playbooks.parts import NoCommunication, Result, StepFailed, verify
from acs.remediation.playbooks.provisioning import restart

if TYPE_CHECKING:
    from acs.remediation.case_api import CaseApi


async def reconfiguration(case: CaseApi) -> Result:
    """Climb the ladder: reconfigure; reboot and reconfigure; reset to factory defaults and reconfigure."""
    because = case.because
    for rung in case.policy.ladders.reconfiguration:
        await case.note(f"rung: {rung}", because=because)
        try:
            if rung != "reconfigure":
                await restart(case, rung, because=because)
            await reconfigure(case)
            await verify(case)
        except StepFailed as failure:
            because = str(failure)
            await case.notify(f"rung {rung} of the reconfiguration ladder failed", because=because)
        except NoCommunication as silence:
            return await extended_remediation(case, f"reconfiguration, rung {rung}", because=str(silence))
        else:
            return Result("REMEDIATED", f"reconfigured on rung {rung}")
    return await extended_remediation(case, "reconfiguration", because=because)
