"""A device that refuses a secret may repeat it in its fault: that goes into no row, no log and no audit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from acs import commands as cm
from acs import devices as dev
from acs.commands import Command
from acs.cwmp import messages as m
from acs.errors import AcsError
from acs.security import SealError
from acs.southbound.placeholders import secrets_in
from acs.southbound.rotation import next_secrets
from acs.traces import redact_echoes

__all__ = ["Fill", "ended_without_echoes", "without_echoes"]

Fill = Callable[[m.Message, Mapping[str, bytes]], m.Message]
"""Puts the secrets into a request, those of declared state from their seals, as when it was sent."""


def without_echoes(conn: Connection, fault: m.Fault, command: Command, fill: Fill) -> m.Fault:
    """Return the fault with which a device answered a command without the secrets that the command set."""
    secrets = _secrets_of(conn, command, fill)
    if not secrets:
        return fault
    faults = [replace(each, string=redact_echoes(each.string, secrets)) for each in fault.parameter_faults]
    return replace(fault, string=redact_echoes(fault.string, secrets), parameter_faults=tuple(faults))


def ended_without_echoes(conn: Connection, device_id: int, told: m.Message, fill: Fill) -> m.Message:
    """Return how a transfer or a change of software ended, without the passwords that its request had."""
    match told:
        case m.TransferComplete(fault=m.FaultStruct(code=code)) if code:
            secrets = _secrets_of_key(conn, device_id, told.command_key, fill)
            return replace(told, fault=_plain(told.fault, secrets))
        case m.DUStateChangeComplete(results=results) if any(each.fault.code for each in results):
            secrets = _secrets_of_key(conn, device_id, told.command_key, fill)
            return replace(
                told, results=tuple(replace(each, fault=_plain(each.fault, secrets)) for each in results)
            )
        case _:
            return told


def _plain(fault: m.FaultStruct, secrets: Sequence[str]) -> m.FaultStruct:
    return replace(fault, string=redact_echoes(fault.string, secrets))


def _secrets_of_key(conn: Connection, device_id: int, command_key: str, fill: Fill) -> list[str]:
    """Return the secrets that the command of a key set; without a key, those of all that may be meant."""
    found = cm.command_of_key(conn, command_key) if command_key else None
    meant = [found] if found is not None else cm.open_commands(conn, device_id)
    mine = (each for each in meant if each.device_id == device_id and each.method in m.KEYED_METHODS)
    return _longest_first(secret for each in mine for secret in _secrets_of(conn, each, fill))


def _secrets_of(conn: Connection, command: Command, fill: Fill) -> list[str]:
    asked = command.message
    names = secrets_in(asked)
    try:
        mine = next_secrets(conn, command.device_id, names)
        sent = fill(asked, {**dev.sealed_config_secrets(conn, names - mine.keys()), **mine})
    except (AcsError, SealError):
        return []  # what can't be opened can't have been sent
    return _longest_first(_filled(asked, sent))


def _longest_first(secrets: Iterable[str]) -> list[str]:
    return sorted(set(secrets), key=len, reverse=True)


def _filled(asked: m.Message, sent: m.Message) -> Iterator[str]:
    """Yield what stands in a request as it was sent and not in it as it is stored."""
    match asked, sent:
        case m.SetParameterValues(before), m.SetParameterValues(after):
            for one, other in zip(before, after, strict=True):
                if one.value not in (other.value, m.DEVICE_KEY):
                    yield other.value
        case m.ChangeDUState(_, before_), m.ChangeDUState(_, after_):
            for first, second in zip(before_, after_, strict=True):
                told = getattr(second, "password", "")
                if told != getattr(first, "password", ""):
                    yield told
        case _:
            told = getattr(sent, "password", "")
            if told != getattr(asked, "password", ""):
                yield told
