"""The steps of a playbook that have to do with how a device is reached (S1 5.7.3.1)."""

from __future__ import annotations

from typing import Any

import msgspec

from acs import distress as ds
from acs.detection import against_radiating, memory_of, note_withheld, witnesses
from acs.remediation.steps import (
    IMAGE_REQUESTED,
    REGISTRATION,
    SESSION,
    StepContext,
    event_step,
    immediate_step,
)

__all__ = ["IN_EMERGENCY", "Reaching"]

IN_EMERGENCY = "emergency remediation"
"""The step with which a playbook takes over a device that runs its fail-safe image."""


class Reaching:
    """``resumptions`` counts how often the case was taken up again after extended remediation.

    ``extended``: that a ladder failed although the device answers led to triggers already. ``withheld``: why
    AdminState was kept false when it was last looked at.
    """

    resumptions = 0
    extended = False
    withheld = ""
    came_over = ""

    async def wait_for_session(self, *, because: str, timeout: float) -> str:  # noqa: ASYNC109 - a step
        """Wait until the device opens a session; return its channel, "" when none came in time.

        ``came_over`` is then the kind of distress channel that the device says it came over.
        """
        found = await event_step(SESSION, because=because, timeout=timeout)
        channel, _, self.came_over = str(found or "").partition(" ")
        return channel

    async def trigger_result(self, *, because: str) -> str:
        """Return what came of the last trigger as far as this HeMS knows, such as ``acknowledged``."""

        def read(context: StepContext) -> str:
            return ds.last_result(context.conn, context.case.id) or "not sent in time"

        result: str = await immediate_step("trigger result", read, because=because)
        return result

    async def wait_for_request(self, *, because: str, timeout: float) -> bool:  # noqa: ASYNC109 - as above
        """Wait until the fail-safe image asks for software; False when it does not in time (S1 L82)."""
        return bool(await event_step(IMAGE_REQUESTED, because=because, timeout=timeout))

    async def wait_for_registration(
        self,
        *,
        because: str,
        timeout: float,  # noqa: ASYNC109 - as above
    ) -> dict[str, str]:
        """Wait until the device comes after a boot; {} when it does not in time.

        Returns its ``version`` and ``who`` says so, empty where it came to this HeMS.
        """
        found: dict[str, str] | None = await event_step(REGISTRATION, because=because, timeout=timeout)
        return found or {}

    async def in_emergency(self, *, because: str) -> str:
        """Note that the device runs its fail-safe image; return the SoftwareVersion of that."""
        found: str = await immediate_step(
            IN_EMERGENCY, lambda context: context.device.software_version, because=because
        )
        return found

    async def software(self) -> tuple[str, str]:
        """Return the SoftwareVersion that the device told last, and the channel that it came over then."""

        def read(context: StepContext) -> list[str]:
            return [context.device.software_version, context.device.channel]

        version, channel = await immediate_step("software", read, because="what runs there?")
        return version, channel

    async def admission(self) -> str:
        """Return whether the device is let in, for example ``allowed`` or ``blocked``."""
        result: str = await immediate_step("admission", lambda context: context.device.admission)
        return result

    async def finding(self, check: str) -> str:
        """Return what a check of detection came to last: ``ok``, ``found`` or ``unknown``."""

        def read(context: StepContext) -> str:
            return memory_of(context.device.detection).states.get(check, "unknown")

        result: str = await immediate_step("finding", read, detail=check)
        return result

    async def found(self, check: str) -> bool:
        """Tell whether detection holds something against the device by this check, for example ``C-11``."""
        return await self.finding(check) == "found"

    async def witnesses(self) -> list[str]:
        """Return the paths that tell whether the device may radiate."""

        def read(context: StepContext) -> list[str]:
            return witnesses(context.conn, context.device, context.policy.detection)

        result: list[str] = await immediate_step("witnesses", read, because="may it radiate?")
        return result

    async def against_radiating(self) -> str:
        """Return why AdminState has to stay false, empty where it need not; detection remembers which."""

        def act(context: StepContext) -> str:
            why = against_radiating(context.conn, context.device, context.policy.detection)
            note_withheld(context.conn, context.device, withheld=bool(why))
            return why

        result: str = await immediate_step("against radiating", act)
        return result

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
