"""Trying playbooks: a HeMS and simulated HeNBs, scenarios as data, days in milliseconds.

::

    lab = Lab(Path("playbooks/restart.py"))
    tried = lab.play("restart", answers=["APPROVE"])
    assert tried.outcome == "RESTARTED"
    assert "Reboot" in tried.steps
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml

from acs import devices as dev
from acs import remediation as rm
from acs.documents import read_yaml
from acs.errors import AcsError
from acs.lab.timeline import timeline
from acs.lab.world import POLICY, START, World
from acs.remediation.steps import APPROVAL
from acs.simulator import Fault
from acs.simulator.scenario import FaultEntry, check_faults
from acs.simulator.tamper import TAMPERS, parse_until

__all__ = ["Lab", "Scenario", "Tried", "load_scenarios", "try_scenario"]

Answer = Literal["APPROVE", "DENY"]
_ANSWER_AFTER = 60.0  # seconds that the operator of a lab takes to think
_HOUR = 3600.0
_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a trial."""

    case: rm.Case
    journal: list[rm.Step] = field(repr=False)

    @property
    def outcome(self) -> str:
        """The outcome; "" where there is none."""
        return self.case.outcome or ""

    @property
    def because(self) -> str:
        """Why it ended so."""
        return self.case.because

    @property
    def steps(self) -> list[str]:
        """The names of the steps in order."""
        return [each.name for each in self.journal]

    @property
    def timeline(self) -> list[str]:
        """The story, a line a step."""
        return timeline(self.case, self.journal)


class Lab:
    """One HeNB, switched on and provisioned, and a HeMS that knows the playbooks of a file or folder.

    ``start``: seconds since the epoch; ``policy``: YAML; what else is given goes to ``World``, for example
    ``faults``. Raises ``AcsError`` where a file has a problem.
    """

    def __init__(self, path: Path | str, *, policy: str = POLICY, start: float = START, **world: Any) -> None:
        path = Path(path)
        if not path.exists():
            raise AcsError(f"there is no file {path}")
        library = rm.load_library(path if path.is_dir() else path.parent)
        self.names = sorted(
            name
            for name, script in library.scripts.items()
            if path.is_dir() or script.bundle.entry == path.stem
        )
        mine = [each for each in library.problems if path.is_dir() or each.startswith(f"{path.name}:")]
        if not mine and not self.names:  # those of the folder, or of what the file imports
            mine = list(library.problems)
        if mine:
            raise AcsError("; ".join(mine))
        self.world = World(policy=policy, start=start, library=library, **world)
        self.world.boot()

    def join(self, group: str, key: str = "") -> None:
        """Put a device into a group; the HeNB where no other is named."""
        with self.world.conn.begin():
            device = dev.find(self.world.conn, key or self.world.key)
            assert device is not None
            dev.add_group(self.world.conn, device.id, group)

    def play(
        self, name: str, *, answers: Sequence[Answer] = (), seconds: float = _DAY, why: str = "a trial"
    ) -> Tried:
        """Run a playbook as ``acs playbook run`` does; ``answers`` are given to what it asks, in order."""
        case = self.world.run_playbook(name, why=why)
        if case is None:
            raise AcsError("the device has an open case; the playbook waits for its end")
        return self._follow(case.id, answers, seconds)

    def tamper(
        self, name: str, *, until: str = "", answers: Sequence[Answer] = (), seconds: float = _DAY
    ) -> Tried:
        """Tamper with the HeNB and follow the case that its alarm opens."""
        before = len(self.world.cases())
        self.world.tamper(name, until=until, seconds=1)
        cases = self.world.cases()
        if len(cases) == before:
            raise AcsError(
                f"the alarm of {name} opened no case: the policy holds it, or another case is open"
            )
        return self._follow(cases[-1].id, answers, seconds)

    def _follow(self, case_id: int, answers: Sequence[Answer], seconds: float) -> Tried:
        end, left = self.world.now + seconds, list(answers)
        while True:
            case = self._case(case_id)
            if case.state == "closed" or self.world.now >= end:
                return Tried(case, self.world.journal(case))
            if left and self._asks(case):
                self.world.run(min(_ANSWER_AFTER, end - self.world.now))
                case = self._case(case_id)
                if self._asks(case):  # else it came too late
                    self.world.instruct(case, left.pop(0), "the trial says so")
            elif case.state == "waiting" and case.wake_at is None:
                return Tried(case, self.world.journal(case))
            else:
                wait = (case.wake_at or 0) - self.world.now  # nothing comes of the case itself before
                self.world.run(min(max(wait, _ANSWER_AFTER), _HOUR, end - self.world.now))

    def _asks(self, case: rm.Case) -> bool:
        return any(each.event == APPROVAL and not each.done for each in self.world.journal(case))

    def _case(self, case_id: int) -> rm.Case:
        found = self.world.look(rm.find_case, case_id)
        assert found is not None
        return found


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What has to come of it; ``steps`` in this order, others may stand between."""

    outcome: str
    steps: list[str] = []


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One trial. Either ``playbook`` is run, or ``tamper`` raises an alarm that the policy treats.

    ``start`` is in UTC where it names no zone; ``seconds`` is for how long it is followed.
    """

    name: str = "trial"
    playbook: str = ""
    tamper: str = ""
    until: str = ""
    start: datetime | None = None
    groups: list[str] = []
    others: dict[str, Annotated[int, msgspec.Meta(ge=1, le=1000)]] = {}
    """How many other HeNBs there are in each of these groups."""
    faults: list[FaultEntry] = []
    answers: list[Answer] = []
    policy: dict[str, Any] = {}
    """What it says beside the shipped policy."""
    seconds: Annotated[float, msgspec.Meta(gt=0)] = _DAY
    expect: Expected | None = None

    @property
    def policy_text(self) -> str:
        """The whole policy, as YAML."""
        return yaml.safe_dump({"extends": "default", "name": self.name, **self.policy})


