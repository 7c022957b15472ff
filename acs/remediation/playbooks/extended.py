"""5.7.3: where every ladder ends and extended remediation begins (S1 L39, L42, L50-L51)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acs.remediation.playbooks.parts import Result

if TYPE_CHECKING:
    from acs.remediation.case_api import CaseApi


async def extended_remediation(case: CaseApi, pending: str, *, because: str) -> Result:
    """Take over a case that the standard path could not finish.

    ``pending`` is the action that is still to be performed. The managers are told, and the case waits for
    their instruction; the distress channel and the emergency procedure continue from here.
    """
    await case.notify(f"extended remediation is needed for: {pending}", because=because)
    instruction = await case.instruction("EXTENDED", because=because)
    return Result("EXTENDED", str(instruction.get("why") or because))
