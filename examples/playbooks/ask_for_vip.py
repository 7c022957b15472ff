"""A VIP's cell is not touched before somebody has agreed."""

from acs.playbook import Case, Result, demand, playbook, reconfigure, verify


@playbook
async def ask_for_vip(case: Case) -> Result:
    """Ask where the device is in the group vip, then reboot, reconfigure and verify.

    As a procedure of the policy: `procedure: "playbook:ask_for_vip"`.
    """
    device = await case.device()
    if "vip" in device["groups"]:
        question = f"may {device['device_key']} at {device['site'] or 'an unknown site'} be rebooted?"
        said = await case.approve(question, because="it is a VIP's cell", timeout=4 * 3600)
        if not said:
            await case.notify("a VIP's cell was left alone", because=said.why)
            return Result("LEFT_ALONE", said.why)
    demand(await case.reboot(because=case.because), "Reboot")
    await reconfigure(case)
    await verify(case)
    return Result("REMEDIATED", "rebooted, reconfigured and verified")
