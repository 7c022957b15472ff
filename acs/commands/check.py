"""What can be said against a request before it is queued: limits of TR-069, rules of the data model. Pure.

A device that is sent nonsense answers with a fault at best; some answer with a storm of Informs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from acs.cwmp import messages as m
from acs.cwmp.versions import introduced, minor_of
from acs.datamodel import Model, Problem, pattern_of

__all__ = ["check_request"]

# The longest texts, by attribute (TR-069 A.3.2, A.4.1 and the schemas).
_LENGTHS = {
    "command_key": 32,
    "parameter_key": 32,
    "object_name": 256,
    "path": 256,
    "url": 256,
    "username": 256,
    "password": 256,
    "target_file_name": 256,
    "success_url": 256,
    "failure_url": 256,
    "option_name": 64,
}
_FILE_TYPES = {
    "Download": re.compile(r"[1-6] \S.{0,61}\Z|X [0-9A-F]{6} \S.{0,54}\Z"),
    "Upload": re.compile(r"[1-4] \S.{0,61}\Z|X [0-9A-F]{6} \S.{0,54}\Z"),
}
_FILE_TYPES["ScheduleDownload"] = _FILE_TYPES["Download"]
_TYPE_EXAMPLES = {
    "Download": "'1 Firmware Upgrade Image'",
    "ScheduleDownload": "'1 Firmware Upgrade Image'",
    "Upload": "'4 Vendor Log File 1'",
}
_WINDOW_MODES = re.compile(r"1 At Any Time\Z|2 Immediately\Z|3 When Idle\Z|4 Confirmation Needed\Z|X \S.*\Z")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\Z")
_ELEMENT = re.compile(r"[A-Za-z_][\w.-]*\Z", re.ASCII)
_HIGHEST = 2**32 - 1


@dataclass(frozen=True, slots=True)
class _Told:
    """What the device itself has told of its parameters, and how to take what it did not."""

    types: Mapping[str, str]
    access: Mapping[str, bool]
    strict: bool


def check_request(
    message: m.Message,
    *,
    model: Model | None = None,
    known_types: Mapping[str, str] | None = None,
    known_access: Mapping[str, bool] | None = None,
    namespace: str = "",
    strict: bool = True,
) -> list[str]:
    """Return what is wrong with a request, one sentence each; nothing where it may be sent.

    ``model`` is the device's data model (None: names and values are not checked), ``known_types`` and
    ``known_access`` the declared types of parameters, and whether they can be written, as the device itself
    has told of them: what it told counts for more than the model. ``namespace`` is the CWMP namespace it
    speaks (empty: not known). Not ``strict``: what the model does not know is left to the device, unless it
    knows the object and there is no such thing in it, and placeholders of secrets may be there: what comes
    from outside is to be held against the ``strict`` rules.
    """
    problems = [*_version(message, namespace), *_lengths(message)]
    match message:
        case m.SetParameterValues():
            problems += _set_values(message, model, _Told(known_types or {}, known_access or {}, strict))
        case m.GetParameterValues() | m.GetParameterAttributes():
            problems += [] if message.names else ["no parameter is named"]
            problems += [text for name in message.names for text in _path(name)]
        case m.GetParameterNames():
            if message.path and not message.path.endswith(".") and message.next_level:
                problems.append(f"{message.path}: a parameter has no next level; end an object with a dot")
        case m.SetParameterAttributes():
            problems += _set_attributes(message)
        case m.AddObject() | m.DeleteObject():
            problems += _object(message, model, known_access or {}, strict=strict)
        case m.Download() | m.Upload() | m.ScheduleDownload():
            problems += _file(message)
        case m.ChangeDUState():
            problems += _operations(message)
        case m.UnknownMethod():
            problems += _vendor(message)
    return problems


def _version(message: m.Message, namespace: str) -> Iterable[str]:
    name = m.method_name(message)
    since = introduced(name)
    if namespace and since > minor_of(namespace):
        yield f"{name} came with CWMP 1.{since}; the device speaks {namespace}"


def _lengths(message: m.Message) -> Iterable[str]:
    for name, limit in _LENGTHS.items():
        value = getattr(message, name, "")
        if isinstance(value, str) and len(value) > limit:
            yield f"{name} has {len(value)} characters; TR-069 allows {limit}"
    for name in ("delay_seconds", "file_size"):
        lowest = int(name == "delay_seconds" and isinstance(message, m.ScheduleInform))  # A.4.1.3
        number: int = getattr(message, name, lowest)
        if not lowest <= number <= _HIGHEST:
            yield f"{name} is {number}; {lowest} to {_HIGHEST} are allowed"


def _path(name: str) -> Iterable[str]:
    if len(name) > 256:
        yield f"{name[:60]}…: {len(name)} characters; a name has at most 256 (TR-106 3.1)"
    if "{" in name:
        yield f"{name}: a path of the device has instance numbers, not {{i}}"


def _set_values(message: m.SetParameterValues, model: Model | None, told: _Told) -> Iterable[str]:
    if not message.parameters:
        yield "no parameter is set"
    names = [each.name for each in message.parameters]
    for name in sorted({each for each in names if names.count(each) > 1}):
        yield f"{name}: it is there more than once"
    for each in message.parameters:
        yield from _path(each.name)
        if told.strict and m.PLACEHOLDER_MARK in each.value:
            # Or whoever may set a parameter could have a secret of the ACS put into it, and read it there.
            yield f"{each.name}: a value can't have the character {m.PLACEHOLDER_MARK}"
        if each.name.endswith("."):
            yield f"{each.name}: only a parameter can be set, not an object"
        elif model is not None:
            yield from _value(each, model, told)


def _value(each: m.ParameterValue, model: Model, told: _Told) -> Iterable[str]:
    """Hold a value against the model, and against what the device told of the parameter."""
    if each.value == m.CONNECTION_REQUEST_PASSWORD:
        return
    kind, writable = told.types.get(each.name, ""), told.access.get(each.name)
    problem: Problem | None = None
    if writable is False:
        problem = Problem(9008, "the device told that it can't be written")
    elif model.spec(each.name) is None:
        if kind and kind != each.type:
            yield f"{each.name}: the device declares it as {kind}, not {each.type}"
        elif not kind and writable is None and (told.strict or model.misses(each.name)):
            text = f"the model {model.name} has no parameter {each.name}{_near(model, each.name)}"
            problem = Problem(9005, text)
    else:
        problem = model.check(each.name, each.value, "" if kind == each.type else each.type)
        if problem is not None and problem.fault_code == 9008 and writable:
            problem = model.parameters[pattern_of(each.name)].check_set(each.value)
    if problem is not None:
        text = problem.text if each.name in problem.text else f"{each.name}: {problem.text}"
        yield f"{text} (fault {problem.fault_code})"


def _near(model: Model, path: str) -> str:
    near = model.nearest(path, anywhere=False)  # transactions wait behind this one
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _set_attributes(message: m.SetParameterAttributes) -> Iterable[str]:
    for each in message.parameters:
        yield from _path(each.name)
        if each.notification is not None and not 0 <= each.notification <= 6:
            yield f"{each.name}: notification {each.notification} is none; 0 off, 1 passive, 2 active, to 6"
        for entity in each.access_list or ():
            if entity != "Subscriber" and not entity.startswith("X_"):
                yield f"{each.name}: {entity!r} is no entity of an access list; Subscriber is the only one"


def _object(
    message: m.AddObject | m.DeleteObject, model: Model | None, told: Mapping[str, bool], *, strict: bool
) -> Iterable[str]:
    path = message.object_name
    if not path.endswith("."):
        yield f"{path}: the path of an object ends with a dot"
        return
    yield from _path(path)
    if model is None:
        return
    adding = isinstance(message, m.AddObject)
    # A new row may bear an alias, Table.[alias]. (TR-069 3.6.1)
    table = re.sub(r"\[[^\]]*\]\.\Z", "", path) if adding else path
    spec = model.object(f"{table}1." if adding else path)
    if not adding and spec is None and (of := model.object(f"{path}1.")) is not None and of.multiple:
        yield f"{path}: that is a table; name an instance of it, for example {path}1. (fault 9005)"
        return
    if told.get(table):
        return
    if spec is None and not strict and not model.misses(path):
        return
    if spec is None or not spec.multiple:
        yield f"{path}: the model {model.name} has no such table of instances (fault 9005)"
    elif not spec.writable:
        yield f"{path}: instances can't be {'added' if adding else 'deleted'} by the ACS (fault 9001)"


def _file(message: Any) -> Iterable[str]:
    method = m.method_name(message)
    if not _FILE_TYPES[method].match(message.file_type):
        yield f"the FileType {message.file_type!r} is none; for example {_TYPE_EXAMPLES[method]}"
    if "://" not in message.url:
        yield f"the URL {message.url!r} is none; for example https://acs.example/file"
    if isinstance(message, m.ScheduleDownload):
        yield from _windows(message.time_windows)


def _windows(windows: tuple[m.TimeWindow, ...]) -> Iterable[str]:
    if not 1 <= len(windows) <= 2:
        yield f"there are {len(windows)} time windows; 1 or 2 are allowed (TR-069 A.4.1.8)"
    end = 0
    for each in windows:
        if not end <= each.window_start < each.window_end <= _HIGHEST:
            yield f"the window {each.window_start} to {each.window_end} s is empty or overlaps the one before"
        if not _WINDOW_MODES.match(each.window_mode):
            yield f"the WindowMode {each.window_mode!r} is none; for example '2 Immediately'"
        if len(each.user_message) > 256:
            yield f"the UserMessage has {len(each.user_message)} characters; TR-069 allows 256"
        end = each.window_end


def _operations(message: m.ChangeDUState) -> Iterable[str]:
    if not message.operations:
        yield "there is no operation"
    for each in message.operations:
        optional = isinstance(each, m.InstallOperation | m.UpdateOperation)
        if (each.uuid or not optional) and not _UUID.match(each.uuid):
            yield f"{each.uuid!r} is no UUID, for example 6f8a1f66-2b9e-5d10-8a3e-0123456789ab (fault 9022)"
        url = getattr(each, "url", "")
        if isinstance(each, m.InstallOperation) and "://" not in url:
            yield f"the URL {url!r} is none; for example https://acs.example/unit"
        if len(url) > 1024:
            yield f"the URL has {len(url)} characters; TR-069 allows 1024"


def _vendor(message: m.UnknownMethod) -> Iterable[str]:
    if not message.name.startswith("X_"):
        yield f"{message.name!r} is no vendor's method; it begins with X_, for example X_0005B9_Ping"
    for name in (message.name, *(name for name, _ in message.arguments)):
        if not _ELEMENT.match(name):
            yield f"{name!r} is no name of an XML element"
