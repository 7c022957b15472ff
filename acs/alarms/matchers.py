"""Matchers over what is known of an alarm and of its device: what a silence or an inhibition is about. Pure.

Regular expressions are those of RE2, which takes time linear in the text: both the operator's expression and
the device's text are given by others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, get_args

import re2

from acs.alarms.model import Alarm
from acs.alarms.vocabulary import EVENT_TYPES, SEVERITIES, event_type, probable_cause, severity
from acs.errors import AcsError

__all__ = [
    "ATTRIBUTES",
    "MOST_MATCHERS",
    "Attributes",
    "Matcher",
    "attributes_of",
    "matches",
    "parse_matcher",
    "parse_matchers",
]

Attributes = Mapping[str, tuple[str, ...]]
"""Values by attribute; several of ``group``, none where it is not known."""
Operator = Literal["=", "!=", "=~", "!~", "in"]
ATTRIBUTES: Final = (
    "device",
    "oui",
    "manufacturer",
    "product_class",
    "software_version",
    "site",
    "group",
    "alarm_identifier",
    "event_type",
    "probable_cause",
    "specific_problem",
    "perceived_severity",
    "managed_object_instance",
    "detector",
)
MOST_MATCHERS = 16
_LONGEST = 256  # characters of a value or expression
_MOST_VALUES = 100
_MEMORY = 1 << 20  # bytes that RE2 may use of an expression
_ALIASES = {"model": "product_class", "severity": "perceived_severity", "tag": "group"}
_WORDS: dict[str, Callable[[str], str]] = {
    "event_type": event_type,
    "probable_cause": lambda text: probable_cause(text)[0],
    "perceived_severity": severity,
}
_SHAPE = re.compile(r"\s*(?P<name>[A-Za-z_]+)\s*(?P<op>=~|!~|!=|=|\bin\b)\s*(?P<value>.*?)\s*", re.DOTALL)
_OPERATORS = get_args(Operator)


@dataclass(frozen=True, slots=True)
class Matcher:
    """``name`` is one of ``ATTRIBUTES``; ``values``: one, but for ``in``. Made by ``parse_matcher``.

    An attribute that is not known is the empty text. Of several values one has to fit; for a negation, none.
    """

    name: str
    op: Operator
    values: tuple[str, ...]

    def fits(self, attributes: Attributes) -> bool:
        """Tell whether an alarm with these attributes is meant."""
        told = attributes.get(self.name) or ("",)
        negated = self.op in ("!=", "!~")
        if self.op in ("=~", "!~"):
            pattern = _compiled(self.values[0])
            fits = any(pattern.fullmatch(each) is not None for each in told)
        else:
            fits = any(each in self.values for each in told)
        return fits is not negated

    @property
    def narrows(self) -> bool:
        """Whether it asks for something: it does not fit what is not known."""
        return not self.fits({})

    def __str__(self) -> str:
        if self.op == "in":
            return f"{self.name} in ({', '.join(_quoted(each) for each in self.values)})"
        return f"{self.name}{self.op}{_quoted(self.values[0])}"


def _quoted(text: str) -> str:
    if re.fullmatch(r"[\w.:*-]+", text, re.ASCII):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@lru_cache(maxsize=512)
def _compiled(expression: str) -> re2._Regexp:
    options = re2.Options()
    options.max_mem = _MEMORY
    options.log_errors = False
    return re2.compile(expression, options=options)


def parse_matcher(text: str) -> Matcher:
    """Read ``site=roof-1``, ``severity!=MINOR``, ``product_class=~"HeNB-.*"``, ``group in (a, b)``.

    An expression has to fit the whole value. Event types, probable causes and severities are brought to their
    canonical spelling. Raises ``AcsError`` that says what is wrong.
    """
    found = _SHAPE.fullmatch(text)
    if found is None:
        remedy = f"it is ATTRIBUTE OPERATOR VALUE, with one of the operators {', '.join(_OPERATORS)}"
        raise AcsError(f"{text[:80]!r} is no matcher; {remedy}")
    name = found["name"].lower()
    name = _ALIASES.get(name, name)
    if name not in ATTRIBUTES:
        raise AcsError(f"{name[:40]!r} is no attribute of an alarm; known are {', '.join(ATTRIBUTES)}")
    op: Operator = found["op"]  # type: ignore[assignment] # the shape allows no other
    values = _several(found["value"], text) if op == "in" else (_unquoted(found["value"]),)
    for each in values:
        if len(each) > _LONGEST or "\0" in each:
            raise AcsError(f"a value of {name} has more than {_LONGEST} characters, or a NUL")
    if op in ("=~", "!~"):
        _check(values[0])
    elif name in _WORDS:
        values = tuple(_word(name, each) for each in values)
    return Matcher(name, op, values)


def _several(text: str, whole: str) -> tuple[str, ...]:
    inner = text.strip()
    if not (inner.startswith("(") and inner.endswith(")")):
        raise AcsError(f"{whole[:80]!r}: after `in` stands a list in parentheses, for example (a, b)")
    parts = re.findall(r'\s*"(?:[^"\\]|\\.)*"|[^,]+', inner[1:-1])
    values = tuple(dict.fromkeys(_unquoted(each.strip()) for each in parts if each.strip()))
    if not values or len(values) > _MOST_VALUES:
        raise AcsError(f"{whole[:80]!r}: the list has 1 to {_MOST_VALUES} values")
    return values


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return re.sub(r"\\([\\\"])", r"\1", text[1:-1])
    return text


def _check(expression: str) -> None:
    try:
        _compiled(expression)
    except re2.error as error:
        why = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else str(error)
        raise AcsError(f"the expression {expression[:80]!r} can't be used (RE2): {why[:200]}") from error


def _word(name: str, text: str) -> str:
    word = _WORDS[name](text)
    known = {"event_type": tuple(EVENT_TYPES), "perceived_severity": SEVERITIES}.get(name)
    if known is not None and (word not in known or (name == "perceived_severity" and not text.strip())):
        raise AcsError(f"{text[:40]!r} is no {name}; known are {', '.join(known)}")
    if name == "perceived_severity" and word == "INDETERMINATE" and text.strip().upper() != word:
        raise AcsError(f"{text[:40]!r} is no {name}; known are {', '.join(SEVERITIES)}")
    return word


def parse_matchers(texts: Iterable[str]) -> tuple[Matcher, ...]:
    """Read matchers, all of which have to fit. Raises ``AcsError`` where they would fit everything."""
    found = tuple(dict.fromkeys(parse_matcher(each) for each in texts))
    if len(found) > MOST_MATCHERS:
        raise AcsError(f"there are {len(found)} matchers; at most {MOST_MATCHERS} are allowed")
    if not any(each.narrows for each in found):
        raise AcsError(
            "at least one matcher has to ask for something: a negation alone, or an expression that the empty"
            " text fits, would be about every alarm"
        )
    return found


def matches(matchers: Iterable[Matcher], attributes: Attributes) -> bool:
    """Tell whether all of them fit."""
    return all(each.fits(attributes) for each in matchers)


def attributes_of(
    alarm: Alarm, device: Mapping[str, str], *, site: str, groups: tuple[str, ...]
) -> Attributes:
    """Return what matchers see of an alarm; ``device``: its columns by name."""
    values: dict[str, str] = {
        "device": device["device_key"],
        "site": site,
        **{name: device[name] for name in ATTRIBUTES[1:5]},
        **{name: getattr(alarm, name) for name in ATTRIBUTES[7:]},
    }
    return {name: (value,) if value else () for name, value in values.items()} | {"group": groups}
