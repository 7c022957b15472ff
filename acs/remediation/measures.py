"""What a policy says of higher level measures: which are taken by themselves, and when (S1 5.7.4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args

import msgspec

from acs.measures import MEASURES
from acs.remediation.words import Words, fits, listed

__all__ = [
    "MeasureRule",
    "Measures",
    "Occasion",
    "measure_problems",
    "occasions_of",
    "wanted_measures",
]

Occasion = Literal["FATAL", "NO_COMMUNICATION", "EXTENDED", "EMERGENCY_FAILED", "BLOCK"]
"""A fatal breach (S1 L9); no path to the device (S1 L66); ladders that failed though it answers (S1 L97);
emergency remediation that failed as well (S1 L84); a person instructs to block."""
_FACTS = ("event_type", "probable_cause", "severity", "specific_problem")


class MeasureRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """If all words fit, these measures are taken. All rules that fit count."""

    measures: list[str]
    because: str
    when: Words = "*"
    procedure: Words = "*"
    event_type: Words = "*"
    probable_cause: Words = "*"
    severity: Words = "*"
    specific_problem: Words = "*"
    product_class: Words = "*"


class Measures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Higher level measures (S1 5.7.4).

    ``second_approval``: whether it takes two persons to undo one, or to let a device in again of which one
    is in force. ``readmission``: what a device has to go through that is let in again, before it may
    radiate: ``reset`` (factory reset, 0 BOOTSTRAP, diagnostic test), ``test`` alone, or ``none``.
    """

    rules: list[MeasureRule] = []
    second_approval: bool = True
    readmission: Literal["reset", "test", "none"] = "reset"


def occasions_of(procedure: str) -> tuple[Occasion, ...]:
    """Return what a case of this procedure can come to by itself that may call for measures."""
    if procedure == "P1":
        return ()
    return ("FATAL",) if procedure == "P3" else ("NO_COMMUNICATION", "EXTENDED", "FATAL")


def wanted_measures(
    measures: Measures, occasion: str, *, procedure: str, product_class: str, facts: Mapping[str, Any]
) -> dict[str, str]:
    """Return the measures to be taken and why, by the rules that fit; ``facts`` are those of the case."""
    found: dict[str, str] = {}
    known = {"when": occasion, "procedure": procedure, "product_class": product_class}
    known |= {name: str(facts.get(name, "")) for name in _FACTS}
    known["severity"] = str(facts.get("perceived_severity", ""))
    known["specific_problem"] = known["specific_problem"].strip().upper()
    for rule in measures.rules:
        if all(fits(getattr(rule, name), value) for name, value in known.items()):
            for each in rule.measures:
                found.setdefault(each, rule.because)
    return found


def measure_problems(measures: Measures, vocabulary: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """Yield a sentence for each thing that is wrong in the section; ``vocabulary``: known words by field."""
    known = {**vocabulary, "when": get_args(Occasion)}
    for number, rule in enumerate(measures.rules, 1):
        place = f"measures.rules {number}"
        for each in rule.measures:
            if each not in MEASURES:
                yield f"{place}: the measure {each!r} is unknown; known are {', '.join(MEASURES)}"
        if not rule.measures:
            yield f"{place}: no measure is named"
        if not rule.because.strip():
            yield f"{place}: `because` is empty; say why"
        for field, words in known.items():
            for word in listed(getattr(rule, field)):
                if word != "*" and word not in words:
                    yield f"{place}: {field} {word!r} is unknown; known are {', '.join(words[:12])}"
