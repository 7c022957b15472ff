"""A device that refuses a secret may repeat it in its fault: that goes into no row, no log and no audit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from sqlalchemy import Connection

from acs import devices as dev
from acs.commands import Command
from acs.cwmp import messages as m
from acs.errors import AcsError
from acs.security import SealError
from acs.southbound.placeholders import secrets_in
from acs.southbound.rotation import next_secrets
from acs.traces import redact_echoes

__all__ = ["Fill", "without_echoes"]

Fill = Callable[[m.Message, Mapping[str, bytes]], m.Message]
"""Puts the secrets into a request, those of declared state from their seals, as when it was sent."""


def without_echoes(conn: Connection, fault: m.Fault, command: Command, fill: Fill) -> m.Fault:
    """Return the fault with which a device answered a command without the secrets that the command set."""
    asked = command.message
    names = secrets_in(asked)
    try:
        mine = next_secrets(conn, command.device_id, names)
        sent = fill(asked, {**dev.sealed_config_secrets(conn, names - mine.keys()), **mine})
    except (AcsError, SealError):
        return fault  # what can't be opened can't have been sent
    secrets = sorted(set(_filled(asked, sent)), key=len, reverse=True)
    if not secrets:
        return fault
    faults = [replace(each, string=redact_echoes(each.string, secrets)) for each in fault.parameter_faults]
    return replace(fault, string=redact_echoes(fault.string, secrets), parameter_faults=tuple(faults))


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
