"""What the ladders are made of: reconfigure, download, restart, test, verify.

Each part either succeeds or raises: ``StepFailed`` when the device answered and it did not work,
``NoCommunication`` when the device could not be reached or did not react in time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from acs import alarms as al
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
    "diagnostic_test",
    "differs",
    "download_image",
    "provision",
    "reconfigure",
    "restart",
    "verify",
]

ALARM_CLEARED = "alarm cleared"
"""What ``wait_for`` calls the clearing of an alarm of the case's kind."""
_ADMIN_STATE = ".AdminState"
_FIRST = ("ManagementServer.", "SecGW", ".IPsec.", ".Users.", ".SSH.", "Firewall", ".Security.", ".Time.")
_NO_SUCH_PARAMETER = frozenset({9005, 9000})


@dataclass(frozen=True, slots=True)
class Result:
    """How a playbook ended."""

    outcome: str
    because: str


class StepFailed(Exception):  # noqa: N818 - an outcome the ladder expects, not an error of the program
    """The device answered, and it did not work."""


class NoCommunication(Exception):  # noqa: N818 - as StepFailed
    """The device could not be reached, or did not react in time."""


def _demand(outcome: Outcome, what: str) -> None:
    if outcome.ok:
        return
    if outcome.silent:
        raise NoCommunication(f"{what}: the device did not react in time")
    faults = "; ".join(f"{each.parameter_name}: {each.code}" for each in outcome.parameter_faults[:3])
    text = f"fault {outcome.fault_code} {outcome.fault_string}".strip()
    raise StepFailed(f"{what}: {text}" + (f" ({faults})" if faults else ""))


async def _tried(case: CaseApi, what: str, action: Callable[[], Awaitable[Outcome]]) -> Outcome:
    """Do something, again when the fault is transient, as often as the policy allows."""
    outcome = await action()
    for _ in range(case.policy.limits.tries - 1):
        if outcome.ok or outcome.silent or not is_transient(outcome.fault_code):
            break
        await case.sleep(case.policy.timers.retry, because=f"{what}: fault {outcome.fault_code} may pass")
        outcome = await action()
    _demand(outcome, what)
    return outcome


def differs(wanted: m.ParameterValue, actual: str | None) -> bool:
    """Tell whether a value is not what it should be, whatever its spelling."""
    if actual is None:
        return True
    kind = wanted.type.rpartition(":")[2]
    if kind == "boolean":
        true = ("1", "true")
        return (wanted.value.strip().lower() in true) != (actual.strip().lower() in true)
    if kind in ("int", "unsignedInt", "long", "unsignedLong"):
        try:
            return int(wanted.value) != int(actual)
        except ValueError:
            return True
    return wanted.value != actual


def _order(values: list[m.ParameterValue]) -> list[list[m.ParameterValue]]:
    """Return the batches in which to set ``values``: security first, AdminState alone and last (S1 L39)."""
    last = [each for each in values if each.name.endswith(_ADMIN_STATE)]
    rest = [each for each in values if not each.name.endswith(_ADMIN_STATE)]
    first = [each for each in rest if any(word in each.name for word in _FIRST)]
    others = [each for each in rest if each not in first]
    return [batch for batch in (first, others, last) if batch]


async def reconfigure(case: CaseApi) -> None:
    """Set what differs from the golden configuration and read it back (S1 L39)."""
    golden = await case.golden()
    if not golden:
        await case.note("no golden configuration is declared for this device; nothing to compare")
        return
    wrong = await _difference(case, golden, "where does the device differ from its golden configuration?")
    if not wrong:
        await case.note("the configuration is as it should be")
        return
    for batch in _order(wrong):

        async def send(batch: list[m.ParameterValue] = batch) -> Outcome:
            return await case.set_values(batch, because="to restore the golden configuration")

        await _tried(case, "SetParameterValues", send)
    left = await _difference(case, wrong, "did it stick?")
    if left:
        raise StepFailed(f"the configuration does not stick: {', '.join(each.name for each in left[:3])}")


async def _difference(case: CaseApi, wanted: list[m.ParameterValue], because: str) -> list[m.ParameterValue]:
    outcome, values = await case.get_values([each.name for each in wanted], because=because)
    _demand(outcome, "GetParameterValues")
    return [each for each in wanted if differs(each, values.get(each.name))]


