"""Secrets that somebody puts into a request: sealed in the queue, opened as the message leaves.

Those that the ACS keeps itself have placeholders instead; these are in the request, and nowhere else.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from acs import devices as dev
from acs.cwmp import messages as m
from acs.datamodel import Model, hidden_in, sounds_secret
from acs.security import Sealer, SealError

__all__ = ["holds_secrets", "masked", "open_request", "seal_request", "secret_for", "secret_in"]

_CONTEXT = b"request "
_SEALED = re.compile(re.escape(m.SEALED_PLACEHOLDER) + r"[A-Za-z0-9+/=]*")
_Secret = Callable[[str], bool]


def secret_for(conn: Connection, device: dev.Device, message: m.Message) -> _Secret:
    """Return what tells of a parameter's path whether its value is a secret on this device.

    Raises ``AcsError`` where values are set and the device's profile names a model that is not there.
    """
    model = dev.model_for(conn, device) if isinstance(message, m.SetParameterValues) else None
    return secret_in(model)


def secret_in(model: Model | None) -> _Secret:
    """Return the same by a data model; None: by the packaged ones alone."""
    return lambda path: sounds_secret(path) or hidden_in(model)(path)


def holds_secrets(message: m.Message, secret: _Secret) -> bool:
    """Tell whether there is something in a request that must not be stored in the clear."""
    return _mapped(message, lambda _: "", secret) is not message


def seal_request(message: m.Message, sealer: Sealer, device_key: str, secret: _Secret) -> m.Message:
    """Return a request with its secrets sealed for this device: passwords of file servers, secret values."""
    context = _CONTEXT + device_key.encode()

    def seal(text: str) -> str:
        return m.SEALED_PLACEHOLDER + b64encode(sealer.seal(text.encode(), context)).decode("ascii")

    return _mapped(message, seal, secret)


def open_request(message: m.Message, sealer: Sealer, device_key: str) -> m.Message:
    """Return a request as it is sent. Raises ``SealError`` for what was sealed otherwise."""
    context = _CONTEXT + device_key.encode()

    def open_(text: str) -> str:
        if not text.startswith(m.SEALED_PLACEHOLDER):
            return text
        try:
            sealed = b64decode(text[len(m.SEALED_PLACEHOLDER) :], validate=True)
        except ValueError:
            raise SealError("what is sealed in a request is no base64") from None
        return sealer.open(sealed, context).decode()

    return _mapped(message, open_, lambda _: True)


def masked(payload: str) -> str:
    """Return the payload of a command as it may be shown."""
    return _SEALED.sub("(sealed)", payload)


def _mapped(message: m.Message, change: Callable[[str], str], secret: _Secret) -> m.Message:
    """Return a request with every secret changed; the same object where there is none."""
    match message:
        case m.SetParameterValues(parameters):
            values = tuple(_one(each, "value", change) if secret(each.name) else each for each in parameters)
            same = all(one is other for one, other in zip(values, parameters, strict=True))
            return message if same else replace(message, parameters=values)
        case m.ChangeDUState(_, operations):
            units = tuple(_one(each, "password", change) for each in operations)
            same = all(one is other for one, other in zip(units, operations, strict=True))
            return message if same else replace(message, operations=units)
        case m.Download() | m.ScheduleDownload() | m.Upload():
            changed: m.Message = _one(message, "password", change)
            return changed
        case _:
            return message


def _one(holder: Any, field: str, change: Callable[[str], str]) -> Any:
    text = getattr(holder, field, "")
    changed = change(text) if text else text
    return holder if changed == text else replace(holder, **{field: changed})
