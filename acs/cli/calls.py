"""``acs devices call`` and ``call-credentials``: people call devices (TR-069 3.2.2)."""

from __future__ import annotations

import sys
import time
import uuid
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from acs.cli.node import find_device, read, require_data, secrets_of, settings_of, who, write
from acs.cli.options import Config, Data, DeviceKey
from acs.cli.output import console
from acs.cli.send import PAUSE, absence
from acs.cwmp import messages as m
from acs.errors import AcsError

__all__ = ["call_credentials", "call_device"]

_LONGEST = 256  # characters of ConnectionRequestUsername and -Password (TR-181)


def call_device(
    device: DeviceKey,
    data: Data = None,
    config: Config = None,
    wait: Annotated[float, typer.Option(help="Seconds in which it has to come.", min=1)] = 60,
) -> None:
    """Call a device now, whatever pause there is after earlier calls, and say how it was reached or why not.

    Example: acs devices call 0005B9-A1
    """
    from acs import commands as cm
    from acs import devices as dev

    settings = settings_of(data, config)
    started = time.time()

    def act(conn: Connection) -> int:
        found = find_device(conn, device)
        # Something harmless has to wait for it: a device is called for nothing else.
        made = cm.enqueue(
            conn,
            found.id,
            m.GetRPCMethods(),
            command_key=f"call-{uuid.uuid4().hex[:16]}",
            purpose="operator",
            expires_at=started + wait,
            now=started,
        )
        dev.call_now(conn, found.id, now=started)
        dev.audit(conn, who(), "device called", device, made.command_key, now=started)
        return made.id

    number = write(settings, act)

    def look(conn: Connection) -> tuple[Any, Any]:
        return cm.find_command(conn, number), find_device(conn, device)

    while True:
        command, found = read(settings, look)
        came = (found.last_inform_at or 0.0) >= started  # it may have to restart first, and be asked nothing
        given_up = command is None or command.state in ("expired", "cancelled")
        if came or not (given_up or command.state == "queued"):
            break
        if given_up or time.time() >= started + wait:
            why = absence(found, started).rstrip("; ")
            raise AcsError(f"{device} did not come within {wait:g} s: {why}")
        time.sleep(PAUSE)
    called = (found.connection_request_tried_at or 0.0) >= started
    how = f"was called ({found.connection_request_result}) and" if called else "was not called; it"
    after = max(0.0, (found.last_inform_at or 0.0) - started)
    console.print(f"{device} {how} came after {after:.1f} s", markup=False, highlight=False)


def call_credentials(
    device: DeviceKey,
    username: Annotated[str, typer.Argument(help="ConnectionRequestUsername of the device.")] = "",
    data: Data = None,
    config: Config = None,
    given: Annotated[bool, typer.Option("--given", help="Those that the ACS gives devices, again.")] = False,
) -> None:
    """Say with which credentials a device wants to be called, where it has some of its own.

    The password is read from standard input, one line. A device that the ACS has provisioned has those of the
    ACS already.

    Example: acs devices call-credentials 0005B9-A1 factory < password.txt
    """
    from acs import devices as dev
    from acs.southbound import seal_call_password

    if given == bool(username):
        raise AcsError("name a username, or --given; not both")
    settings = settings_of(data, config)
    require_data(settings)
    password = "" if given else sys.stdin.readline().rstrip("\r\n")
    if not given and not password:
        raise AcsError("the password is read from standard input, and there is none")
    if max(len(username), len(password)) > _LONGEST:
        raise AcsError(f"a username or a password has at most {_LONGEST} characters (TR-181)")
    sealed = None if given else seal_call_password(secrets_of(settings), password)

    def act(conn: Connection) -> None:
        found = find_device(conn, device)
        dev.set_connection_request_secret(conn, found.id, username, sealed)
        detail = "those of the ACS" if given else f"username {username}"
        dev.audit(conn, who(), "connection-request credentials set", device, detail, now=time.time())

    write(settings, act)
    shown = "those that the ACS gives it" if given else f"{username} and the password given"
    console.print(f"{device} is called with {shown}; try it: acs devices call {device}", markup=False)
