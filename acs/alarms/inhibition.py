"""Inhibition: while one alarm is active others tell nothing new, and are held back. Data and pure functions.

As in Alertmanager, but that no set of alarms can hold back all of its members: an alarm is held back only
where one that is told is the reason, if by way of others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import msgspec

from acs.alarms.matchers import Attributes, Matcher, matches, parse_matchers
from acs.alarms.vocabulary import SEVERITIES
from acs.errors import AcsError

__all__ = ["Inhibited", "Inhibition", "Known", "inhibited", "inhibition_problems"]

MOST_RULES = 50


class Inhibition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """While alarms that ``source`` fits are active, those that ``target`` fits are held back.

    Only alarms of the same ``scope``: of one device, or of the devices of one site. ``at_least``: of how many
    devices the sources have to be. ``hold_remediation``: no case is opened for those held back either.
    """

    name: str
    source: list[str]
    target: list[str]
    because: str
    scope: Literal["device", "site"] = "device"
    at_least: int = 1
    hold_remediation: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """An active alarm as inhibition sees it; ``grave``: it is never held back."""

    id: int
    device_id: int
    site: str
    perceived_severity: str
    raised_at: float
    attributes: Attributes
    grave: bool = False


@dataclass(frozen=True, slots=True)
class Inhibited:
    """By which rule an alarm is held back, and by which alarm."""

    rule: Inhibition
    source_id: int


@lru_cache(maxsize=256)
def _parsed(texts: tuple[str, ...]) -> tuple[Matcher, ...]:
    return parse_matchers(texts)


def inhibition_problems(rules: Sequence[Inhibition]) -> list[str]:
    """Return what is wrong with the section ``inhibit`` of a policy, as sentences."""
    found = []
    if len(rules) > MOST_RULES:
        found.append(f"inhibit has {len(rules)} rules; at most {MOST_RULES} are allowed")
    for number, rule in enumerate(rules, 1):
        where = f"inhibit {number}"
        for side in ("source", "target"):
            try:
                _parsed(tuple(getattr(rule, side)))
            except AcsError as error:
                found.append(f"{where}: {side}: {error}")
        if not rule.because.strip():
            found.append(f"{where}: `because` is empty; say why")
        if not rule.name.strip() or len(rule.name) > 64:
            found.append(f"{where}: a name has 1 to 64 characters")
        if rule.at_least < 1 or (rule.at_least > 1 and rule.scope == "device"):
            found.append(f"{where}: at_least is 1 or more, and more than 1 only with scope: site")
    names = [rule.name for rule in rules]
    found += [f"inhibit: the name {name!r} stands twice" for name in {n for n in names if names.count(n) > 1}]
    return found


@dataclass(slots=True)
class _Knot:
    """A rule at one device or site: each of its sources holds back each of its targets but itself."""

    rule: Inhibition
    sources: list[int]
    targets: list[int]
    done: bool = False


def inhibited(rules: Sequence[Inhibition], alarms: Iterable[Known]) -> dict[int, Inhibited]:
    """Return which of these active alarms are held back, and why; each once, by the first rule that does.

    Whatever the rules are, an alarm that is held back has one that is not as its reason, if by way of others:
    where alarms hold back one another the gravest, of those the oldest, is told.
    """
    known = {each.id: each for each in alarms}
    knots = _knots(rules, known)
    of_source: dict[int, list[_Knot]] = {}
    reasons: dict[int, list[_Knot]] = {}
    for knot in knots:
        for number in knot.sources:
            of_source.setdefault(number, []).append(knot)
        for number in knot.targets:
            if not known[number].grave and knot.sources != [number]:
                reasons.setdefault(number, []).append(knot)
    found: dict[int, Inhibited] = {}
    told = sorted((number for number in known if number not in reasons), key=lambda n: _order(known[n]))
    rest = iter(sorted(reasons, key=lambda n: _order(known[n])))
    while True:
        _spread(told, of_source, reasons, found)
        left = next((each for each in rest if each not in found), None)
        if left is None:
            return found
        del reasons[left]  # of those that hold back one another it is told
        told = [left]


def _spread(
    told: Sequence[int],
    of_source: Mapping[int, list[_Knot]],
    reasons: Mapping[int, list[_Knot]],
    found: dict[int, Inhibited],
) -> None:
    """Hold back whatever these alarms do, and what those do in turn."""
    waiting = list(told)
    while waiting:
        source = waiting.pop(0)
        for knot in of_source.get(source, ()):
            if knot.done:  # its other sources add nothing: this one was told, or is held back
                continue
            knot.done = True
            for number in knot.targets:
                if number != source and number not in found and number in reasons:
                    found[number] = Inhibited(knot.rule, source)
                    waiting.append(number)


def _knots(rules: Sequence[Inhibition], known: Mapping[int, Known]) -> list[_Knot]:
    knots = []
    for rule in rules:
        source, target = _parsed(tuple(rule.source)), _parsed(tuple(rule.target))
        places: dict[object, _Knot] = {}
        for each in known.values():
            place: object = each.device_id if rule.scope == "device" else each.site
            if not place:  # of no site: nothing is known to be there too
                continue
            knot = places.setdefault(place, _Knot(rule, [], []))
            if matches(source, each.attributes):
                knot.sources.append(each.id)
            if matches(target, each.attributes):
                knot.targets.append(each.id)
        knots += [
            knot
            for knot in places.values()
            if knot.targets and len({known[n].device_id for n in knot.sources}) >= rule.at_least
        ]
    return knots


def _order(alarm: Known) -> tuple[int, float, int]:
    """The gravest first, of those the oldest."""
    return SEVERITIES.index(alarm.perceived_severity), alarm.raised_at, alarm.id
