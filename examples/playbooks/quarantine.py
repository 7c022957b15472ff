"""An enclosure was opened: the cell is off the air until somebody has looked at it."""

from acs.playbook import Case, Result, demand, playbook, verify

WEEK = 7 * 86400
CELL = "cell.admin_state"


@playbook
async def quarantine(case: Case) -> Result:
    """Take the cell off the air and ask for a visit; after it test and go on the air again, else block.

    As a procedure of the policy: `procedure: "playbook:quarantine"`.
    """
    off = await case.set_canonical({CELL: "false"}, because="nobody knows who was at it")
    demand(off, "taking the cell off the air")
    await case.notify("the cell is off the air; please visit the site", because=case.because)
    said = await case.approve("is the enclosure intact?", because="only a visit tells", timeout=WEEK)
    if not said:
        await case.block(f"its enclosure was opened: {said.why}")
        await case.notify("the device is blocked in the HeMS", because=said.why)
        return Result("BLOCKED", said.why)
    closed = await case.set_canonical({"enclosure.tampered": "false"}, because=f"{said.who}: {said.why}")
    demand(closed, "noting that the enclosure is closed")
    await verify(case)
    on = await case.set_canonical({CELL: "true"}, because="it was visited, and its self test finds nothing")
    demand(on, "going on the air again")
    return Result("REMEDIATED", f"{said.who} has seen it: {said.why}")
