"""What the ladders are made of: reconfigure, download, restart, test, verify.

Each part either succeeds or raises: ``StepFailed`` when the device answered and it did not work,
``NoCommunication`` when the device could not be reached or did not react in time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from acs.cwmp import messages as m
from acs.cwmp.events import DIAGNOSTICS_COMPLETE
from acs.cwmp.faults import is_transient
from acs.remediation.diagnosis import Report, parse_report

if TYPE_CHECKING:
    from acs.remediation.case_api import CaseApi
    from acs.remediation.steps import Outcome

__all__ = [
    "ALARM_CLEARED",
    "NoCommunication",
    "Result",
    "StepFailed",
    "clear_vanished",
    "demand",
    "diagnostic_test",
    "download_image",
    "tried",
    "verify",
]

ALARM_CLEARED = "alarm cleared"
"""What ``wait_for`` calls the clearing of an alarm of the case's kind."""
_NO_SUCH_PARAMETER = frozenset({9005, 9000})


@dataclass(frozen=True, slots=True)
class Result:
    """How a playbook ended."""

    outcome: str
    because: str


class StepFailed(Exception):  # noqa: N818 - an outcome the ladder expects, not an error of the program
    """The device answered, and it did not work; ``parameters`` are those that it refused."""

    def __init__(self, text: str, parameters: Iterable[str] = ()) -> None:
        super().__init__(text)
        self.parameters = frozenset(parameters)


class NoCommunication(Exception):  # noqa: N818 - as StepFailed
    """The device could not be reached, or did not react in time."""


def demand(outcome: Outcome, what: str) -> None:
    """Raise what a ladder understands when an RPC did not come off."""
    if outcome.ok:
        return
    if outcome.silent:
        raise NoCommunication(f"{what}: the device did not react in time")
    faults = "; ".join(f"{each.parameter_name}: {each.code}" for each in outcome.parameter_faults[:3])
    text = f"fault {outcome.fault_code} {outcome.fault_string}".strip()
    refused = (each.parameter_name for each in outcome.parameter_faults)
    raise StepFailed(f"{what}: {text}" + (f" ({faults})" if faults else ""), refused)


async def tried(case: CaseApi, what: str, action: Callable[[], Awaitable[Outcome]]) -> Outcome:
    """Do something, again when the fault is transient, as often as the policy allows."""
    outcome = await action()
    for _ in range(case.policy.limits.tries - 1):
        passing = is_transient(outcome.fault_code) or outcome.fault_code in case.busy_faults
        if outcome.ok or outcome.silent or not passing:
            break
        await case.sleep(case.policy.timers.retry, because=f"{what}: fault {outcome.fault_code} may pass")
        outcome = await action()
    demand(outcome, what)
    return outcome


async def download_image(case: CaseApi) -> None:
    """Have the device load the approved software image, and see that it runs (S1 L42)."""
    image = await case.approved_image()
    if image is None:
        raise StepFailed("no software image is approved for this product class; see: acs files approve")

    async def send() -> Outcome:
        return await case.download(image, because=f"to replace the software by {image['version']}")

    await tried(case, "Download", send)
    name = f"{case.root}DeviceInfo.SoftwareVersion"
    outcome, values = await case.get_values([name], because="does it run what it downloaded?")
    demand(outcome, "GetParameterValues")
    if values.get(name) != image["version"]:
        raise StepFailed(f"the device runs {values.get(name)!r}, not {image['version']!r}")


async def diagnostic_test(case: CaseApi, *, because: str) -> Report | None:
    """Run the device's self test and return its report; None when it has none to offer (S1 L28)."""
    state = f"{case.root}SelfTestDiagnostics.DiagnosticsState"
    request = m.ParameterValue(state, "Requested")
    outcome = await case.set_values([request], because=because)
    codes = {each.code for each in outcome.parameter_faults} | {outcome.fault_code}
    if codes & _NO_SUCH_PARAMETER:
        await case.note("the device has no self test")
        return None
    demand(outcome, "the diagnostic test")
    timeout = case.policy.timers.diagnostic
    if not await case.wait_for(DIAGNOSTICS_COMPLETE, because="the test takes a while", timeout=timeout):
        raise NoCommunication("the diagnostic test did not end in time")
    results = f"{case.root}SelfTestDiagnostics.Results"
    outcome, values = await case.get_values([state, results], because="to read the report")
    demand(outcome, "the diagnostic report")
    if values.get(state) != "Complete":
        return Report()
    report = parse_report(values.get(results, ""))
    await case.note(f"report: {values.get(results, '')[:200]}")
    return report


async def verify(case: CaseApi) -> None:
    """See that the cause is gone: the self test finds nothing and the device ends its alarm (S1 L10)."""
    report = await diagnostic_test(case, because="to verify the remediation")
    if report is not None and not report.clean:
        failed = [name for name, verdict in report.results.items() if verdict == "FAIL"]
        raise StepFailed(f"the diagnostic test still fails: {', '.join(failed) or 'no usable report'}")
    if any(each["like"] and not each["vanished"] for each in await case.open_alarms()):
        timeout = case.policy.timers.verify
        await case.wait_for(ALARM_CLEARED, because="the device should clear its alarm", timeout=timeout)
    await clear_vanished(case)


async def clear_vanished(case: CaseApi) -> None:
    """Clear the alarms that vanished in a reboot, now that the self test finds nothing any more.

    Raises ``StepFailed`` while the device itself still reports an alarm of this case's kind.
    """
    alarms = await case.open_alarms()
    if any(each["like"] and not each["vanished"] for each in alarms):
        raise StepFailed("the device still reports the alarm")
    vanished = [each["id"] for each in alarms if each["vanished"]]
    if vanished:
        await case.clear_alarms(vanished, because="the self test finds nothing any more")
