"""Messages to plain JSON-able data and back, for the command queue and the journal."""

from __future__ import annotations

from typing import Any

import msgspec

from acs.cwmp import messages as m

__all__ = ["pack", "unpack"]

_OPERATIONS: dict[str, type[Any]] = {
    "Install": m.InstallOperation,
    "Update": m.UpdateOperation,
    "Uninstall": m.UninstallOperation,
}
_OPERATION_NAMES = {cls: name for name, cls in _OPERATIONS.items()}


def pack(message: m.Message) -> dict[str, Any]:
    """Return the fields of ``message`` as JSON-able data; ``unpack`` is its inverse."""
    fields: dict[str, Any] = msgspec.to_builtins(message)
    if isinstance(message, m.ChangeDUState):
        fields["operations"] = [
            {"operation": _OPERATION_NAMES[type(op)], **msgspec.to_builtins(op)} for op in message.operations
        ]
    return fields


def unpack(method: str, fields: dict[str, Any]) -> m.Message:
    """Build the message ``method`` from packed fields.

    Raises ``KeyError`` for an unknown method and ``msgspec.ValidationError`` for fields that do not fit.
    """
    if method == "Fault":
        return msgspec.convert(fields, m.Fault)
    if method not in m.METHODS and "namespace" in fields:
        return msgspec.convert(fields, m.UnknownMethod)
    if method == "ChangeDUState":
        operations = tuple(
            msgspec.convert({k: v for k, v in op.items() if k != "operation"}, _OPERATIONS[op["operation"]])
            for op in fields["operations"]
        )
        return m.ChangeDUState(command_key=fields["command_key"], operations=operations)
    return msgspec.convert(fields, m.METHODS[method])
