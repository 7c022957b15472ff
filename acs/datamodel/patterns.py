"""Patterns of data models: regular expressions of XML Schema, as Python runs them. Pure.

Both anchor a pattern at both ends and share the common syntax. A pattern that Python can't run, or whose
nested repetitions could make it run for ever on a hostile value, is not used.
"""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["compiled", "usable"]

_LONGEST = 1000  # characters
_CLASSES = {r"\i": "[A-Za-z_:]", r"\c": r"[-.\w:]", r"\I": "[^A-Za-z_:]", r"\C": r"[^-.\w:]"}
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_SEPARATED = re.compile(r"\((?:\\[./-]|[,:/; -])\\[dw]\+\)[*+]")
"""A group such as ``(\\.\\d+)*``: what begins each turn can't be in the one before."""
_UNBOUNDED = re.compile(r"[*+]|\{\d+,\}")


@lru_cache(maxsize=4096)
def compiled(pattern: str) -> re.Pattern[str] | None:
    """Return the pattern to be used with ``fullmatch``, None when it is not to be used."""
    if len(pattern) > _LONGEST or r"\p" in pattern or r"\P" in pattern or "-[" in pattern:
        return None
    if _nests_repetitions(pattern):
        return None
    text = _ESCAPED.sub(lambda found: _CLASSES.get(found[0], found[0]), pattern)
    # in XML Schema these two are ordinary characters outside of a class
    text = re.sub(r"(?<!\\)(?<!\[)[$^]", lambda found: "\\" + found[0], text)
    try:
        return re.compile(text, re.ASCII | re.DOTALL)
    except (re.error, RecursionError, OverflowError):
        return None


def usable(pattern: str) -> bool:
    """Return whether values are checked against this pattern."""
    return compiled(pattern) is not None


def _nests_repetitions(pattern: str) -> bool:
    """Return whether something repeated without limit is itself repeated without limit."""
    plain = re.sub(r"\[(?:[^\]]|(?<=\[)\])*\]", "c", _ESCAPED.sub("c", _SEPARATED.sub("c*", pattern)))
    groups = [False]  # of each open group: whether an unbounded repetition is in it
    position = 0
    while position < len(plain):
        letter = plain[position]
        repeat = _UNBOUNDED.match(plain, position)
        if letter == "(":
            groups.append(False)
        elif letter == ")" and len(groups) > 1:
            inner = groups.pop()
            repeated = _UNBOUNDED.match(plain, position + 1) is not None
            if inner and repeated:
                return True
            groups[-1] = groups[-1] or inner or repeated
        elif repeat:
            groups[-1] = True
        position += 1
    return False
