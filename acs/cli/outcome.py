"""What became of a command, for people: the answer as a table, or every fault in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from acs.cli.output import console, print_table
from acs.cwmp import messages as m
from acs.errors import AcsError

__all__ = ["show_outcome"]

_Row = tuple[Any, ...]


def _told(value: m.ParameterValue) -> str:
    from acs.datamodel import shown_value

    return shown_value(value.name, value.value, value.type)


# How an answer is shown: title, columns, and how its rows are found.
_TABLES: dict[type[Any], tuple[str, tuple[str, ...], Callable[[Any], list[_Row]]]] = {
    m.GetParameterValuesResponse: (
        "Values",
        ("parameter", "value", "type"),
        lambda answer: [(each.name, _told(each), each.type) for each in answer.parameters],
    ),
    m.GetParameterNamesResponse: (
        "Names",
        ("parameter", "writable"),
        lambda answer: [(each.name, "yes" if each.writable else "no") for each in answer.parameters],
    ),
    m.GetParameterAttributesResponse: (
        "Attributes",
        ("parameter", "notification", "access"),
        lambda answer: [
            (each.name, each.notification, ", ".join(each.access_list)) for each in answer.parameters
        ],
    ),
    m.GetRPCMethodsResponse: ("Methods", ("method",), lambda answer: [(each,) for each in answer.methods]),
    m.GetQueuedTransfersResponse: (
        "Transfers",
        ("CommandKey", "state"),
        lambda answer: [(each.command_key, each.state) for each in answer.transfers],
    ),
    m.GetAllQueuedTransfersResponse: (
        "Transfers",
        ("CommandKey", "state", "FileType"),
        lambda answer: [(each.command_key, each.state, each.file_type) for each in answer.transfers],
    ),
    m.GetOptionsResponse: (
        "Options",
        ("option", "state", "mode"),
        lambda answer: [(each.option_name, each.state, each.mode) for each in answer.options],
    ),
    m.DUStateChangeComplete: (
        "Deployment units",
        ("UUID", "version", "state"),
        lambda answer: [(each.uuid, each.version, each.current_state) for each in answer.results],
    ),
    m.AddObjectResponse: (
        "Added",
        ("instance", "status"),
        lambda answer: [(answer.instance_number, answer.status)],
    ),
    m.UnknownMethod: ("Answer", ("argument", "value"), lambda answer: list(answer.arguments)),
}
_STATUS_1_IS_LATER = ("SetParameterValues", "AddObject", "DeleteObject")
_LATER = "status 1: it will be applied later, for example after a reboot"


def show_outcome(command: Any) -> None:
    """Print what became of a command; ``AcsError`` where it was no success, every fault in it."""
    if command is None:
        raise AcsError("the command is gone; it was forgotten or deleted")
    answer = command.answer
    if command.state != "succeeded":
        raise AcsError(_failure(command, answer))
    console.print(f"command {command.id}: {command.method} succeeded", markup=False)
    if getattr(answer, "status", 0) == 1 and command.method in _STATUS_1_IS_LATER:
        console.print(_LATER)
    if type(answer) in _TABLES:
        title, columns, rows = _TABLES[type(answer)]
        print_table(title, columns, rows(answer))


def _said(name: str, told: str) -> str:
    """Return the name of a fault and what the device said of it, which is often the name again."""
    return told if told.lower().startswith(name.lower()) else f"{name}: {told}" if told else name


def _failure(command: Any, answer: m.Message | None) -> str:
    from acs.cwmp.faults import fault_name

    code = command.fault_code
    why = f"fault {code} {_said(fault_name(code), command.fault_string)}" if code else command.fault_string
    text = f"command {command.id}: {command.method} {command.state}: {why}"
    if isinstance(answer, m.Fault):
        for each in answer.parameter_faults:
            text += f"; {each.parameter_name}: {each.code} {each.string or fault_name(each.code)}"
    if isinstance(answer, m.DUStateChangeComplete):
        for number, result in enumerate(answer.results, 1):
            if result.fault.code:
                text += f"; operation {number} ({result.uuid}): {result.fault.code} {result.fault.string}"
    return text
