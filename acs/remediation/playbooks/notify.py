"""5.7.2.1: potential tampering without the need for immediate remediation (S1 L30-L32)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acs.remediation.playbooks.parts import Result

if TYPE_CHECKING:
    from acs.remediation.case_api import CaseApi


async def notify(case: CaseApi) -> Result:
    """Forward to the managers, who analyse and act; nothing is done to the HeNB."""
    await case.notify("no immediate remediation", because=case.because)
    return Result("NOTIFIED", case.because)