def load_scenarios(path: Path) -> list[Scenario]:
    """Read a YAML file of one scenario or of a list. Raises ``AcsError`` naming file and place."""
    try:
        raw = read_yaml(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise AcsError(f"{path}: {error}") from error
    several = raw if isinstance(raw, list) else [raw]
    if not several:
        raise AcsError(f"{path}: there is no scenario in it")
    return [_scenario(each, f"{path}: scenario {number}") for number, each in enumerate(several, 1)]


def _scenario(raw: Any, where: str) -> Scenario:
    if isinstance(raw, dict) and raw.get("name"):
        where = f"{where}, {raw['name']!s:.80}"
    try:
        found = msgspec.convert(raw, Scenario)
    except msgspec.ValidationError as error:
        raise AcsError(f"{where}: {error}; a scenario has {', '.join(Scenario.__struct_fields__)}") from error
    if bool(found.playbook) == bool(found.tamper):
        raise AcsError(f"{where}: say either `playbook` or `tamper`")
    check_faults(found.faults, where)
    rm.parse_policy(found.policy_text, f"{where}: policy")
    if not found.tamper:
        return found
    if found.tamper not in TAMPERS:
        raise AcsError(f"{where}: tamper {found.tamper!r} is unknown; known are {', '.join(TAMPERS)}")
    try:
        parse_until(found.until, TAMPERS[found.tamper])
    except AcsError as error:
        raise AcsError(f"{where}: {error}") from error
    return found


def try_scenario(path: Path, scenario: Scenario) -> tuple[Tried, list[str]]:
    """Play a scenario with the playbooks of a file or folder; return it, and what was expected otherwise."""
    begins = scenario.start
    if begins is not None and begins.tzinfo is None:
        begins = begins.replace(tzinfo=UTC)
    start = begins.timestamp() if begins else START
    faults = [Fault(each.method, each.code, each.times, each.hang) for each in scenario.faults]
    lab = Lab(path, policy=scenario.policy_text, start=start)
    for group in scenario.groups:
        lab.join(group)
    for group, count in scenario.others.items():
        for number in range(1, count + 1):
            lab.join(group, lab.world.add(f"{group}-{number}").key)
    lab.world.run(60)
    lab.world.henb.faults.extend(faults)
    if scenario.playbook:
        tried = lab.play(scenario.playbook, answers=scenario.answers, seconds=scenario.seconds)
    else:
        tried = lab.tamper(
            scenario.tamper, until=scenario.until, answers=scenario.answers, seconds=scenario.seconds
        )
    return tried, _missed(scenario, tried)


def _missed(scenario: Scenario, tried: Tried) -> list[str]:
    expected = scenario.expect
    if expected is None:
        return []
    missed = []
    if tried.outcome != expected.outcome:
        missed.append(f"the outcome is {tried.outcome or 'none'}, not {expected.outcome}: {tried.because}")
    left = iter(tried.steps)
    absent = next((step for step in expected.steps if step not in left), None)
    if absent is not None:
        missed.append(f"the step {absent} did not come where it was expected")
    asked = sum(each.event == APPROVAL for each in tried.journal)
    if asked < len(scenario.answers):
        missed.append(f"it asked {asked} times, and there are {len(scenario.answers)} answers")
    return missed
