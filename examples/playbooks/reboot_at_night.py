"""Reboots happen between two and four at night."""

from acs.playbook import Case, Result, demand, playbook

FROM, TO = 2, 4  # hours, UTC


async def until_night(case: Case) -> None:
    """Sleep until the night begins, unless it is night."""
    now = case.utc  # the time of the last step: a replay sees the same
    if FROM <= now.hour < TO:
        return
    hours = (FROM - now.hour) % 24
    await case.sleep(hours * 3600 - now.minute * 60 - now.second, because="nobody should be cut off by day")


@playbook
async def reboot_at_night(case: Case) -> Result:
    """Wait for the night, reboot, see that it comes back with the software it had."""
    name = f"{case.root}DeviceInfo.SoftwareVersion"
    _, before = await case.get_values([name], because="what does it run?")
    await until_night(case)
    demand(await case.reboot(because="it was asked for by day"), "Reboot")
    _, after = await case.get_values([name], because="did it come back as it was?")
    if before.get(name) != after.get(name):
        await case.notify("other software after the reboot", because=f"{before} became {after}")
    return Result("REBOOTED", f"at {case.utc:%H:%M} UTC it came back with {after.get(name)}")
