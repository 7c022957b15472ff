"""5.7.3: extended remediation, where the standard path does not do (S1 L50-L72).

The HeMS only triggers; the HeNB opens a session over the standard path, or else over the second one. What was
to be done is done there. When no path is left the managers are told, and decide.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from acs.distress import EMERGENCY, STANDARD
from acs.remediation.diagnosis import Report, decide
from acs.remediation.playbooks.parts import (
    NoCommunication,
    Result,
    StepFailed,
    demand,
    diagnostic_test,
    download_image,
    verify,
)

if TYPE_CHECKING:
    from acs.distress import Path
    from acs.remediation.case_api import CaseApi

__all__ = [
    "NO_COMMUNICATION",
    "Pending",
    "blocked",
    "expect_emergency",
    "extended_remediation",
    "failed_ladder",
    "failed_remediation",
    "instructed",
]

NO_COMMUNICATION = "NO_COMMUNICATION"


@dataclass(frozen=True, slots=True)
class Pending:
    """What could not be done: its name, its procedure, and how to go on with it over the standard path.

    ``answered``: the HeNB was there, and it did not work.
    """

    what: str
    procedure: str
    resume: Callable[[], Awaitable[Result]]
    answered: bool = False


async def extended_remediation(case: CaseApi, pending: Pending, *, because: str) -> Result:
    """Take over a case whose next step the standard path did not carry (S1 L39, L42, L70)."""
    await case.notify(f"extended remediation is needed for: {pending.what}", because=because)
    for path in await case.distress_paths():
        result = await _over(case, path, pending, because=because)
        if result is not None:
            return result
    return await _no_communication(case, pending, because=because)


async def failed_ladder(
    case: CaseApi, pending: Pending, again: Callable[[], Awaitable[Result]], *, because: str
) -> Result:
    """Take over a ladder that failed on every rung though the HeNB answers (S1 L39, L42, L70).

    Extended remediation begins whatever the reason: that traffic is blocked is an example of S1. The HeNB is
    triggered, and over the path that it then comes what is pending is done once more. That happens once in a
    case, unless somebody says RETRY; then people decide (S1 L97).
    """
    await case.notify(f"extended remediation is needed for: {pending.what}", because=because, asks=True)
    if case.policy.distress.failed_ladder == "trigger" and not case.extended:
        case.extended = True
        for path in await case.distress_paths():
            result = await _over(case, path, pending, because=because)
            if result is not None:
                return result
    return await _decided(case, again, because=because)


async def failed_remediation(
    case: CaseApi, what: str, again: Callable[[], Awaitable[Result]], *, because: str
) -> Result:
    """End what failed though the device answers, and with which a trigger would not help: people decide."""
    await case.notify(f"extended remediation is needed for: {what}", because=because, asks=True)
    return await _decided(case, again, because=because)


async def _decided(case: CaseApi, again: Callable[[], Awaitable[Result]], *, because: str) -> Result:
    await case.measures("EXTENDED", because=because)
    while True:
        told = await case.instruction("EXTENDED", because=because)
        result = await instructed(case, told, "EXTENDED", partial(_anew, case, again))
        if result is not None:
            return result


async def _anew(case: CaseApi, again: Callable[[], Awaitable[Result]]) -> Result:
    case.resumptions, case.extended = 0, False
    return await again()


@dataclass(slots=True)
class _Climbed:
    """How far the ladder of the second path is climbed, and whether the path broke down on the way."""

    rungs: int = 0
    broke: bool = False


async def _over(case: CaseApi, path: Path, pending: Pending, *, because: str) -> Result | None:
    """Trigger over one path and do there what is possible; None when that was no use (S1 L62-L64).

    A path that carried a session and then broke down is tried again: a single message that got lost is no
    reason to give it up.
    """
    climbed = _Climbed()
    for _ in range(case.policy.limits.tries):
        climbed.broke = False
        result = await _once_over(case, path, pending, climbed, because=because)
        if result is not None or not climbed.broke:
            return result
    return None


async def _once_over(
    case: CaseApi, path: Path, pending: Pending, climbed: _Climbed, *, because: str
) -> Result | None:
    if not await case.trigger(path, because=because):
        await case.note(f"no trigger over {path.kind}: there were too many this hour")
        return None
    timers = case.policy.distress
    channel = await case.wait_for_session(
        because="the HeNB should come over the standard path", timeout=timers.standard_path
    )
    if not channel:
        channel = await case.wait_for_session(
            because=f"the HeNB should come over the second path, {path.kind}", timeout=timers.second_path
        )
    if channel == STANDARD:
        return await _resume(case, pending)
    if channel == EMERGENCY:
        return await _emergency(case)
    if channel:
        return await _second_path(case, case.came_over or path.kind, pending, climbed)
    result = await case.trigger_result(because=f"no session came of it over {path.kind}")
    await case.note(f"the trigger over {path.kind}: {result}")
    return None


async def _emergency(case: CaseApi) -> Result:
    """Go on with a HeNB that runs its fail-safe image (S1 L82)."""
    from acs.remediation.playbooks.emergency import emergency_remediation

    return await emergency_remediation(case, because="the HeNB began it by itself")


async def _resume(case: CaseApi, pending: Pending) -> Result:
    """Go on over the standard path, as often as the policy allows (S1 L62)."""
    case.resumptions += 1
    if case.resumptions > case.policy.distress.resumptions:
        because = f"it was taken up {case.resumptions - 1} times, and the standard path broke down each time"
        return await failed_remediation(case, pending.what, pending.resume, because=because)
    came = (
        "the triggered session came over the standard path" if pending.answered else "communication restored"
    )
    await case.notify(came, because=f"to go on with: {pending.what}")
    return await pending.resume()


# --- the second path -------------------------------------------------------------------------


async def _second_path(case: CaseApi, kind: str, pending: Pending, climbed: _Climbed) -> Result | None:
    """Perform what is pending with what the distress channel carries; None when the path is of no use.

    ``kind`` is what the HeNB says that it came over: it may have taken another than it was triggered over.
    """
    where = f"over the second path, {kind}"
    await case.notify(f"connected {where}", because=f"to perform: {pending.what}")
    try:
        if pending.procedure == "REACH":
            return await _reached(case, where)
        report = await _emergency_test(case)
        procedure, why = pending.procedure, pending.what
        if procedure == "DX":
            procedure, why = decide(report) if report is not None and report.usable else ("P2S", why)
            await case.note(f"diagnosis: {procedure}", because=why)
        if procedure == "P3":
            from acs.remediation.playbooks.fatal import fatal

            case.because = why
            return await fatal(case)
        if procedure == "P1":
            return Result("NOTIFIED", f"{why} ({where})")
        return await _climb(case, procedure, pending, where, climbed)
    except NoCommunication as silence:
        climbed.broke = True
        await case.notify(f"communication failed {where}", because=str(silence))
        return None


async def _reached(case: CaseApi, where: str) -> Result:
    """Ask it for something; a fault is an answer too (S1 L72)."""
    names = [f"{case.root}DeviceInfo.SoftwareVersion"]
    answer = ""
    try:
        demand((await case.get_values(names, because="is it there?"))[0], "GetParameterValues")
    except StepFailed as failure:
        answer = f", if with a fault: {failure}"
    return Result("REACHED", f"{where}{answer}; the standard path does not work")


async def _emergency_test(case: CaseApi) -> Report | None:
    """Run the Emergency Diagnostic Test (S1 L54); its report is worth having, not indispensable."""
    try:
        return await diagnostic_test(case, because="Emergency Diagnostic Test")
    except StepFailed as failure:
        await case.note(f"no report: {failure}")
        return None


async def _climb(
    case: CaseApi, procedure: str, pending: Pending, where: str, climbed: _Climbed
) -> Result | None:
    """Climb the ladder of the second path; whenever the standard path works again, go on there."""
    distress = case.policy.distress
    rungs: list[Any] = list(distress.software_reload if procedure == "P2S" else distress.reconfiguration)
    for rung in rungs[climbed.rungs :]:
        await case.note(f"rung: {rung} {where}")
        try:
            await _perform(case, rung)
            if procedure == "P2S" and rung != "download":
                await download_image(case)
            if await case.channel() == STANDARD:
                return await _resume(case, pending)
            await verify(case)
        except StepFailed as failure:
            climbed.rungs += 1
            await case.notify(f"rung {rung} failed {where}", because=str(failure))
        else:
            back = await case.channel() == STANDARD
            await case.notify(
                f"remediated {where}",
                because="the standard path works again" if back else "the standard path still does not work",
            )
            return Result("REMEDIATED", f"{rung} {where}")
    return None


async def _perform(case: CaseApi, rung: str) -> None:
    because = "the standard path does not work"
    match rung:
        case "download":
            await download_image(case)
        case "factory_reset":
            demand(await case.factory_reset(because=because), "FactoryReset")
        case _:
            demand(await case.reboot(because=because), "Reboot")


# --- nothing is left -------------------------------------------------------------------------


async def _no_communication(case: CaseApi, pending: Pending, *, because: str) -> Result:
    """Tell the managers, and wait for what they instruct or for the HeNB to come by itself (S1 L66)."""
    await case.notify("no communication possible", because=because, asks=True)
    await case.measures("NO_COMMUNICATION", because=because)
    while True:
        told = await case.instruction(NO_COMMUNICATION, because=because, or_session=True)
        if told.get("channel"):
            return await _back(case, pending, str(told["channel"]), str(told.get("path", "")))
        again = partial(_again, case, pending, _why(told))

        if told.get("action") == "EXPECT_EMERGENCY":
            channel = await expect_emergency(case)
            if channel:
                return await _back(case, pending, channel, case.came_over)
            continue
        result = await instructed(case, told, NO_COMMUNICATION, again)
        if result is not None:
            return result


async def expect_emergency(case: CaseApi) -> str:
    """Wait for a HeNB that should be in emergency remediation; return its channel, "" where none came."""
    timeout = case.policy.distress.emergency
    channel = await case.wait_for_session(because="it is in emergency remediation", timeout=timeout)
    if not channel:
        await case.notify("emergency remediation is not heard of", because=f"for {timeout:g} s")
    return channel


async def _again(case: CaseApi, pending: Pending, why: str) -> Result:
    case.resumptions, case.extended = 0, False
    return await extended_remediation(case, pending, because=why)


async def _back(case: CaseApi, pending: Pending, channel: str, kind: str) -> Result:
    """Take the case up again with a HeNB that came by itself (S1 L62-L64)."""
    if channel == STANDARD:
        return await _resume(case, pending)
    if channel == EMERGENCY:
        return await _emergency(case)
    result = await _second_path(case, kind or "a distress channel", pending, _Climbed())
    return result or await _no_communication(case, pending, because="the second path was of no use")


def _why(told: dict[str, Any]) -> str:
    return f"{told.get('who', '')}: {told.get('why', '')}"


async def instructed(
    case: CaseApi,
    told: dict[str, Any],
    outcome: str,
    again: Callable[[], Awaitable[Result]] | None = None,
) -> Result | None:
    """Do what the managers instruct; None where the case goes on waiting (S1 L66, L90)."""
    why = str(told.get("why", ""))
    match told.get("action"):
        case "RETRY" if again is not None:
            return await again()
        case "BLOCK":
            await case.block(f"instructed by {_why(told)}")
            await case.notify("blocked in the HeMS", because=f"instructed by {_why(told)}")
            await case.measures("BLOCK", because=_why(told))
            return await blocked(case, because=why)
        case "RELEASE":
            await case.unblock(why, who=str(told.get("who", "")))
            return Result("RELEASED", why)
        case "CLOSE":
            return Result(outcome, why)
        case _:
            return None


async def blocked(case: CaseApi, *, because: str) -> Result:
    """Keep the HeNB blocked until somebody instructs otherwise (S1 L9, L47).

    EXPECT_EMERGENCY lets it in while it runs its fail-safe image, and no further unless that loads software.
    """
    while True:
        told = await case.instruction("BLOCKED", because=because)
        why = str(told.get("why", ""))
        if told.get("action") == "RELEASE":
            await case.unblock(why, who=str(told.get("who", "")))
            return Result("RELEASED", why)
        if told.get("action") != "EXPECT_EMERGENCY":
            return Result("BLOCKED", why)
        if await expect_emergency(case) == EMERGENCY:
            return await _emergency(case)
