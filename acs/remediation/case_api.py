"""The ``CaseApi`` that playbooks see: every RPC, waits, and what may be asked and told.

A playbook depends on nothing but the results of these calls, so that replaying it tells the same story.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from acs import alarms as al
from acs import detection as dt
from acs import devices as dev
from acs import files as fl
from acs.commands import enqueue
from acs.cwmp import messages as m
from acs.cwmp.events import DIAGNOSTICS_COMPLETE, event_name, is_known
from acs.datamodel import profile_for
from acs.datamodel.canonical import Place, place_of
from acs.declared import Write, flapping
from acs.declared.loops import WINDOW
from acs.errors import AcsError
from acs.remediation.evidence_api import EvidenceCalls
from acs.remediation.measures_api import MeasureCalls
from acs.remediation.playbooks.parts import ALARM_CLEARED
from acs.remediation.policy import Policy
from acs.remediation.reaching import Reaching
from acs.remediation.rpcs import Rpcs
from acs.remediation.script_api import ScriptCalls
from acs.remediation.steps import (
    INSTRUCTION,
    INSTRUCTION_OR_BOOT,
    INSTRUCTION_OR_SESSION,
    Outcome,
    StepContext,
    event_step,
    immediate_step,
    instruction_step,
    sleep_step,
    tell_managers,
)

__all__ = ["CaseApi"]


class CaseApi(Rpcs, Reaching, ScriptCalls, EvidenceCalls, MeasureCalls):
    """One case, as its playbook sees it; operators' playbooks call it ``Case``."""

    def __init__(
        self,
        *,
        facts: Mapping[str, Any],
        policy: Policy,
        procedure: str,
        because: str,
        started: float,
        case_id: int,
        find: Callable[[str, str], Callable[[Any], Coroutine[Any, Any, Any]]],
    ) -> None:
        ScriptCalls.__init__(self, facts=facts, started=started, case_id=case_id, find=find)
        self.policy = policy
        self.procedure = procedure
        self.because = because

    @property
    def root(self) -> str:
        """The root of the device's data model, for example ``Device.``."""
        return str(self.facts.get("root") or "Device.")

    @property
    def busy_faults(self) -> tuple[int, ...]:
        """The fault codes that mean "busy" on this device, beside those that always do."""
        return tuple(self.facts.get("busy_faults", ()))

    # --- waiting --------------------------------------------------------------------------

    async def sleep(self, seconds: float, *, because: str) -> None:
        """Wait."""
        await sleep_step(seconds, because=because)

    async def wait_for(self, event: str, *, because: str, timeout: float) -> bool:
        """Wait until the device tells ``event``; False when it does not within ``timeout`` seconds.

        ``event``: ``8 DIAGNOSTICS COMPLETE`` or another of TR-069, ``M <method>``, ``X <OUI> <name>``. Raises
        ``AcsError`` for what no device tells.
        """
        if event != ALARM_CLEARED and not is_known(event):
            raise AcsError(
                f"no device tells the event {event!r:.80}; write one of TR-069 with its number, such as"
                f" {DIAGNOSTICS_COMPLETE!r}, or M <method>, or X <OUI> <name>"
            )
        event = event_name(event)
        return bool(await event_step(event, because=because, timeout=timeout))

    async def instruction(
        self, outcome: str, *, because: str, or_session: bool = False, or_boot: bool = False
    ) -> dict[str, Any]:
        """Put the case aside as ``outcome`` and wait, without limit, for an instruction.

        ``or_session``: or until the device comes by itself, which is ``{"channel": …}``; ``or_boot``: or
        until it comes after a boot, on the standard path or with its fail-safe image.
        """
        event = INSTRUCTION_OR_SESSION if or_session else INSTRUCTION_OR_BOOT if or_boot else INSTRUCTION
        result: dict[str, Any] = await instruction_step(outcome, because=because, event=event)
        return result

    async def wait_for_value(
        self, name: str, value: str, *, because: str, timeout: float, every: float = 60
    ) -> bool:
        """Read a parameter every so many seconds until it has this value; False when not in time."""
        end = self.now + timeout
        while True:
            _, values = await self.get_values([name], because=because)
            if values.get(name) == value:
                return True
            if self.now + every > end:
                return False
            await self.sleep(every, because=because)

    # --- what the HeMS knows --------------------------------------------------------------

    async def get_canonical(
        self, names: Iterable[str], *, because: str
    ) -> tuple[Outcome, dict[str, str | None]]:
        """Read what canonical names mean on this device; None: what it tells makes no sense.

        A name that the device has no place for is left out.
        """
        wanted = list(names)

        def locate(context: StepContext) -> Any:
            return {name: place.path for name, place in _places(context, wanted).items()}

        paths: dict[str, str] = await immediate_step("canonical names", locate, because=because)
        outcome, told = await self.get_values(paths.values(), because=because)

        def read(context: StepContext) -> Any:
            places = _places(context, wanted)
            return {
                name: places[name].read(told[path])
                for name, path in paths.items()
                if path in told and name in places
            }

        values: dict[str, str | None] = await immediate_step("canonical values", read, because=because)
        return outcome, values

    async def set_canonical(self, values: Mapping[str, str], *, because: str) -> Outcome:
        """Set what canonical names mean on this device, in one request.

        Raises ``AcsError`` for a name that the device has no place for, or a value that is none of it.
        """

        def place(context: StepContext) -> Any:
            places = _places(context, values)
            absent = [name for name in values if name not in places]
            if absent:
                raise AcsError(f"the device has no {absent[0]}")
            found = [places[name].write(value) for name, value in values.items()]
            return [[each.name, each.value, each.type] for each in found]

        rows = await immediate_step("canonical names", place, because=because)
        return await self.set_values([m.ParameterValue(*row) for row in rows], because=because)

    async def declared(self) -> dev.Declared:
        """Return what is declared for the device, as its layers and its profile are now."""

        def read(context: StepContext) -> Any:
            return msgspec.to_builtins(dev.declared(context.conn, context.device))

        found = await immediate_step("declared state", read, because="what the device should be set to")
        return msgspec.convert(found, dev.Declared)

    async def told_before(self, names: Iterable[str]) -> list[str]:
        """Return those of ``names`` that the device once told a value of."""
        wanted = list(names)

        def look(context: StepContext) -> Any:
            device = context.device.id
            return [name for name in wanted if name in dev.parameters_of(context.conn, device, name)]

        found: list[str] = await immediate_step("told before", look)
        return found

    async def fighting(self, planned: Iterable[tuple[str, str, str | None, str]]) -> list[str]:
        """Return, a sentence each, which values were set so often that somebody must set them back.

        ``planned``: path, value, what the device has instead, and who wants it.
        """
        wanted = list(planned)

        def look(context: StepContext) -> Any:
            since = context.now - WINDOW
            writes = dev.writes_of(context.conn, context.device, since=since)
            if not flapping(writes, wanted, now=context.now):
                return []
            actual = {path: was for path, _, was, _ in wanted if was is not None}
            after = {each.path: each.at for each in writes}
            setters = dt.setters_of(context.conn, context.device.id, actual, after=after)
            return flapping(writes, wanted, now=context.now, setters=setters)

        result: list[str] = await immediate_step("writers", look, because="does what was set before stay?")
        return result

    async def note_writes(self, writes: Iterable[tuple[str, str, str, str | None]]) -> None:
        """Remember what was set, and who wanted it: path, value, source, what it was before."""
        wanted = list(writes)

        def act(context: StepContext) -> None:
            case, at = context.case.id, context.now
            found = [Write(path, value, source, case, at, was) for path, value, source, was in wanted]
            dev.note_writes(context.conn, context.device.id, found, now=context.now)

        await immediate_step("writes", act, detail=f"{len(wanted)} parameters")

    async def approved_image(self) -> dict[str, Any] | None:
        """Return name, version, size and type of the approved software image, None when there is none."""

        def read(context: StepContext) -> Any:
            found = fl.approved_image(context.conn, context.device, context.env.policy.minimal_versions)
            if found is None:
                return None
            return {
                "name": found.name,
                "version": found.version,
                "size": found.size,
                "file_type": found.file_type,
            }

        result: dict[str, Any] | None = await immediate_step(
            "approved image", read, because="what software the device should run"
        )
        return result

    async def open_alarms(self) -> list[dict[str, Any]]:
        """Return the active security alarms: ``id``, ``like`` (of this case's kind), ``vanished``.

        ``vanished``: the device lost it in a reboot, which proves nothing about its cause.
        """

        def read(context: StepContext) -> Any:
            facts = context.case.fact
            kind = tuple(facts.get(name) for name in ("event_type", "probable_cause", "specific_problem"))
            return [
                {
                    "id": each.id,
                    "like": (each.event_type, each.probable_cause, each.specific_problem) == kind,
                    "vanished": bool(each.clear_reason),
                }
                for each in al.active_alarms(context.conn, context.device.id)
                if each.security
            ]

        result: list[dict[str, Any]] = await immediate_step(
            "active alarms", read, because="is it still there?"
        )
        return result

    # --- effects on the HeMS's side -------------------------------------------------------

    async def note(self, text: str, *, because: str = "") -> None:
        """Write a line in the timeline."""
        await immediate_step("note", lambda _: None, because=because, detail=text)

    async def notify(self, comment: str, *, because: str, asks: bool = False) -> None:
        """Tell the managers on Type 2 about a step of the case (notifyComments).

        ``asks``: it is for people to decide now, so that it is late for no manager.
        """

        def act(context: StepContext) -> None:
            tell_managers(context, comment, because, asks=asks)

        await immediate_step("notify", act, because=because, detail=comment)

    async def clear_alarms(self, ids: Iterable[int], *, because: str) -> None:
        """Clear alarms whose cause is verified to be gone."""
        wanted = list(ids)

        def act(context: StepContext) -> None:
            for alarm_id in wanted:
                al.clear_alarm(context.conn, context.device, alarm_id, "remediated", now=context.now)

        await immediate_step("clear alarms", act, because=because)

    async def fault_management_at(self, path: str) -> None:
        """Note where the device's FaultMgmt is; where that is news, its alarms are read from there."""

        def act(context: StepContext) -> None:
            device = context.device
            if path == (device.fault_management or al.fault_management_paths(device.root)[0]):
                return
            dev.set_fault_management(context.conn, device.id, path)
            request = al.resync_request(replace(device, fault_management=path))
            enqueue(
                context.conn,
                device.id,
                request,
                command_key=context.key,
                purpose=al.RESYNC,
                priority=1,
                now=context.now,
            )

        await immediate_step("fault management", act, detail=path)

    async def mark_provisioned(self) -> None:
        """Note that the device is provisioned under the software it runs now."""

        def act(context: StepContext) -> str:
            version = context.device.software_version or "?"
            dev.mark_provisioned(context.conn, context.device.id, version)
            return version

        await immediate_step("provisioned", act)


def _places(context: StepContext, names: Iterable[str]) -> dict[str, Place]:
    """Return where the device keeps what these canonical names mean; without those it has no place for."""
    profile, root = profile_for(context.device), context.device.root or "Device."
    found = {name: place_of(profile, name, root=root) for name in names}
    return {name: place for name, place in found.items() if place is not None}
