"""Secrets in a SetParameterValues: what is stored has placeholders, what is sent has the secrets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from acs.commands import open_request
from acs.cwmp import messages as m
from acs.security import Sealer, Secrets

__all__ = ["fill", "open_config_secret", "seal_config_secret", "secret_paths", "secrets_in"]

_CONTEXT = b"config secret "


def seal_config_secret(secrets: Secrets, name: str, secret: str) -> bytes:
    """Seal a secret that declared state may name."""
    return Sealer(secrets.store_key).seal(secret.encode(), _CONTEXT + name.encode())


def open_config_secret(secrets: Secrets, name: str, sealed: bytes) -> str:
    """Return a secret that ``seal_config_secret`` sealed under this name. Raises ``SealError``."""
    return Sealer(secrets.store_key).open(sealed, _CONTEXT + name.encode()).decode()


def secrets_in(message: m.Message) -> frozenset[str]:
    """Return the names of the secrets of declared state that a request has placeholders for."""
    if not isinstance(message, m.SetParameterValues):
        return frozenset()
    prefix = m.SECRET_PLACEHOLDER
    return frozenset(
        each.value[len(prefix) :] for each in message.parameters if each.value.startswith(prefix)
    )


def secret_paths(message: m.Message) -> frozenset[str]:
    """Return the parameters that a request sets to secrets, whatever their names are."""
    if not isinstance(message, m.SetParameterValues):
        return frozenset()
    return frozenset(
        each.name
        for each in message.parameters
        if each.value.startswith(m.PLACEHOLDER_MARK) and each.value != m.DEVICE_KEY
    )


def fill(message: m.Message, secrets: Secrets, device_key: str, sealed: Mapping[str, bytes]) -> m.Message:
    """Put the device's own secrets, and those of declared state (``sealed``, by name), where they belong.

    What was sealed in the request itself is opened. Raises ``SealError`` for a secret that was sealed under
    another key or name, or for another device.
    """
    message = open_request(message, Sealer(secrets.store_key), device_key)
    if not isinstance(message, m.SetParameterValues):
        return message
    own: dict[str, Callable[[str], str]] = {
        m.CONNECTION_REQUEST_PASSWORD: secrets.connection_request_password,
        m.STUN_PASSWORD: secrets.stun_password,
        m.BULK_DATA_PASSWORD: secrets.bulk_data_password,
        m.DEVICE_KEY: str,
    }
    found = {
        m.SECRET_PLACEHOLDER + name: open_config_secret(secrets, name, content)
        for name, content in sealed.items()
    }
    values = {each.value for each in message.parameters}
    found |= {value: own[value](device_key) for value in values & own.keys()}
    if not found:
        return message
    filled = (replace(each, value=found.get(each.value, each.value)) for each in message.parameters)
    return replace(message, parameters=tuple(filled))
