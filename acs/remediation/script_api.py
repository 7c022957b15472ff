"""What playbooks of operators need beside the RPCs: clock and chance, persons, branches, other devices."""

from __future__ import annotations

import inspect
import random
import re
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select

from acs import alarms as al
from acs import devices as dev
from acs.errors import AcsError
from acs.remediation.cases import Step
from acs.remediation.playbooks.extended import Pending, extended_remediation, failed_remediation
from acs.remediation.playbooks.parts import NoCommunication, Result, StepFailed
from acs.remediation.replay import Ask, Fork
from acs.remediation.scripts import Script, keep_source, request_run
from acs.remediation.scripts.library import PREFIX
from acs.remediation.scripts.load import where
from acs.remediation.scripts.runs import device_keys, runs_of, withdraw_runs
from acs.remediation.steps import (
    APPROVAL,
    INSTRUCTIONS_AWAITED,
    Started,
    StepContext,
    approval_step,
    duration,
    immediate_step,
)
from acs.store.tables import device_tags, devices

__all__ = [
    "BY_PERSONS",
    "RUNS",
    "Approval",
    "Cleared",
    "ScriptCalls",
    "group_result",
    "operated",
]

BY_PERSONS = (APPROVAL, *INSTRUCTIONS_AWAITED)
"""Events that only a person can bring."""
RUNS = "runs"
"""The event of a step that waits for runs on other devices."""
_MAX_GROUP = 10_000
_OUTCOME = re.compile(r"[A-Z][A-Z_]{0,31}")


@dataclass(frozen=True, slots=True)
class Approval:
    """What a person said: true where it was granted."""

    granted: bool
    who: str = ""
    why: str = ""

    def __bool__(self) -> bool:
        """Whether it was granted."""
        return self.granted


@dataclass(frozen=True, slots=True)
class Cleared:
    """The clearing of a security alarm; "" fits every one. Canonical spelling."""

    specific_problem: str = ""
    probable_cause: str = ""
    event_type: str = ""

    @property
    def event(self) -> str:
        """What the step waits for."""
        return f"{_CLEARED}{self.event_type}/{self.probable_cause}/{self.specific_problem}"

    @classmethod
    def parse(cls, event: str) -> Cleared | None:
        """Read ``event`` again; None for another."""
        if not event.startswith(_CLEARED):
            return None
        kind, cause, problem = event[len(_CLEARED) :].split("/", 2)
        return cls(problem, cause, kind)

    def fits(self, alarm: al.Alarm) -> bool:
        """Whether this alarm is meant."""
        pairs = (
            (self.event_type, alarm.event_type),
            (self.probable_cause, alarm.probable_cause),
            (self.specific_problem, alarm.specific_problem),
        )
        return all(mine in ("", its) for mine, its in pairs)


_CLEARED = "alarm cleared: "


