"""Bring a device to its declared state: read, plan, send, read back (S1 L39)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acs.cwmp import messages as m
from acs.declared import AddObject, DeleteObject, Plan, PlannedValue, SetValues
from acs.declared.plan import new_row
from acs.remediation.playbooks.parts import NoCommunication, Result, StepFailed, demand, tried
from acs.remediation.playbooks.radiating import may_radiate

if TYPE_CHECKING:
    from acs.devices import Declared
    from acs.remediation.case_api import CaseApi
    from acs.remediation.steps import Outcome

__all__ = ["configuration", "reconfigure"]

_ABSENT = frozenset({9005})
_SHOWN = 3  # of what is wrong, in one sentence


async def configuration(case: CaseApi) -> Result:
    """Apply the declared state because somebody asked for it."""
    try:
        sent = await reconfigure(case, watchful=True)
    except (StepFailed, NoCommunication) as failure:
        return Result("FAILED", str(failure))
    return Result("CONFIGURED", f"{sent} requests were sent" if sent else "nothing had to be sent")


async def reconfigure(case: CaseApi, declared: Declared | None = None, *, watchful: bool = False) -> int:
    """Set what differs from the declared state and read it back; return how many requests that took.

    ``declared`` is what is declared, where that is known already. ``watchful``: refuse where anything of it
    is wrong, or a parameter does not stay however often it is set. A remediation is not: it restores what
    it can, and its ladder has an end of its own.
    """
    if declared is None:
        declared = await case.declared()
    if declared.empty:
        await case.note("nothing is declared for this device; nothing to compare")
        return 0
    if declared.wanted.problems:
        problems = f"the declared state is wrong: {'; '.join(declared.wanted.problems[:_SHOWN])}"
        if watchful:
            raise StepFailed(problems)
        # A mistake of ours must not drive a device up the ladder: what is right is restored.
        await case.note(problems)
    state = await _read(case, declared, "where does the device differ from its declared state?")
    plan = declared.plan(state)
    withheld = plan.unlocks(declared.rules) and not await may_radiate(case)
    if withheld:
        plan = plan.kept_locked(declared.rules)
    if not plan.steps:
        await case.note("the configuration is as it should be")
        return 0
    if watchful:
        await _refuse_fights(case, plan)
    await _send(case, declared, plan)
    left = declared.plan(await _read(case, declared, "did it stick?"))
    if withheld:
        left = left.kept_locked(declared.rules)
    wrong = [each.path for each in left.values if not each.secret]
    wrong += [step.table for step in left.steps if isinstance(step, AddObject)]
    wrong += [step.path for step in left.steps if isinstance(step, DeleteObject)]
    if wrong:
        raise StepFailed(f"the configuration does not stick: {', '.join(wrong[:_SHOWN])}")
    return len(plan.steps)


async def _read(case: CaseApi, declared: Declared, because: str) -> dict[str, str]:
    """Return what the device has of what is declared; a table that it does not know has no rows."""
    state: dict[str, str] = {}
    if declared.names:
        outcome, state = await case.get_values(declared.names, because=because)
        demand(outcome, "GetParameterValues")
    for table in declared.tables:
        outcome, rows = await case.get_values([table], because=because)
        if outcome.fault_code not in _ABSENT:
            demand(outcome, f"GetParameterValues of {table}")
        state.update(rows)
    return state


async def _refuse_fights(case: CaseApi, plan: Plan) -> None:
    planned = [
        (each.path, each.value, each.was, each.because)
        for each in plan.values
        if not each.secret and "<" not in each.path
    ]
    fights = await case.fighting(planned)
    if fights:
        raise StepFailed("; ".join(fights[:_SHOWN]))


async def _send(case: CaseApi, declared: Declared, plan: Plan) -> None:
    """Send the requests of a plan, and remember what was set."""
    instances: dict[int, int] = {}
    deferred = False
    for step in plan.steps:
        match step:
            case DeleteObject(path, because):
                outcome = await case.delete_object(path, because=because)
                demand(outcome, f"DeleteObject {path}")
            case AddObject(table, label, because):
                outcome, number = await case.add_object(table, because=because)
                demand(outcome, f"AddObject {table}")
                assert number is not None
                instances[label] = number
            case SetValues(values):
                outcome = await _set(case, declared, values, instances)
        deferred = deferred or getattr(outcome.answer, "status", 0) == 1
    if deferred and declared.reboots:
        demand(await case.reboot(because="the device applies what was set when it boots"), "Reboot")


async def _set(
    case: CaseApi, declared: Declared, values: tuple[PlannedValue, ...], instances: dict[int, int]
) -> Outcome:
    batch = [
        m.ParameterValue(
            new_row(each.path, instances),
            m.SECRET_PLACEHOLDER + each.secret if each.secret else each.value,
            each.type,
        )
        for each in values
    ]

    async def send() -> Outcome:
        return await case.set_values(batch, because=_reason(values))

    outcome = await tried(case, "SetParameterValues", send)
    versions = declared.secret_versions
    noted = [versions.get(each.secret, "") if each.secret else each.value for each in values]
    await case.note_writes(
        (sent.name, value, each.because, each.was)
        for sent, value, each in zip(batch, noted, values, strict=True)
    )
    return outcome


def _reason(values: tuple[PlannedValue, ...]) -> str:
    """Return which layers want it."""
    found = dict.fromkeys(each.because for each in values)
    told = "; ".join(list(found)[:_SHOWN])
    return f"declared: {told}" + (" …" if len(found) > _SHOWN else "")
