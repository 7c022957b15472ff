"""The calls of a ``CaseApi`` about the black list and about higher level measures (S1 L9, 5.7.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from acs import devices as dev
from acs.remediation.black_list import (
    LetIn,
    let_in_to_register,
    measures_by_policy,
    release,
    who_lets_in,
)
from acs.remediation.measures import Occasion
from acs.remediation.steps import StepContext, immediate_step

__all__ = ["BLOCKED", "LET_IN", "READMITTED", "RELEASED", "MeasureCalls"]

BLOCKED, RELEASED, LET_IN, READMITTED = "block", "unblock", "let in to register", "readmitted"
"""The steps that decide whether the device is on the black list, and whether it may radiate."""


class MeasureCalls:
    """A part of ``CaseApi``."""

    facts: Mapping[str, Any]
    procedure: str

    async def block(self, reason: str) -> None:
        """Put the device on the HeMS's black list at once (S1 L9)."""

        def act(context: StepContext) -> None:
            who = f"case {context.case.id}"
            dev.block(context.conn, context.device.id, reason, who=who, now=context.now)

        await immediate_step(BLOCKED, act, because=reason)

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

        await immediate_step(RELEASED, act, because=reason)

    async def let_in_to_register(self, reason: str) -> LetIn:
        """Let a blocked device register with what it loaded; return who does (see ``who_lets_in``).

        ``persons later``: until then it may not radiate, and what the network does about it stays in force.
        """

        def act(context: StepContext) -> LetIn:
            device = dev.get(context.conn, context.device.id)
            who, readmission = f"case {context.case.id}", context.policy.measures.readmission
            found = who_lets_in(context.conn, device.id, context.case, context.policy)
            if found == "persons later":
                let_in_to_register(context.conn, device, readmission, reason, who=who, now=context.now)
            elif found != "nobody":
                release(
                    context.conn,
                    device,
                    readmission,
                    who=who,
                    because=reason,
                    case_id=context.case.id,
                    system_dn=context.env.system_dn,
                    now=context.now,
                )
            return found

        result: LetIn = await immediate_step(LET_IN, act, because=reason)
        return result

    async def readmitted(self) -> None:
        """Note that a device that was released has gone through what it had to."""

        def act(context: StepContext) -> None:
            dev.require_readmission(context.conn, context.device.id, "", now=context.now)

        await immediate_step(READMITTED, act)

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
            told = measures_by_policy(
                context.conn,
                context.device,
                occasion,
                context.policy,
                procedure=context.case.procedure,
                facts=context.case.fact,
                who=f"case {context.case.id}",
                because=because,
                case_id=context.case.id,
                system_dn=context.env.system_dn,
                now=context.now,
            )
            return "; ".join(told) or "none"

        result: str = await immediate_step("measures", act, because=f"{occasion}: {because}", detail=occasion)
        return result