class ScriptCalls:
    """Everything here tells the same at each replay."""

    def __init__(
        self,
        *,
        facts: Mapping[str, Any],
        started: float,
        case_id: int,
        find: Callable[[str, str], Callable[[Any], Coroutine[Any, Any, Any]]],
    ) -> None:
        self.facts = facts
        self.case_id = case_id
        self._find = find
        self._started = started
        self._branch = ""
        self._at: dict[str, float] = {}
        self._chance: dict[str, random.Random] = {}

    def resumed(self, branch: str, at: float) -> None:
        """Take note which branch goes on, and when its last step was done."""
        self._branch = branch
        if at:
            self._at[branch] = at

    # --- clock and chance -----------------------------------------------------------------

    @property
    def now(self) -> float:
        """The time (seconds since the epoch) at which the last step was done."""
        branch = self._branch
        while branch and branch not in self._at:
            branch = branch.rpartition("/")[0]
        return self._at.get(branch, self._started)

    @property
    def utc(self) -> datetime:
        """``now`` as a date and time in UTC."""
        return datetime.fromtimestamp(self.now, UTC)

    @property
    def random(self) -> random.Random:
        """Chance that falls the same way at each replay; no secret should be made of it."""
        seed = f"{self.facts.get('seed', '')}/{self.case_id}/{self._branch}"
        return self._chance.setdefault(self._branch, random.Random(seed))  # noqa: S311 - must be repeatable

    def uuid(self) -> UUID:
        """Return a random UUID that is the same at each replay."""
        return UUID(int=self.random.getrandbits(128), version=4)

    # --- waiting --------------------------------------------------------------------------

    async def approve(self, question: str, *, because: str, timeout: float | None = None) -> Approval:
        """Wait for ``acs cases approve`` or ``deny``; it is not granted after ``timeout`` seconds."""
        said = await approval_step(question, because=because, timeout=timeout)
        if not said:
            return Approval(False, "", "nobody answered in time")
        return Approval(said["action"] == "APPROVE", said["who"], said["why"])

    async def wait_for_cleared(self, alarm: Cleared, *, because: str, timeout: float) -> bool:
        """Wait until no such security alarm is active; False when one still is after ``timeout`` seconds."""

        def begin(context: StepContext) -> Started:
            active = al.active_alarms(context.conn, context.device.id)
            if not any(each.security and alarm.fits(each) for each in active):
                return Started(done=True, result=True)
            deadline = context.now + duration(timeout, "timeout")
            return Started(done=False, event=alarm.event, deadline=deadline)

        return bool(await Ask("wait for alarm cleared", because, begin, alarm.event[len(_CLEARED) :]))

    async def parallel(self, *coroutines: Coroutine[Any, Any, Any]) -> list[Any]:
        """Run several coroutines over this case at once; return their results in order.

        All are waited for; then the first error of one, if there was one, is raised.
        """
        wrong = [each for each in coroutines if not inspect.iscoroutine(each)]
        if wrong:
            for each in coroutines:
                for one in each if isinstance(each, list | tuple) else (each,):
                    if inspect.iscoroutine(one):
                        one.close()
            raise AcsError(
                f"parallel was given {wrong[0]!r:.60}, which is no call to wait for; write"
                " case.parallel(a(case), b(case)) without await before each, and *several for a list of them"
            )
        return await Fork(coroutines)

    # --- the device and others ------------------------------------------------------------

    async def device(self) -> dict[str, Any]:
        """Return what the HeMS knows: device_key, product_class, software_version, groups, site."""

        def read(context: StepContext) -> Any:
            device = context.device
            return {
                "device_key": device.device_key,
                "product_class": device.product_class,
                "software_version": device.software_version,
                "groups": list(dev.groups_of(context.conn, device.id)),
                "site": dev.site_of(context.conn, device.id),
            }

        result: dict[str, Any] = await immediate_step("device", read, because="what is it?")
        return result

    async def devices_of(self, group: str) -> list[str]:
        """Return the keys of the devices of a group, in order of their keys."""

        def read(context: StepContext) -> Any:
            query = (
                select(devices.c.device_key)
                .join(device_tags, device_tags.c.device_id == devices.c.id)
                .where(device_tags.c.kind == "group", device_tags.c.name == group)
                .order_by(devices.c.device_key)
                .limit(_MAX_GROUP)
            )
            return list(context.conn.execute(query).scalars())

        result: list[str] = await immediate_step("devices", read, because="who belongs to it?", detail=group)
        return result

    async def group(
        self,
        device_keys: Iterable[str],
        playbook: str,
        *,
        because: str,
        at_once: int = 5,
        timeout: float = 86400,
    ) -> dict[str, str]:
        """Run another playbook on many devices, ``at_once`` at a time; return the outcomes by device key.

        Each device gets a case of its own, begun when it has no other open. After ``timeout`` seconds those
        that have not begun are withdrawn; the outcome of those that have not ended is ``TIMEOUT``.
        """
        keys = list(dict.fromkeys(device_keys))

        def begin(context: StepContext) -> Started:
            if not keys:
                return Started(done=True, result={})
            _start_runs(context, keys, playbook, because=because, at_once=at_once)
            return Started(done=False, event=RUNS, deadline=context.now + duration(timeout, "timeout"))

        detail = f"{playbook} on {len(keys)} devices, {at_once} at once"
        result: dict[str, str] = await Ask("group", because, begin, detail)
        return result

    async def play(self, name: str, *, because: str) -> Any:
        """Run another playbook of the operators as a part of this case; return what it returns.

        Raises ``StepFailed`` where there is none of this name that can be used.
        """

        def pin(context: StepContext) -> Any:
            try:
                script = context.env.library.get(name)
            except AcsError as error:
                return {"missing": str(error)}
            keep_source(context.conn, script, now=context.now)
            return {"version": script.version}

        found: dict[str, str] = await immediate_step("playbook", pin, because=because, detail=name)
        if "missing" in found:
            raise StepFailed(found["missing"])
        return await self._find(name, found["version"])(self)


