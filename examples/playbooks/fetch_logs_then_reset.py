"""Before a factory reset destroys them, the logs and the configuration are fetched."""

from acs.playbook import Case, Result, demand, playbook

CONFIGURATION, LOG = "1 Vendor Configuration File", "2 Vendor Log File"


@playbook
async def fetch_logs_then_reset(case: Case) -> Result:
    """Fetch log and configuration, then reset to factory defaults."""
    for file_type in (LOG, CONFIGURATION):
        outcome = await case.upload(file_type, because="a factory reset would destroy it")
        if not outcome.ok:
            await case.notify(f"{file_type} was not to be had", because=f"fault {outcome.fault_code}")
    demand(await case.factory_reset(because="to begin anew"), "FactoryReset")
    # The HeNB is provisioned again when this case has ended, as any HeNB that says "0 BOOTSTRAP".
    return Result("RESET", "logs were fetched, then it was reset to factory defaults")


@playbook
async def fetch_logs(case: Case) -> None:
    """Fetch the log; as a rung before `factory_reset`: `playbook:fetch_logs`."""
    await case.upload(LOG, because="the next rung may destroy it")
