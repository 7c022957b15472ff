"""5.7.2.2: reload of faulty or manipulated software (S1 L41-L42)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from acs.remediation.playbooks.configure import reconfigure
from acs.remediation.playbooks.evidence import collect_evidence
from acs.remediation.playbooks.extended import Pending, extended_remediation, failed_ladder
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


async def software_reload(case: CaseApi, first: int = 0) -> Result:
    """Climb the ladder: download; reboot and download; reset to factory defaults and download.

    Every successful download is followed by a reconfiguration; where that one fails the
    reconfiguration ladder takes over. ``first`` is the rung to begin with, counted from 0.
    """
    await collect_evidence(case, "P2S")
    because = case.because
    for number, rung in enumerate(case.policy.ladders.software_reload[first:], first):
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
            pending = Pending(f"software reload, rung {rung}", "P2S", partial(software_reload, case, number))
            return await extended_remediation(case, pending, because=str(silence))
        try:
            await reconfigure(case)
        except StepFailed as failure:
            await case.notify("the reconfiguration after the download failed", because=str(failure))
            return await reconfiguration(case)
        except NoCommunication as silence:
            pending = Pending("reconfiguration after download", "P2R", partial(reconfiguration, case))
            return await extended_remediation(case, pending, because=str(silence))
        return await _verified(case, number)
    last = max(len(case.policy.ladders.software_reload) - 1, 0)
    pending = Pending("software reload", "P2S", partial(software_reload, case, last), answered=True)
    return await failed_ladder(case, pending, partial(software_reload, case), because=because)


async def _verified(case: CaseApi, number: int) -> Result:
    """Verify what rung ``number`` has done; climb on where that is not enough."""
    rung = case.policy.ladders.software_reload[number]
    try:
        await verify(case)
    except StepFailed as failure:
        case.because = str(failure)
        await case.notify(f"rung {rung} of the software reload ladder failed", because=str(failure))
        return await software_reload(case, number + 1)
    except NoCommunication as silence:
        pending = Pending("verification after download", "P2S", partial(_verified, case, number))
        return await extended_remediation(case, pending, because=str(silence))
    return Result("REMEDIATED", f"software reloaded on rung {rung}")