def _start_runs(context: StepContext, keys: list[str], playbook: str, *, because: str, at_once: int) -> None:
    script = context.env.library.get(playbook)
    if len(keys) > _MAX_GROUP:
        raise AcsError(f"the group has {len(keys)} devices; {_MAX_GROUP} are allowed")
    if at_once < 1:
        raise AcsError(f"at_once is {at_once}; 1 or more is needed")
    for number, key in enumerate(keys):
        device = dev.find(context.conn, key)
        if device is None:
            raise AcsError(f"there is no device {key!r}, which the group names")
        if device.id == context.case.device_id:
            raise AcsError("the group names the device of this case itself, which would wait for itself")
        request_run(
            context.conn,
            device.id,
            script,
            who=f"case {context.case.id}",
            why=because,
            parent=(context.case.id, context.seq),
            held=number >= at_once,
            now=context.now,
        )


def group_result(conn: Connection, step: Step, *, now: float) -> dict[str, str] | None:
    """Return the outcomes of the runs that a step waits for; None while it has to go on waiting."""
    runs = runs_of(conn, step.case_id, step.seq)
    late = step.deadline is not None and step.deadline <= now
    if not late and any(each.state != "ended" for each in runs):
        return None
    if late:
        withdraw_runs(conn, step.case_id, step.seq)
    keys = device_keys(conn, [each.device_id for each in runs])
    return {
        keys[each.device_id]: each.outcome if each.state == "ended" else "TIMEOUT"
        for each in runs
        if each.device_id in keys
    }


def operated(script: Script) -> Callable[[Any], Coroutine[Any, Any, Result]]:
    """Return an operator's playbook as the cases know playbooks: it ends with a ``Result``."""

    async def playbook(case: Any) -> Result:
        try:
            value = await script.function(case)
        except (StepFailed, NoCommunication) as failure:
            what, again = f"the playbook {script.name}", partial(playbook, case)
            at = where(failure)
            because = f"{at}: {failure}" if at else str(failure)
            if not str(case.procedure).startswith(PREFIX):
                return Result("FAILED", because)
            if isinstance(failure, NoCommunication):
                return await extended_remediation(case, Pending(what, "DX", again), because=because)
            # Its author decides how it escalates; the ladders of S1 L39 and L42 are not its own (S1 L97).
            return await failed_remediation(case, what, again, because=because)
        return _result(script, value)

    return playbook


def _result(script: Script, value: Any) -> Result:
    if value is None or isinstance(value, str):
        return Result("DONE", (value or f"the playbook {script.name} ended")[:500])
    if isinstance(value, Result) and _OUTCOME.fullmatch(value.outcome):
        return Result(value.outcome, str(value.because)[:500])
    line = script.function.__code__.co_firstlineno if inspect.isfunction(script.function) else 1
    raise AcsError(
        f"{script.bundle.entry}.py:{line}: {script.name} returned {value!r:.100}; a playbook returns nothing,"
        " a sentence, or a Result whose outcome is a word in capitals, for example Result('REMEDIATED', 'it"
        " answers again')"
    )