async def restart(case: CaseApi, rung: str, *, because: str) -> None:
    """Reboot, or reset to factory defaults and provision again (S1 L39, L42)."""
    if rung == "factory_reset":
        outcome = await case.factory_reset(because=because)
        _demand(outcome, "FactoryReset")
        await provision(case)
    else:
        _demand(await case.reboot(because=because), "Reboot")


async def download_image(case: CaseApi) -> None:
    """Have the device load the approved software image, and see that it runs (S1 L42)."""
    image = await case.approved_image()
    if image is None:
        raise StepFailed("no software image is approved for this product class; see: acs files approve")

    async def send() -> Outcome:
        return await case.download(image, because=f"to replace the software by {image['version']}")

    await _tried(case, "Download", send)
    name = f"{case.root}DeviceInfo.SoftwareVersion"
    outcome, values = await case.get_values([name], because="does it run what it downloaded?")
    _demand(outcome, "GetParameterValues")
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
    _demand(outcome, "the diagnostic test")
    timeout = case.policy.timers.diagnostic
    if not await case.wait_for(DIAGNOSTICS_COMPLETE, because="the test takes a while", timeout=timeout):
        raise NoCommunication("the diagnostic test did not end in time")
    results = f"{case.root}SelfTestDiagnostics.Results"
    outcome, values = await case.get_values([state, results], because="to read the report")
    _demand(outcome, "the diagnostic report")
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


async def provision(case: CaseApi) -> None:
    """Make security alarms arrive at once, then apply the golden configuration (S1 L24)."""
    await _provision_alarms(case)
    await _provision_management_server(case)
    await reconfigure(case)
    await case.mark_provisioned()


def _hear(outcome: Outcome) -> Outcome:
    if outcome.silent:
        raise NoCommunication("provisioning: the device did not react in time")
    return outcome


async def _provision_alarms(case: CaseApi) -> None:
    for base in al.fault_management_paths(case.root):
        outcome, values = await case.get_values(
            [f"{base}SupportedAlarm."], because="which alarms can the device report?"
        )
        if _hear(outcome).ok:
            break
    else:
        await case.note("the device has no FaultMgmt; its alarms can't be made expedited")
        return
    await case.fault_management_at(base)
    supported = [m.ParameterValue(name, value) for name, value in values.items()]
    for mechanism in (al.EXPEDITED, al.QUEUED):
        request = al.reporting_request(supported, mechanism=mechanism, parameter_key="")
        if request is None:
            break
        because = f"security alarms are to be reported as {mechanism!r}"
        if _hear(await case.set_values(request.parameters, because=because)).ok:
            break
    because = "new alarm events are to be notified"
    _hear(await case.set_attributes(al.notification_request(base), because=because))


async def _provision_management_server(case: CaseApi) -> None:
    base = f"{case.root}ManagementServer."
    interval = str(case.policy.provisioning.periodic_inform_interval)
    values = [
        m.ParameterValue(f"{base}PeriodicInformEnable", "1", "xsd:boolean"),
        m.ParameterValue(f"{base}PeriodicInformInterval", interval, "xsd:unsignedInt"),
        m.ParameterValue(f"{base}ConnectionRequestUsername", "acs"),
        m.ParameterValue(f"{base}ConnectionRequestPassword", m.CONNECTION_REQUEST_PASSWORD),
    ]
    outcome = await case.set_values(values, because="to be called and to hear from the device regularly")
    _demand(outcome, "provisioning of ManagementServer")
    throttle = m.ParameterValue(f"{base}DefaultActiveNotificationThrottle", "0", "xsd:unsignedInt")
    _hear(await case.set_values([throttle], because="expedited alarms must not be delayed"))
    if case.policy.provisioning.stun_server:
        host, _, port = case.policy.provisioning.stun_server.rpartition(":")
        stun = [
            m.ParameterValue(f"{base}STUNServerAddress", host.strip("[]")),
            m.ParameterValue(f"{base}STUNServerPort", port, "xsd:unsignedInt"),
            m.ParameterValue(f"{base}STUNUsername", m.DEVICE_KEY),
            m.ParameterValue(f"{base}STUNPassword", m.STUN_PASSWORD),
            m.ParameterValue(f"{base}STUNEnable", "1", "xsd:boolean"),
        ]
        _hear(await case.set_values(stun, because="to be called through a NAT"))
