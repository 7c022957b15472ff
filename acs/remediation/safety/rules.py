"""Whether a disruptive step may begin, by what is known of the groups of its device. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from acs.cwmp import messages as m
from acs.remediation.safety.limits import KINDS, Canary, Safety, StopRule
from acs.remediation.safety.windows import opens_at, windows_for

__all__ = [
    "FLEET",
    "Go",
    "GroupState",
    "Hold",
    "Verdict",
    "closed",
    "disruptive",
    "ended",
    "groups_of_device",
    "in_order",
    "limit_of",
    "may_begin",
    "may_go_on",
    "stop_reason",
    "urgency",
    "verdict",
]

FLEET = "fleet"
Verdict = str
"""good, bad, or "" for what tells nothing about the procedure."""
_GOOD = frozenset({"REMEDIATED", "CONFIGURED", "PROVISIONED", "REACHED", "NOTIFIED", "DONE"})
_BAD = frozenset({"FAILED", "EXTENDED", "NO_COMMUNICATION"})
_URGENCY = {"CRITICAL": 0, "MAJOR": 1, "MINOR": 2, "INDETERMINATE": 2, "WARNING": 3}
_TEXT = 100  # characters of what a device says of itself, in the name of a group
_BUCKETS = 12  # of a stop rule's window
_WINDOW_LOOK = 3600.0  # a window is looked at again so often, since the policy may change meanwhile


@dataclass(frozen=True, slots=True)
class GroupState:
    """What is known of a group: ``running`` slots, ``size`` in devices, what became of its last cases.

    ``recent`` are triples of a time and how many ended good and bad since; ``succeeded`` counts successes
    in a row, up to ``succeeded_at``.
    """

    running: int = 0
    size: int = 0
    succeeded: int = 0
    succeeded_at: float = 0.0
    recent: tuple[tuple[float, int, int], ...] = ()
    paused: str = ""


@dataclass(frozen=True, slots=True)
class Go:
    """It may begin."""


@dataclass(frozen=True, slots=True)
class Hold:
    """It waits: why, for which group, and until when at least where that is known."""

    reason: str
    group: str
    until: float | None = field(default=None)


def disruptive(message: m.Message, rules: Safety) -> bool:
    """Tell whether a request takes a device out of service, or may."""
    if m.method_name(message) in rules.methods:
        return True
    if not isinstance(message, m.SetParameterValues):
        return False
    return any(fnmatchcase(each.name, pattern) for each in message.parameters for pattern in rules.parameters)


def urgency(severity: str | None) -> int:
    """Return the place of a case in the line, by the severity of its alarm; lower is first."""
    return _URGENCY.get(severity or "", 4)


def verdict(outcome: str | None) -> Verdict:
    """Return what an outcome tells about the procedure."""
    return "good" if outcome in _GOOD else "bad" if outcome in _BAD else ""


def limit_of(group: str, state: GroupState, rules: Safety, *, now: float) -> tuple[int, str] | None:
    """Return how many of a group may be at work at once, and why; None: as many as want."""
    kind = group.partition(":")[0]
    if kind == "kind":
        return _canaries(state, rules.canary, now=now)
    limit = rules.limits.get(group) or rules.limits.get(kind)
    if limit is None:
        return None
    found = []
    if limit.concurrent is not None:
        found.append((limit.concurrent, f"{limit.concurrent} at once are allowed"))
    if limit.percent is not None:
        share = int(state.size * limit.percent / 100)
        allowed = max(share, limit.at_least, 1)
        found.append(
            (allowed, f"{limit.percent:g} % of {state.size} devices, {allowed} at once, are allowed")
        )
    return min(found, default=None)


def _canaries(state: GroupState, canary: Canary, *, now: float) -> tuple[int, str] | None:
    done = state.succeeded if now < state.succeeded_at + canary.memory else 0
    if not canary.cases or done >= canary.cases:
        return None
    return canary.cases - done, f"the first {canary.cases} of a kind have to succeed first, {done} have"


def closed(group: str, state: GroupState, rules: Safety, *, now: float) -> bool:
    """Tell whether nobody of a group may begin, whatever else it is in."""
    limit = limit_of(group, state, rules, now=now)
    return bool(state.paused) or (limit is not None and state.running >= limit[0])


def may_begin(
    groups: Sequence[str], states: Mapping[str, GroupState], rules: Safety, now: float
) -> Go | Hold:
    """Decide about a case that has no slot; a group missing in ``states`` has nothing known about it."""
    held = may_go_on(groups, states, rules, now)
    if isinstance(held, Hold):
        return held
    for group in groups:
        state = states.get(group, GroupState())
        limit = limit_of(group, state, rules, now=now)
        if limit is not None and state.running >= limit[0]:
            return Hold(f"{state.running} of {group} are being treated already; {limit[1]}", group)
    return Go()


def may_go_on(
    groups: Sequence[str], states: Mapping[str, GroupState], rules: Safety, now: float
) -> Go | Hold:
    """Decide about a case that has a slot: only pauses and windows hold its next disruptive step."""
    for group in groups:
        paused = states.get(group, GroupState()).paused
        if paused:
            return Hold(f"{group} is paused: {paused}", group)
    opens = opens_at(windows_for(rules.windows, groups), now)
    if opens > now:
        at = datetime.fromtimestamp(opens, UTC).strftime("%Y-%m-%d %H:%M UTC")
        return Hold(f"the next maintenance window opens at {at}", "", min(opens, now + _WINDOW_LOOK))
    return Go()


def ended(state: GroupState, found: Verdict, rules: Safety, *, now: float) -> GroupState:
    """Return what is known of a group when a case of it has ended like this."""
    if not found:
        return state
    width = rules.stop.window / _BUCKETS
    recent = [each for each in state.recent if each[0] > now - rules.stop.window]
    good, bad = int(found == "good"), int(found == "bad")
    if recent and now - recent[-1][0] < width:
        since, *counts = recent.pop()
        good, bad = good + counts[0], bad + counts[1]
    else:
        since = now
    recent.append((since, good, bad))
    if found == "bad":
        return replace(state, recent=tuple(recent), succeeded=0)
    return replace(state, recent=tuple(recent), succeeded=state.succeeded + 1, succeeded_at=now)


def stop_reason(state: GroupState, rule: StopRule, *, now: float) -> str:
    """Return why a group has to be stopped; empty: it has not."""
    recent = [each for each in state.recent if each[0] > now - rule.window]
    good, bad = sum(each[1] for each in recent), sum(each[2] for each in recent)
    if bad < rule.failures or bad * 100 < rule.percent * (good + bad):
        return ""
    return f"{bad} of the last {good + bad} cases failed within {rule.window:g} s"


def groups_of_device(model: str, version: str, tags: Iterable[str]) -> list[str]:
    """Return the names of the groups that a device counts in; ``tags`` are its site and groups by name."""
    model = model[:_TEXT]
    names = {FLEET, f"model:{model}", *tags}
    if version:
        names.add(f"version:{model} {version[:_TEXT]}")
    return in_order(names)


def in_order(groups: set[str]) -> list[str]:
    """Return groups with the most particular first and the fleet last."""
    order = ("kind", *KINDS)
    return sorted(groups, key=lambda name: (order.index(name.partition(":")[0]), name))
