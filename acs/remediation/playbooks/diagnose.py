"""5.7.2: an alarm that does not tell enough; a diagnostic test decides (S1 L28)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acs.remediation.diagnosis import Report, decide
from acs.remediation.playbooks.extended import Pending, extended_remediation
from acs.remediation.playbooks.fatal import fatal
from acs.remediation.playbooks.notify import notify
from acs.remediation.playbooks.parts import (
    NoCommunication,
    Result,
    StepFailed,
    clear_vanished,
    diagnostic_test,
)
from acs.remediation.playbooks.reconfiguration import reconfiguration
from acs.remediation.playbooks.software_reload import software_reload

if TYPE_CHECKING:
    from acs.remediation.case_api import CaseApi


async def diagnose(case: CaseApi) -> Result:
    """Test, then go on with the procedure that the report calls for.

    Without a usable report the software is reloaded, which includes a reconfiguration: the cautious choice.
    """
    report: Report | None = None
    why = "the device gave no usable report"
    for _ in range(case.policy.limits.diagnostic_rounds):
        try:
            report = await diagnostic_test(case, because=case.because)
        except StepFailed as failure:
            why = str(failure)
        except NoCommunication as silence:
            pending = Pending("diagnostic test", "DX", lambda: diagnose(case))
            return await extended_remediation(case, pending, because=str(silence))
        if report is None or report.usable:
            break
    procedure, case.because = decide(report) if report is not None and report.usable else ("P2S", why)
    await case.note(f"diagnosis: {procedure}", because=case.because)
    match procedure:
        case "P3":
            return await fatal(case)
        case "P2S":
            return await software_reload(case)
        case "P2R":
            return await reconfiguration(case)
        case _:
            try:
                await clear_vanished(case)
            except StepFailed as failure:
                await case.note(str(failure))
            return await notify(case)
