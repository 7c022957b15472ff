"""Bring a device to its declared state: read, plan, send, read back (S1 L39)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from acs.cwmp import messages as m
from acs.declared import AddObject, DeleteObject, Plan, PlannedValue, SetValues
from acs.declared.plan import Step, labels_of, new_row
from acs.remediation.playbooks.parts import NoCommunication, Result, StepFailed, demand, tried
from acs.remediation.playbooks.radiating import may_radiate

if TYPE_CHECKING:
    from acs.devices import Declared
    from acs.remediation.case_api import CaseApi
    from acs.remediation.steps import Outcome

__all__ = ["configuration", "reconfigure"]

_ABSENT = frozenset({9005})
_SHOWN = 3  # of what is wrong, in one sentence
_DEFERRED = "; it answered Status 1, so it may want a reboot first: see status_1_means_reboot of profiles"
_MOST_READS = 64  # requests in search of what a device does not know


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
    state, absent = await _read(case, declared, "where does the device differ from its declared state?")
    if absent:
        declared = await _without(case, declared, absent, watchful=watchful)
    plan = declared.plan(state)
    withheld = plan.unlocks(declared.rules) and not await may_radiate(case)
    if withheld:
        plan = plan.kept_locked(declared.rules)
    if not plan.steps:
        await case.note("the configuration is as it should be")
        return 0
    if watchful:
        await _refuse_fights(case, plan)
    deferred = await _send(case, declared, plan)
    state, _ = await _read(case, declared, "did it stick?")
    left = declared.plan(state)
    wrong = _unlike(left.kept_locked(declared.rules) if withheld else left)
    if wrong:
        why = _DEFERRED if deferred else ""
        raise StepFailed(f"the configuration does not stick: {', '.join(wrong[:_SHOWN])}{why}")
    return len(plan.steps)


def _unlike(left: Plan) -> list[str]:
    """Return what a device that was configured is still not like; a secret can't be read."""
    wrong = [_differs(each) for each in left.values if not each.secret]
    wrong += [step.table for step in left.steps if isinstance(step, AddObject)]
    return wrong + [step.path for step in left.steps if isinstance(step, DeleteObject)]


def _differs(value: PlannedValue) -> str:
    has = "not told" if value.was is None else repr(value.was[:40])
    return f"{value.path} is {has}, not {value.value[:40]!r} ({value.because})"


async def _read(case: CaseApi, declared: Declared, because: str) -> tuple[dict[str, str], list[str]]:
    """Return what the device has of what is declared, and which of it the device does not know.

    A table that it does not know has no rows. Many devices refuse a whole request for one name and do not
    tell which: the request is halved until that is found.
    """
    state: dict[str, str] = {}
    absent: list[str] = []
    waiting = [declared.names] if declared.names else []
    asked = 0
    while waiting:
        names = waiting.pop(0)
        outcome, values = await case.get_values(names, because=because)
        asked += 1
        if outcome.fault_code not in _ABSENT or asked > _MOST_READS:
            demand(outcome, "GetParameterValues")
            state.update(values)
        elif len(names) == 1:
            absent += names
        else:
            waiting[:0] = [names[: len(names) // 2], names[len(names) // 2 :]]
    for table in declared.tables:
        outcome, rows = await case.get_values([table], because=because)
        if outcome.fault_code not in _ABSENT:
            demand(outcome, f"GetParameterValues of {table}")
        state.update(rows)
    return state, absent


async def _without(case: CaseApi, declared: Declared, absent: list[str], *, watchful: bool) -> Declared:
    """Return what is declared without parameters that the device does not know; refuse where that is wrong.

    A declaration too many is a mistake of ours, and must not drive a device up its ladder. A device that had
    a parameter and denies it now is another matter.
    """
    mine = [each for each in declared.wanted.values if each.path in absent]
    told = "; ".join(f"the device has no {each.path}, declared by {each.layer}" for each in mine[:_SHOWN])
    lost = [] if watchful else await case.told_before(absent)
    if lost:
        raise StepFailed(f"the device no longer has {', '.join(lost[:_SHOWN])}")
    if watchful:
        raise StepFailed(f"{told}; take it out of there, or see what the device has: acs devices discover")
    await case.note(told)
    kept = tuple(each for each in declared.wanted.values if each.path not in absent)
    return msgspec.structs.replace(declared, wanted=msgspec.structs.replace(declared.wanted, values=kept))


async def _refuse_fights(case: CaseApi, plan: Plan) -> None:
    planned = [
        (each.path, each.value, each.was, each.because)
        for each in plan.values
        if not each.secret and "<" not in each.path
    ]
    fights = await case.fighting(planned)
    if fights:
        raise StepFailed("; ".join(fights[:_SHOWN]))


async def _send(case: CaseApi, declared: Declared, plan: Plan) -> bool:
    """Send the requests of a plan, and remember what was set; tell whether the device put it off (Status 1).

    A new row that can't be filled is deleted again, or every attempt would leave another one behind.
    """
    added: dict[int, tuple[str, int]] = {}
    deferred = False
    for done, step in enumerate(plan.steps):
        try:
            outcome = await _send_one(case, declared, step, added)
        except StepFailed:
            for label in sorted(labels_of(plan.steps[done:]) & added.keys()):
                table, number = added[label]
                await case.delete_object(f"{table}{number}.", because="the new row can't be filled")
            raise
        deferred = deferred or getattr(outcome.answer, "status", 0) == 1
    if deferred and declared.reboots:
        demand(await case.reboot(because="the device applies what was set when it boots"), "Reboot")
        return False
    return deferred


async def _send_one(
    case: CaseApi, declared: Declared, step: Step, added: dict[int, tuple[str, int]]
) -> Outcome:
    """Send one request of a plan; a row that it adds is entered in ``added``, by its label."""
    match step:
        case DeleteObject(path, because):
            outcome = await case.delete_object(path, because=because)
            demand(outcome, f"DeleteObject {path}")
        case AddObject(table, label, because):
            outcome, number = await case.add_object(table, because=because)
            demand(outcome, f"AddObject {table}")
            assert number is not None
            added[label] = (table, number)
        case SetValues(values):
            instances = {label: number for label, (_, number) in added.items()}
            outcome = await _set(case, declared, values, instances)
    return outcome


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

    try:
        outcome = await tried(case, "SetParameterValues", send)
    except StepFailed as failure:
        refused = [
            each.because for sent, each in zip(batch, values, strict=True) if sent.name in failure.parameters
        ]
        by = f"; declared by {', '.join(dict.fromkeys(refused[:_SHOWN]))}" if refused else ""
        raise StepFailed(f"{failure}{by}", failure.parameters) from failure
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
