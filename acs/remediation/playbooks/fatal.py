"""5.7.2.3: a fatal security breach that can't be remedied remotely (S1 L45-L47)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acs.remediation.playbooks.extended import blocked
from acs.remediation.playbooks.parts import Result

if TYPE_CHECKING:
    from acs.remediation.case_api import CaseApi


async def fatal(case: CaseApi) -> Result:
    """Block the device at this HeMS at once, tell the managers, and wait for what they instruct.

    No command goes to the HeNB: it shuts itself down after the alarm. The block here is local and
    reversible; what the network does is the managers' to decide (S1 L9, L47), or the policy's (S1 L88).
    """
    await case.block(f"fatal security breach: {case.because}")
    await case.notify("fatal security breach; blocked in the HeMS", because=case.because, asks=True)
    await case.measures("FATAL", because=case.because)
    return await blocked(case, because="what shall become of the device?")
