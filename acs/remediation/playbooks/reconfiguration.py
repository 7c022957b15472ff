"""5.7.2.2: reconfiguration of faulty or manipulated configuration data (S1 L38-L39)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from acs.remediation.playbooks.configure import reconfigure
from acs.remediation.playbooks.evidence import collect_evidence
from acs.remediation.playbooks.extended import Pending, extended_remediation, failed_ladder
from acs.remediation.playbooks.parts import NoCommunication, Result, StepFailed, verify
from acs.remediation.playbooks.provisioning import restart
from acs.remediation.playbooks.relocation import LOCATION_CHANGED, relocation

if TYPE_CHECKING:
    from acs.remediation.case_api import CaseApi


async def reconfiguration(case: CaseApi, first: int = 0) -> Result:
    """Climb the ladder: reconfigure; reboot and reconfigure; reset to factory defaults and reconfigure.

    ``first`` is the rung to begin with, counted from 0.
    """
    if case.facts.get("specific_problem") == LOCATION_CHANGED:
        return await relocation(case)
    await collect_evidence(case, "P2R")
    because = case.because
    for number, rung in enumerate(case.policy.ladders.reconfiguration[first:], first):
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
            again = partial(reconfiguration, case, number)
            pending = Pending(f"reconfiguration, rung {rung}", "P2R", again)
            return await extended_remediation(case, pending, because=str(silence))
        else:
            return Result("REMEDIATED", f"reconfigured on rung {rung}")
    last = max(len(case.policy.ladders.reconfiguration) - 1, 0)
    pending = Pending("reconfiguration", "P2R", partial(reconfiguration, case, last), answered=True)
    return await failed_ladder(case, pending, partial(reconfiguration, case), because=because)
