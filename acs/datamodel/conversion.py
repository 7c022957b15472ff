"""How values are written for a device and read from it, as its profile says. Pure.

Two steps: ``to_device`` and ``from_device`` turn the sense of parameters that mean the opposite of the
standard; ``spelled`` writes booleans and times the way the device reads them, which changes no meaning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from acs.cwmp import messages as m
from acs.datamodel.model import pattern_of
from acs.datamodel.profile import Profile

__all__ = ["covers", "from_device", "is_true", "set_batches", "spelled", "spelled_request", "to_device"]

_TRUE = frozenset({"1", "true", "yes", "on", "enabled"})
_FALSE = frozenset({"0", "false", "no", "off", "disabled"})
_LITERALS = {"1/0": ("0", "1"), "true/false": ("false", "true")}
_TIME = re.compile(r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?P<fraction>\.\d+)?(?P<zone>.*)\Z", re.ASCII)
_OTHER_ROOT = "InternetGatewayDevice."


def is_true(text: str) -> bool | None:
    """Return the boolean that a device's or a person's text means; None where it means none."""
    word = text.strip().lower()
    return True if word in _TRUE else False if word in _FALSE else None


def covers(paths: Iterable[str], name: str) -> bool:
    """Tell whether ``name`` is one of the ``{i}`` paths or below one of them that ends with a dot."""
    pattern = pattern_of(name)
    if pattern.startswith(_OTHER_ROOT):
        pattern = "Device." + pattern[len(_OTHER_ROOT) :]
    wanted = [pattern_of(each) for each in paths]
    return any(pattern == each or (each.endswith(".") and pattern.startswith(each)) for each in wanted)


def _kind(value: m.ParameterValue) -> str:
    return value.type.rpartition(":")[2]


def spelled(profile: Profile, value: m.ParameterValue) -> m.ParameterValue:
    """Return a value the way the device reads it; what is no boolean or time is left as it is."""
    match _kind(value):
        case "boolean":
            truth = is_true(value.value)
            text = value.value if truth is None else _LITERALS[profile.booleans][truth]
        case "dateTime":
            found = _TIME.match(value.value.strip())
            if found is None:
                return value
            fraction = (found["fraction"] or ".000000") if profile.fraction else ""
            text = found["time"] + fraction + found["zone"]
        case _:
            return value
    return value if text == value.value else replace(value, value=text)


def spelled_request(profile: Profile, message: m.Message) -> m.Message:
    """Return a request the way the device reads it; only a SetParameterValues has values."""
    if not isinstance(message, m.SetParameterValues):
        return message
    return replace(message, parameters=tuple(spelled(profile, each) for each in message.parameters))


def to_device(profile: Profile, value: m.ParameterValue) -> m.ParameterValue:
    """Return what to set so that the device does what ``value`` means in the standard."""
    if not profile.inverted or not covers(profile.inverted, value.name):
        return value
    truth = is_true(value.value)
    return value if truth is None else replace(value, value="0" if truth else "1")


def from_device(profile: Profile, value: m.ParameterValue) -> m.ParameterValue:
    """Return what the value that the device tells means in the standard."""
    return to_device(profile, value)  # the opposite of the opposite


def set_batches(profile: Profile, values: Sequence[m.ParameterValue]) -> list[tuple[m.ParameterValue, ...]]:
    """Split values into the parameters of one SetParameterValues each, in their order.

    Each has at most ``set_batch``; a parameter that wants to be alone is. Nothing is lost or reordered.
    """
    batches: list[list[m.ParameterValue]] = []
    open_ = False
    for value in values:
        if covers(profile.set_alone, value.name):
            batches.append([value])
            open_ = False
        elif open_ and len(batches[-1]) < profile.set_batch:
            batches[-1].append(value)
        else:
            batches.append([value])
            open_ = True
    return [tuple(each) for each in batches]
