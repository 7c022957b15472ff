"""5.7.2.2: reload of faulty or manipulated software (S1 L41-L42)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acs.remediation.playbooks.configure import reconfigure
from acs.remediation.playbooks.extended import extended_remediation
from acs.remediation.playbooks.parts import (
    NoCommunication,
    Result,
    StepFailed,
    download_image,
    verify,
)
from acs.remediation.playbooks.provisioning import restart
from acs.remediation.playbooks.reconfiguration import reconfiguration

if TYPE_CHECKING:
    from acs.remediation.case_api import CaseApi


async def software_reload(case: CaseApi) -> Result:
    """Climb the ladder: download; reboot and download; reset to factory defaults and download.

    Every successful download is followed by a reconfiguration; where that one fails the
    reconfiguration ladder takes over.
    """
    because = case.because
    for rung in case.policy.ladders.software_reload:
        await case.note(f"rung: {rung}", because=because)
        try:
            if rung != "download":
                await restart(case, rung, because=because)
            await download_image(case)
        except StepFailed as failure:
            because = str(failure)
            await case.notify(f"rung {rung} of the software reload ladder failed", because=because)
            continue
        except NoCommunication as silence:
            return await extended_remediation(case, f"software reload, rung {rung}", because=str(silence))
        try:
            await reconfigure(case)
        except StepFailed as failure:
            await case.notify("the reconfiguration after the download failed", because=str(failure))
            return await reconfiguration(case)
        except NoCommunication as silence:
            return await extended_remediation(case, "reconfiguration after download", because=str(silence))
        try:
            await verify(case)
        except StepFailed as failure:
            because = str(failure)
            await case.notify(f"rung {rung} of the software reload ladder failed", because=because)
        except NoCommunication as silence:
            return await extended_remediation(case, "verification after download", because=str(silence))
        else:
            return Result("REMEDIATED", f"software reloaded on rung {rung}")
    return await extended_remediation(case, "software reload", because=because)
