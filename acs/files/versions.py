"""Comparing software versions, whose form is the vendor's. Pure.

A version is read as runs of digits and of letters; what stands between them does not count. Runs of digits
compare as numbers, a run that is missing as 0, and letters stand below every number: 2.0rc1 < 2.0 = 2.0.0 <
2.0.1 < 2.10. So a suffix never lifts a version over a floor that it does not reach without it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import zip_longest

__all__ = ["floor_of", "is_below"]

_RUN = re.compile(r"[0-9]+|[A-Za-z]+")
_PREFIX = re.compile(r"^[^0-9]*")  # "V2.0", "LTE_2.0": the name of the line, not a part of the number
_MISSING = (1, 0, "")


def _runs(version: str) -> list[tuple[int, int, str]]:
    runs = _RUN.findall(_PREFIX.sub("", version[:128]))
    return [(1, int(run), "") if run.isdecimal() else (0, 0, run.lower()) for run in runs]


def is_below(version: str, floor: str) -> bool:
    """Tell whether ``version`` is older than ``floor``.

    One without any digit is, since nobody can tell; so nothing with a digit is below a floor without any,
    which the policy does not allow.
    """
    if not floor:
        return False
    ours, least = _runs(version), _runs(floor)
    if not ours or not least:
        return not ours
    for one, other in zip_longest(ours, least, fillvalue=_MISSING):
        if one != other:
            return one < other
    return False


def floor_of(minimal_versions: Mapping[str, str], product_class: str) -> str:
    """Return the least version that may be loaded: the class's own, else that of ``*``; empty: any."""
    return minimal_versions.get(product_class) or minimal_versions.get("*", "")
