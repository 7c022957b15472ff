"""New software goes to one device, then to ten, then to all the others; too many failures stop it."""

from acs.playbook import Case, Result, download_image, playbook, reconfigure

GROUP = "pilot"
WAVES = (1, 10)  # devices; what is left is the last wave
AT_ONCE = 5
TOLERATED = 0.1  # of a wave
SOAK = 6 * 3600  # seconds between two waves


@playbook
async def upgrade(case: Case) -> Result:
    """Give one device the approved software, unless it runs it."""
    image, device = await case.approved_image(), await case.device()
    if image is None:
        return Result("NO_IMAGE", "no software is approved for it; see: acs files approve")
    if device["software_version"] == image["version"]:
        return Result("UPGRADED", f"it runs {image['version']} already")
    await download_image(case)
    await reconfigure(case)
    return Result("UPGRADED", f"{device['software_version']} became {image['version']}")


@playbook
async def upgrade_in_waves(case: Case) -> Result:
    """Run on any device outside of the group: it leads the others."""
    left = await case.devices_of(GROUP)
    if not left:
        return Result("STOPPED", f"nobody is in the group {GROUP}; see: acs devices tag")
    total = len(left)
    for size in (*WAVES, total):
        wave, left = left[:size], left[size:]
        outcomes = await case.group(wave, "upgrade", because=f"a wave of {len(wave)}", at_once=AT_ONCE)
        failed = [key for key, outcome in outcomes.items() if outcome != "UPGRADED"]
        if len(failed) > TOLERATED * len(wave):
            why = f"{len(failed)} of {len(wave)} failed: {', '.join(failed[:5])}"
            await case.notify(f"the upgrade of {GROUP} has stopped; {len(left)} are left alone", because=why)
            return Result("STOPPED", why)
        if not left:
            break
        await case.sleep(SOAK, because="do they stay well?")
    return Result("COMPLETE", f"{total} devices have the approved software")
