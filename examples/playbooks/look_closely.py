"""Everything that can be had of a suspect device is fetched at once; then a person decides."""

from acs.playbook import Case, Result, diagnostic_test, download_image, playbook, reconfigure, verify

LOG, CONFIGURATION = "2 Vendor Log File", "1 Vendor Configuration File"
SHOWN = ("software.version", "device.uptime", "cell.op_state", "s1.mme")


async def fetched(case: Case, file_type: str) -> str:
    """Fetch a file; say what came of it."""
    outcome = await case.upload(file_type, because="for those who decide", timeout=600)
    return "fetched" if outcome.ok else f"not to be had (fault {outcome.fault_code})"


async def facts(case: Case) -> str:
    """Read what tells most."""
    _, values = await case.get_canonical(SHOWN, because="for those who decide")
    return ", ".join(f"{name} {value}" for name, value in values.items())


async def tested(case: Case) -> str:
    """Have it test itself."""
    report = await diagnostic_test(case, because="what does it say of itself?")
    if report is None:
        return "it has no self test"
    failed = [name for name, verdict in report.results.items() if verdict == "FAIL"]
    return f"the self test finds {', '.join(failed)}" if failed else "the self test finds nothing"


@playbook
async def look_closely(case: Case) -> Result:
    """Fetch logs, configuration, facts and a self test; reload the software where a person says so."""
    log, configuration, known, found = await case.parallel(
        fetched(case, LOG), fetched(case, CONFIGURATION), facts(case), tested(case)
    )
    await case.note(f"log {log}; configuration {configuration}; {known}")
    said = await case.approve(f"{found}; reload its software?", because=case.because, timeout=86400)
    if not said:
        return Result("LOOKED_AT", said.why)
    await download_image(case)
    await reconfigure(case)
    await verify(case)
    return Result("REMEDIATED", f"{said.who} had its software reloaded: {said.why}")
