"""5.7.3.2: emergency remediation, at the emergency management system (S1 L80-L84).

The HeNB runs its fail-safe image and asks for software. It is given the approved image, reboots with it,
and performs discovery and registration; then it is examined, configured anew and verified. Where any of that
fails the managers are told, and decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from acs.distress import EMERGENCY, STANDARD
from acs.remediation.playbooks.extended import instructed
from acs.remediation.playbooks.parts import (
    NoCommunication,
    Result,
    StepFailed,
    diagnostic_test,
    tried,
    verify,
)
from acs.remediation.playbooks.provisioning import apply, take_hold
from acs.remediation.playbooks.radiating import look_at_witnesses

if TYPE_CHECKING:
    from acs.remediation.case_api import CaseApi
    from acs.remediation.steps import Outcome

__all__ = ["AWAITS_RELEASE", "EMERGENCY_FAILED", "emergency", "emergency_remediation"]

EMERGENCY_FAILED: Final = "EMERGENCY_FAILED"
AWAITS_RELEASE: Final = "AWAITS_RELEASE"
"""What waits for people: emergency remediation succeeded, and the network still keeps the HeNB out."""
_PLACE = "C-11"


async def emergency(case: CaseApi) -> Result:
    """Remedy a HeNB that came with its fail-safe image, unless that did not last before (S1 L10)."""
    times = int(case.facts.get("recurrences", 0))
    lasting = times < case.policy.limits.recurrences
    why = "" if lasting else f"emergency remediation was done {times} times, and it did not last"
    return await emergency_remediation(case, because=case.because, refused=why)


async def emergency_remediation(case: CaseApi, *, because: str, refused: str = "") -> Result:
    """Take over a case whose HeNB runs its fail-safe image; ``refused``: why people have to decide first."""
    running = await case.in_emergency(because=because)
    await case.notify(f"emergency remediation began; the HeNB runs {running}", because=because)
    channel, patience, attempts = EMERGENCY, case.policy.emergency.request, case.policy.emergency.attempts
    begun = attempts if refused else 0
    while True:
        try:
            if not refused:
                return await _attempt(case, channel, patience)
            because, refused = refused, ""
        except (StepFailed, NoCommunication) as failure:
            because = str(failure)
        begun += 1
        told = await _failed(case, because, by_itself=begun < attempts)
        if isinstance(told, Result):
            return told
        channel, patience = told


async def _attempt(case: CaseApi, channel: str, patience: float) -> Result:
    if channel == STANDARD:
        version, _ = await case.software()
        image = await case.approved_image()
        if image is None or image["version"] != version:
            wanted = image["version"] if image is not None else "anything that is approved"
            raise StepFailed(f"it came back with {version!r}, not with {wanted!r}")
        await _examine(case)
    else:
        version = await _load(case, patience)
        await case.notify(
            f"software {version} was loaded in emergency remediation", because="it is to register"
        )
        ended = await _registered(case, version)
        if ended is not None:
            return ended
    await case.readmitted()  # where it was blocked: it was reset and tested, and may radiate
    await apply(case, await case.declared())
    await verify(case)
    return Result("REMEDIATED", f"emergency remediation: {version} was loaded and registered")


async def _load(case: CaseApi, patience: float) -> str:
    """Give the HeNB the approved image when it asks for it; return its version (S1 L82)."""
    because = "the fail-safe image should ask for software"
    if not await case.wait_for_request(because=because, timeout=patience):
        raise NoCommunication("the fail-safe image did not ask for software")
    image = await case.approved_image()
    if image is None:
        raise StepFailed("no software image is approved for this product class; see: acs files approve")
    version = str(image["version"])

    async def send() -> Outcome:
        return await case.download(image, because=f"to replace the fail-safe image by {version}")

    try:
        await tried(case, "Download", send)
    except (StepFailed, NoCommunication):
        if await case.software() != (version, STANDARD):  # its TransferComplete got lost
            raise
    return version


async def _registered(case: CaseApi, version: str) -> Result | None:
    """Have the HeNB register and examine it; a Result ends the case there.

    One on the black list that nobody has released yet is blocked again where that fails, and where a person
    does not release it now.
    """
    if await case.admission() != "blocked":
        return await _registers(case, version)
    because = f"it loaded {version} in emergency remediation and has to register"
    let_in = await case.let_in_to_register(because)
    if let_in == "nobody":
        raise StepFailed("it was blocked meanwhile")
    if let_in != "persons later":
        return await _registers(case, version)
    try:
        ended = await _registers(case, version)
    except (StepFailed, NoCommunication) as failure:
        await case.block(f"emergency remediation of a blocked HeNB failed: {failure}")
        raise
    if ended is not None:
        await case.block("nobody released it at this HeMS")
        return ended
    return await _released(case, version)


async def _released(case: CaseApi, version: str) -> Result | None:
    """Wait for whoever releases a HeNB that the network keeps out (S1 L88, L97); None: it is released."""
    because = f"it runs {version} and passed its test; it is for people to let it into the network again"
    await case.notify(
        "emergency remediation succeeded; the HeNB waits for its release", because=because, asks=True
    )
    while True:
        told = await case.instruction(AWAITS_RELEASE, because=because)
        why, who = str(told.get("why", "")), str(told.get("who", ""))
        match told.get("action"):
            case "RELEASE":
                await case.unblock(why, who=who)
                return None
            case "BLOCK":
                return await instructed(case, told, AWAITS_RELEASE)
            case "CLOSE":
                await case.block(f"{who} closed its case without a release: {why}")
                return Result("BLOCKED", why)


async def _registers(case: CaseApi, version: str) -> Result | None:
    who = await _comes(case, version)
    if who:
        return Result("HANDED_OVER", f"it registered with {version} at its serving HeMS, says {who}")
    await _examine(case)
    return None


async def _comes(case: CaseApi, version: str) -> str:
    """Wait until the HeNB has registered with what it loaded; return who says so, "" where it came here."""
    if await case.software() == (version, STANDARD):
        return ""
    timeout = case.policy.emergency.registration
    because = f"the HeNB should register with {version}"
    told = await case.wait_for_registration(because=because, timeout=timeout)
    if not told:
        raise NoCommunication(f"the HeNB did not register within {timeout:g} s")
    if told["version"] != version:
        raise StepFailed(f"the HeNB came with {told['version']!r}, not with {version!r}")
    return told["who"]


async def _examine(case: CaseApi) -> None:
    """Check integrity and place before the configuration is set, of which AdminState is a part (TR-196).

    Whatever that finds, from now on its alarms are heard and it is called with secrets of its own: it was
    reset to what it left its factory with, and people may take days to decide.
    """
    await take_hold(case)
    report = await diagnostic_test(case, because="integrity, before AdminState")
    if report is not None and not report.clean:
        failed = [name for name, verdict in report.results.items() if verdict == "FAIL"]
        raise StepFailed(
            f"the new software does not pass the test: {', '.join(failed) or 'no usable report'}"
        )
    await look_at_witnesses(case, because="location, before AdminState")
    if await case.found(_PLACE):
        raise StepFailed("the HeNB is not where it is registered")


async def _failed(case: CaseApi, because: str, *, by_itself: bool) -> Result | tuple[str, float]:
    """Tell the managers of the faulty situation and wait for instructions (S1 L84).

    Returns how the case ends, or over which channel to go on and how long to wait there. ``by_itself``: the
    HeNB may begin again too, by a boot; a periodic Inform of what just failed is no attempt.
    """
    await case.notify("emergency remediation failed", because=because, asks=True)
    await case.measures(EMERGENCY_FAILED, because=because)
    again = EMERGENCY, case.policy.distress.emergency
    while True:
        told = await case.instruction(EMERGENCY_FAILED, because=because, or_boot=by_itself)
        if told.get("channel"):
            return (
                (STANDARD, 0.0) if told["channel"] == STANDARD else (EMERGENCY, case.policy.emergency.request)
            )
        if told.get("action") in ("RETRY", "EXPECT_EMERGENCY"):
            return again
        result = await instructed(case, told, EMERGENCY_FAILED)
        if result is not None:
            return result
