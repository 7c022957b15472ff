"""First contact, and after a factory reset or new software: make the HeNB ready (S1 L24)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acs import alarms as al
from acs.cwmp import messages as m
from acs.remediation.playbooks.configure import reconfigure
from acs.remediation.playbooks.parts import NoCommunication, Result, StepFailed, demand

if TYPE_CHECKING:
    from acs.devices import Declared
    from acs.remediation.case_api import CaseApi
    from acs.remediation.steps import Outcome

__all__ = ["apply", "provision", "provisioning", "restart", "take_hold"]


async def provisioning(case: CaseApi) -> Result:
    """Provision FaultMgmt and ManagementServer, apply the declared state."""
    try:
        await provision(case, watchful=True)
    except (StepFailed, NoCommunication) as failure:
        return Result("FAILED", str(failure))
    return Result("PROVISIONED", case.because)


async def restart(case: CaseApi, rung: str, *, because: str) -> None:
    """Reboot, reset to factory defaults and provision again (S1 L39, L42), or do what an operator wrote."""
    if rung.startswith("playbook:"):
        await case.play(rung.removeprefix("playbook:"), because=because)
    elif rung == "factory_reset":
        outcome = await case.factory_reset(because=because)
        demand(outcome, "FactoryReset")
        await provision(case)
    else:
        demand(await case.reboot(because=because), "Reboot")


async def provision(case: CaseApi, *, watchful: bool = False) -> None:
    """Take hold of the device, then apply the declared state (S1 L24)."""
    await apply(case, await take_hold(case), watchful=watchful)


async def take_hold(case: CaseApi) -> Declared:
    """Make alarms arrive at once, and have the device called with its own secrets; return what is declared.

    One that was reset does neither: it has the credentials that it left its factory with.
    """
    await _hear_alarms(case)
    declared = await case.declared()
    await _provision_management_server(case, declared)
    return declared


async def apply(case: CaseApi, declared: Declared, *, watchful: bool = False) -> None:
    """Apply the declared state to a device that is taken hold of."""
    await reconfigure(case, declared, watchful=watchful)
    await case.mark_provisioned()


def _hear(outcome: Outcome) -> Outcome:
    if outcome.silent:
        raise NoCommunication("provisioning: the device did not react in time")
    return outcome


async def _hear_alarms(case: CaseApi) -> None:
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


async def _provision_management_server(case: CaseApi, declared: Declared) -> None:
    """Set what the policy says of being called; where something is declared of it, that is left to decide."""
    base = f"{case.root}ManagementServer."
    interval = str(case.policy.provisioning.periodic_inform_interval)
    values = [
        m.ParameterValue(f"{base}PeriodicInformEnable", "1", "xsd:boolean"),
        m.ParameterValue(f"{base}PeriodicInformInterval", interval, "xsd:unsignedInt"),
        m.ParameterValue(f"{base}ConnectionRequestUsername", "acs"),
        m.ParameterValue(f"{base}ConnectionRequestPassword", m.CONNECTION_REQUEST_PASSWORD),
    ]
    values = [each for each in values if declared.wanted.value(each.name) is None]
    outcome = await case.set_values(values, because="to be called and to hear from the device regularly")
    demand(outcome, "provisioning of ManagementServer")
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
