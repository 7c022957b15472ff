"""Queue a request from the command line: check it, audit it, wait for what becomes of it, show that."""

from __future__ import annotations

import functools
import inspect
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from acs.cli.node import find_device, read, settings_with_profiles, who, write
from acs.cli.options import Config, Data, DeviceKey
from acs.cli.outcome import show_outcome
from acs.cli.output import console, moment
from acs.cwmp import messages as m
from acs.errors import AcsError
from acs.settings import Settings

__all__ = ["PAUSE", "Expires", "Key", "Wait", "absence", "send", "sends", "with_key"]

Key = Annotated[
    str, typer.Option("--key", help="CommandKey, 1 to 32 characters; sending one twice does nothing.")
]
Expires = Annotated[float, typer.Option(help="Give up after this many seconds.", min=1)]
Wait = Annotated[float, typer.Option(help="Wait so many seconds for the outcome and print it.", min=0)]
Force = Annotated[bool | None, typer.Option("--force", help="Send what the checks refuse.")]

PAUSE = 0.25
"""Seconds between two looks at a command that is waited for."""


def with_key(key: str) -> str:
    """Return the CommandKey given, or one of its own; ``AcsError`` where it is too long."""
    if len(key) > 32:
        raise AcsError(f"the CommandKey {key!r} has {len(key)} characters; 1 to 32 are allowed")
    return key or f"op-{uuid.uuid4().hex[:16]}"


def sends(expires: float = 3600) -> Callable[[Callable[..., m.Message]], Callable[..., None]]:
    """Make a command of a function that returns the message to be sent.

    The command has the device before the function's own arguments, and the options of ``send`` after its own;
    ``expires`` is the default of one of them. A function with a parameter ``key`` is given the CommandKey.
    """
    shared = dict(inspect.signature(send, eval_str=True).parameters)
    del shared["message"]
    shared["expires"] = shared["expires"].replace(default=expires)

    def command_of(make: Callable[..., m.Message]) -> Callable[..., None]:
        own = dict(inspect.signature(make, eval_str=True).parameters)
        wants_key = own.pop("key", None) is not None

        @functools.wraps(make)
        def command(**given: Any) -> None:
            options = {name: given.pop(name) for name in shared}
            said = options["key"]
            options["key"] = with_key(said)
            if wants_key:
                given["key"] = options["key"]
            message = make(**given)
            options["key"] = _key_in(message, said) or options["key"]
            send(message=message, **options)

        device, *rest = shared.values()
        parameters = (device, *own.values(), *rest)
        # typer makes the command's options of these.
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {each.name: each.annotation for each in parameters}
        return command

    return command_of


def _key_in(message: m.Message, said: str) -> str:
    """Return the CommandKey that the request itself names, "" where it has none.

    Raises ``AcsError`` where ``--key`` has ``said`` another.
    """
    own = message.command_key if isinstance(message, m.KeyedMethod) else ""
    if said and own and own != said:
        raise AcsError(f"--key says {said!r}, the arguments say {own!r}: name one CommandKey")
    return with_key(own) if own else ""


def send(
    device: DeviceKey,
    message: m.Message,
    data: Data = None,
    config: Config = None,
    key: Key = "",
    expires: Expires = 3600,
    wait: Wait = 0,
    force: Force = False,
) -> None:
    """Queue ``message`` for a device, unless a check refuses it; with ``wait``, print the outcome.

    ``force``: queue it all the same; None where the user has no such choice.
    Raises ``AcsError`` naming the rule and the remedy, and for an outcome that is not success.
    """
    from acs import commands as cm
    from acs import devices as dev

    settings = settings_with_profiles(data, config)
    command_key = with_key(key)

    def act(conn: Connection) -> int:
        now = time.time()
        found = find_device(conn, device)
        request, problems = _checked(conn, found, message)
        if problems and not force:
            remedy = "" if force is None else "; --force sends it all the same"
            raise AcsError("; ".join(problems[:5]) + remedy)
        made = cm.enqueue(
            conn,
            found.id,
            _sealed(conn, found, request, settings),
            command_key=command_key,
            purpose="operator",
            expires_at=now + max(expires, cm.lasts(message)),
            unchecked=True,  # it was, above
            now=now,
        )
        method = m.method_name(message)
        if (made.device_id, made.method) != (found.id, method):
            raise AcsError(f"the CommandKey {command_key!r} is that of command {made.id}, {made.method}")
        dev.audit(conn, who(), f"command {method}", device, command_key, now=now)
        return made.id

    number = write(settings, act)
    console.print(f"command {number} is queued")
    if wait:
        show_outcome(_await(lambda: read(settings, lambda conn: _look(conn, number)), wait))


