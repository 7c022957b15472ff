"""The calls of a ``CaseApi`` about the black list and about higher level measures (S1 L9, 5.7.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from acs import devices as dev
from acs import measures as ms
from acs.devices import Device
from acs.errors import AcsError
from acs.remediation.measures import Occasion, wanted_measures
from acs.remediation.steps import StepContext, immediate_step

__all__ = ["MeasureCalls", "release"]


def release(
    conn: Connection,
    device: Device,
    readmission: str,
    *,
    who: str,
    because: str,
    case_id: int | None = None,
    system_dn: str,
    now: float,
) -> None:
    """Take a device off the black list, and undo what the network was asked to do about it.

    ``readmission`` is what it has to go through before it may radiate: reset, test or none.
    """
    if device.admission == "blocked":
        dev.unblock(conn, device.id, because, who=who, now=now)
        if readmission != "none":
            dev.require_readmission(conn, device.id, readmission, now=now)
    ms.undo_measures(conn, device, who=who, because=because, case_id=case_id, system_dn=system_dn, now=now)


class MeasureCalls:
    """A part of ``CaseApi``."""

    facts: Mapping[str, Any]
    procedure: str

    async def block(self, reason: str) -> None:
        """Put the device on the HeMS's black list at once (S1 L9)."""

        def act(context: StepContext) -> None:
            who = f"case {context.case.id}"
            dev.block(context.conn, context.device.id, reason, who=who, now=context.now)

        await immediate_step("block", act, because=reason)

    async def unblock(self, reason: str, *, who: str) -> None:
        """Take the device off the black list, as instructed by ``who``, and undo what is in force of it.

        What it has to go through before it may radiate, the policy says (``measures.readmission``).
        """

        def act(context: StepContext) -> None:
            release(
                context.conn,
                dev.get(context.conn, context.device.id),
                context.policy.measures.readmission,
                who=who,
                because=reason,
                case_id=context.case.id,
                system_dn=context.env.system_dn,
                now=context.now,
            )

        await immediate_step("unblock", act, because=reason)

    async def readmitted(self) -> None:
        """Note that a device that was released has gone through what it had to."""

        def act(context: StepContext) -> None:
            dev.require_readmission(context.conn, context.device.id, "", now=context.now)

        await immediate_step("readmitted", act)

    async def readmit_later(self, *, because: str) -> None:
        """Have a device that does not answer go through it all when it comes by itself."""

        def act(context: StepContext) -> None:
            kind = context.device.readmission
            dev.require_readmission(context.conn, context.device.id, kind, now=context.now)

        await immediate_step("readmission put off", act, because=because)

    async def measures(self, occasion: Occasion, *, because: str) -> str:
        """Have the network do what the policy says for this occasion; return what was asked for.

        A measure that no system carries out is told rather than a failure of the case.
        """

        def act(context: StepContext) -> str:
            wanted = wanted_measures(
                context.policy.measures,
                occasion,
                procedure=context.case.procedure,
                product_class=context.device.product_class,
                facts=context.case.fact,
            )
            told = []
            for name, reason in wanted.items():
                try:
                    made = ms.request_measures(
                        context.conn,
                        context.device,
                        [name],
                        who=f"case {context.case.id}",
                        because=f"{reason}: {because}",
                        case_id=context.case.id,
                        system_dn=context.env.system_dn,
                        now=context.now,
                    )
                except AcsError as error:
                    told.append(str(error))
                else:
                    told.append(f"{name}: {', '.join(each.target for each in made) or 'in force already'}")
            return "; ".join(told) or "none"

        result: str = await immediate_step("measures", act, because=f"{occasion}: {because}", detail=occasion)
        return result
