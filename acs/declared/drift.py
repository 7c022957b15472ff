"""Where a device is not as it is declared. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from acs.declared.plan import AddObject, DeleteObject, PlannedValue, Rules, SetValues, plan
from acs.declared.resolve import Wanted

__all__ = ["Deviation", "deviations"]


@dataclass(frozen=True, slots=True)
class Deviation:
    """One thing not as declared; ``kind``: ``value``, ``unknown`` value, ``missing`` or ``extra`` row."""

    kind: str
    path: str
    wanted: str
    actual: str | None
    because: str


def deviations(wanted: Wanted, state: Mapping[str, str]) -> list[Deviation]:
    """Return how ``state``, a device's values by path, deviates. Secrets can't be read, and are left out."""
    found: list[Deviation] = []
    for step in plan(wanted, state, Rules()).steps:
        match step:
            case AddObject(table, label, because):
                found.append(Deviation("missing", f"{table}<{label}>.", "", None, because))
            case DeleteObject(path, because):
                found.append(Deviation("extra", path, "", "", because))
            case SetValues(values):
                found += [_value(each) for each in values if "<" not in each.path and not each.secret]
    return found


def _value(planned: PlannedValue) -> Deviation:
    kind = "unknown" if planned.was is None else "value"
    return Deviation(kind, planned.path, planned.value, planned.was, planned.because)