def _checked(conn: Connection, device: Any, message: m.Message) -> tuple[m.Message, list[str]]:
    """Return the request with the types that belong to its values, and what is wrong with it."""
    from acs import commands as cm
    from acs import devices as dev

    if isinstance(message, m.SetParameterValues):
        model = dev.model_for(conn, device)
        known = cm.told_types(conn, device.id, [each.name for each in message.parameters])
        message = replace(
            message,
            parameters=tuple(
                each if each.type else replace(each, type=_type(each.name, model, known))
                for each in message.parameters
            ),
        )
    return message, cm.problems_of(conn, device, message, strict=True)


def _sealed(conn: Connection, device: Any, message: m.Message, settings: Settings) -> m.Message:
    """Return the request as it may be stored. Raises ``AcsError`` where there is no key to seal secrets."""
    from acs import commands as cm
    from acs.security import Sealer, Secrets
    from acs.store import confirm_master_key

    secret = cm.secret_for(conn, device, message)
    if not cm.holds_secrets(message, secret):
        return message
    if not (settings.data / "master.key").is_file():
        raise AcsError(
            f"what is secret in the request is sealed with the node's key, and there is none in"
            f" {settings.data}; send it where the node's data directory is"
        )
    secrets = Secrets.load(settings.data)
    confirm_master_key(conn, secrets.check)
    sealer = Sealer(secrets.store_key)
    return cm.seal_request(message, sealer, device.device_key, secret)


def _type(name: str, model: Any, known: dict[str, str]) -> str:
    spec = model.spec(name) if model is not None else None
    return spec.xsd_type if spec is not None else known.get(name, "xsd:string")


def _look(conn: Connection, number: int) -> tuple[Any, str]:
    """Return a command, and where it waits for a session why there may be none."""
    from acs import commands as cm
    from acs import devices as dev

    command = cm.find_command(conn, number)
    if command is None or command.state not in cm.OPEN:
        return command, ""
    progress = ""
    if command.part is not None:
        progress = "{} of {} parts are answered; ".format(*cm.count_parts(conn, number))
    if command.state != "queued":
        return command, progress
    return command, progress + absence(dev.get(conn, command.device_id), command.created_at)


def absence(device: Any, since: float) -> str:
    """Say why a device for which something was queued did not come."""
    if device.blocked:
        return f"the device is {device.admission}: {device.admission_reason}; "
    if (device.connection_request_tried_at or 0.0) < since:
        if device.connection_request_error and (device.connection_request_at or 0.0) > time.time():
            again = moment(device.connection_request_at)
            return f"the last call failed ({device.connection_request_error}), the next is at {again}; "
        return "nobody has called it yet: is a node running, see acs serve? "
    if device.connection_request_error:
        return f"it could not be called: {device.connection_request_error}; "
    return f"it was called ({device.connection_request_result}) and did not come; "


def _await(look: Callable[[], tuple[Any, str]], seconds: float) -> Any:
    from acs.commands import OPEN

    end = time.monotonic() + seconds
    while True:
        command, why = look()
        if command is None or command.state not in OPEN:
            return command
        if time.monotonic() >= end:
            state = f"it is {command.state}; {why}see: acs commands show {command.id}"
            raise AcsError(f"the device did not answer command {command.id} within {seconds:g} s; {state}")
        time.sleep(PAUSE)
