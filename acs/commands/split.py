"""How a request becomes what one kind of device can take, and how the answers become one. Pure.

A request is split where the device's profile says so, and smaller still where the device says 9004
(resources exceeded): names are halved, and a partial path is replaced by what GetParameterNames finds there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from acs.cwmp import messages as m
from acs.datamodel import Profile
from acs.datamodel.conversion import set_batches, spelled

__all__ = ["following", "merge", "name_of", "smaller", "split"]

_Parts = tuple[m.Message, ...]
_Read = m.GetParameterValues | m.GetParameterAttributes
_Named = TypeVar("_Named", m.ParameterValue, m.ParameterAttribute, m.ParameterInfo)


def split(message: m.Message, profile: Profile, *, root: str = "Device.") -> _Parts:
    """Return the requests, in order, that together are ``message`` for a device of this profile.

    One that fits comes back alone. Of a SetParameterValues only the last part bears the ParameterKey, so
    that the key tells that all of it was done; between its parts it is no longer atomic.
    """
    match message:
        case m.GetParameterValues() | m.GetParameterAttributes():
            return _batches(message, profile.get_batch)
        case m.SetParameterValues():
            return _writes(message, profile)
        case m.GetParameterNames():
            return (_names(message, profile, root),)
        case _:
            return (message,)


def _batches(message: _Read, size: int) -> _Parts:
    names = message.names
    if len(names) <= size:
        return (message,)
    return tuple(replace(message, names=names[at : at + size]) for at in range(0, len(names), size))


def _writes(message: m.SetParameterValues, profile: Profile) -> _Parts:
    batches = set_batches(profile, message.parameters) or [()]
    last = len(batches) - 1
    return tuple(
        m.SetParameterValues(
            tuple(spelled(profile, each) for each in batch), message.parameter_key if number == last else ""
        )
        for number, batch in enumerate(batches)
    )


def _names(message: m.GetParameterNames, profile: Profile, root: str) -> m.GetParameterNames:
    path = message.path if message.path or profile.names_of_root else root
    next_level = message.next_level if profile.next_level == "both" else profile.next_level == "true"
    # A parameter has no next level, whatever the device likes.
    return m.GetParameterNames(path, next_level and (not path or path.endswith(".")))


def smaller(request: m.Message, profile: Profile) -> _Parts:
    """Return requests that ask for less and together for the same; nothing where there are none."""
    match request:
        case m.GetParameterValues(names) | m.GetParameterAttributes(names):
            if len(names) > 1:
                middle = len(names) // 2
                return replace(request, names=names[:middle]), replace(request, names=names[middle:])
            if names[0].endswith("."):
                return (m.GetParameterNames(names[0], profile.next_level != "false"),)
        case m.GetParameterNames(path, next_level):
            if not next_level and path.endswith(".") and profile.next_level != "false":
                return (m.GetParameterNames(path, next_level=True),)
        case _:
            pass
    return ()


def following(original: m.Message, request: m.Message, answer: m.Message, profile: Profile) -> _Parts:
    """Return the parts that the answer to one part calls for: what is below a path that was listed."""
    if not isinstance(answer, m.GetParameterNamesResponse) or not isinstance(request, m.GetParameterNames):
        return ()
    names = [each.name for each in answer.parameters if each.name != request.path]
    below = [name for name in names if name.endswith(".") and name.startswith(request.path)]
    if isinstance(original, m.GetParameterNames):
        walking = request.next_level and not original.next_level
        return tuple(m.GetParameterNames(name, next_level=True) for name in below) if walking else ()
    assert isinstance(original, m.GetParameterValues | m.GetParameterAttributes)
    leaves = tuple(name for name in names if not name.endswith("."))
    reads = _batches(replace(original, names=leaves), profile.get_batch) if leaves else ()
    objects = below if request.next_level else []
    return (*reads, *(replace(original, names=(name,)) for name in objects))


def merge(original: m.Message, answers: Sequence[m.Message]) -> m.Message:
    """Return the one answer that ``original`` would have had."""
    match original:
        case m.GetParameterValues():
            found = [each for each in answers if isinstance(each, m.GetParameterValuesResponse)]
            return m.GetParameterValuesResponse(_once(value for each in found for value in each.parameters))
        case m.GetParameterAttributes():
            read = [each for each in answers if isinstance(each, m.GetParameterAttributesResponse)]
            attributes = _once(value for each in read for value in each.parameters)
            return m.GetParameterAttributesResponse(attributes)
        case m.GetParameterNames():
            listed = [each for each in answers if isinstance(each, m.GetParameterNamesResponse)]
            names = _once(info for each in listed for info in each.parameters)
            return m.GetParameterNamesResponse(_level(names, original))
        case _:
            written = [each for each in answers if isinstance(each, m.SetParameterValuesResponse)]
            return m.SetParameterValuesResponse(max((each.status for each in written), default=0))


def _once(found: Iterable[_Named]) -> tuple[_Named, ...]:
    return tuple({each.name: each for each in found}.values())


def _level(names: tuple[m.ParameterInfo, ...], original: m.GetParameterNames) -> tuple[m.ParameterInfo, ...]:
    """Leave out what is deeper than was asked for."""
    if not original.next_level:
        return names
    start = len(original.path)
    return tuple(each for each in names if each.name[start:].removesuffix(".").count(".") == 0)


def name_of(request: m.Message) -> str:
    """Return what a part is about, in a few words."""
    match request:
        case m.GetParameterNames(path):
            return path or "the root"
        case m.SetParameterValues(parameters):
            names = tuple(each.name for each in parameters)
        case m.GetParameterValues(names) | m.GetParameterAttributes(names):
            pass
        case _:
            return m.method_name(request)
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
