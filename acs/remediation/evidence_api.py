"""What a playbook can ask about evidence: whether the device may be asked for files, and what it sent."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from acs.remediation.steps import StepContext, immediate_step
from acs.store.tables import commands, uploads

__all__ = ["EvidenceCalls"]

_MOST = 20  # files


class EvidenceCalls:
    """The part of a ``CaseApi`` that is about evidence."""

    evidence_taken = False
    """Whether this case has asked for it already: one ladder may hand over to another."""

    async def admitted(self) -> bool:
        """Return whether the device is let in: neither blocked nor waiting for approval."""

        def read(context: StepContext) -> bool:
            return not context.device.blocked

        result: bool = await immediate_step("admission", read, because="nothing is asked of a blocked device")
        return result

    async def received_files(self, *, because: str) -> list[dict[str, Any]]:
        """Return what the device sent for Uploads of this case: ``kind``, ``size`` in bytes, ``sha256``."""

        def read(context: StepContext) -> Any:
            wanted = (
                select(uploads.c.kind, uploads.c.size, uploads.c.sha256)
                .join(commands, commands.c.command_key == uploads.c.command_key)
                .where(
                    commands.c.case_id == context.case.id,
                    uploads.c.device_id == context.device.id,
                    uploads.c.state == "stored",
                )
                .order_by(uploads.c.id)
                .limit(_MOST)
            )
            return [dict(row) for row in context.conn.execute(wanted).mappings()]

        result: list[dict[str, Any]] = await immediate_step("received files", read, because=because)
        return result
