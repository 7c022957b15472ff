"""The steps of a playbook that have to do with how a device is reached (S1 5.7.3.1)."""

from __future__ import annotations

from typing import Any

import msgspec

from acs import distress as ds
from acs.remediation.steps import SESSION, StepContext, event_step, immediate_step

__all__ = ["Reaching"]


class Reaching:
    """``resumptions`` counts how often the case was taken up again after extended remediation."""

    resumptions = 0

    async def wait_for_session(self, *, because: str, timeout: float) -> str:  # noqa: ASYNC109 - a step
        """Wait until the device opens a session; return its channel, "" when none came in time."""
        found = await event_step(SESSION, because=because, timeout=timeout)
        return str(found) if found else ""

    async def channel(self) -> str:
        """Return the channel of the device's last session: ``standard`` or ``distress``."""
        result: str = await immediate_step("channel", lambda context: context.device.channel)
        return result

    async def distress_paths(self) -> list[ds.Path]:
        """Return the device's distress channels in the order in which they are tried."""

        def read(context: StepContext) -> Any:
            found = ds.paths_of(context.conn, context.device, context.env.distress_paths)
            return msgspec.to_builtins(found)

        found = await immediate_step("distress channels", read, because="over which can it be triggered?")
        return msgspec.convert(found, list[ds.Path])

    async def trigger(self, path: ds.Path, *, because: str) -> bool:
        """Have a trigger sent over a distress channel; False when the device had too many this hour."""

        def act(context: StepContext) -> bool:
            number = ds.request_trigger(
                context.conn,
                context.device,
                path,
                case_id=context.case.id,
                hourly=context.policy.distress.triggers_per_hour,
                now=context.now,
            )
            return number is not None

        detail = f"{path.kind} {path.method}"
        result: bool = await immediate_step("distress trigger", act, because=because, detail=detail)
        return result
