"""A new setting goes to one device of a group first, then to the others, a few at a time."""

from acs.playbook import Case, ParameterValue, Result, demand, playbook

GROUP = "stadium"
INTERVAL = "ManagementServer.PeriodicInformInterval"
VALUE = "600"


@playbook
async def set_interval(case: Case) -> Result:
    """Set the interval on one device, and see that it keeps it."""
    name = f"{case.root}{INTERVAL}"
    value = ParameterValue(name, VALUE, "xsd:unsignedInt")
    demand(await case.set_values([value], because="the group is to report more often"), "SetParameterValues")
    if await case.wait_for_value(name, VALUE, because="does it keep it?", timeout=300):
        return Result("SET", f"{INTERVAL} is {VALUE}")
    return Result("FAILED", f"{INTERVAL} did not stay {VALUE}")


@playbook
async def canary(case: Case) -> Result:
    """Run on any device outside of the group: it leads the others."""
    found = await case.devices_of(GROUP)
    if not found:
        return Result("STOPPED", f"nobody is in the group {GROUP}; see: acs devices tag")
    first, *others = found
    outcomes = await case.group([first], "set_interval", because="the canary")
    if outcomes[first] != "SET":
        return Result("STOPPED", f"the canary {first} ended with {outcomes[first]}; no other was touched")
    await case.sleep(1800, because="does the canary stay well?")
    if not await case.approve(f"{first} is well; go on with {len(others)} more?", because="canary first"):
        return Result("STOPPED", "somebody decided to stop after the canary")
    outcomes = await case.group(others, "set_interval", because="the canary stayed well", at_once=2)
    failed = [key for key, outcome in outcomes.items() if outcome != "SET"]
    if failed:
        return Result("INCOMPLETE", f"{len(failed)} of {len(others)} failed: {', '.join(failed[:5])}")
    return Result("COMPLETE", f"{len(others) + 1} devices have the new setting")
