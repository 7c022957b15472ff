"""The routes of one command: what was sent and answered, and how it is withdrawn."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection

from acs import bulkdata as bd
from acs import commands as cm
from acs import devices as dev
from acs import remediation as rm
from acs.commands import Command
from acs.datamodel import veiled
from acs.northbound import shapes as sh
from acs.northbound.problems import ProblemError
from acs.northbound.resources import Call, number_of, shaped

__all__ = ["show", "withdraw"]


def _mentioned(conn: Connection, call: Call) -> Command:
    number = number_of(call)
    found = cm.find_command(conn, number)
    if found is None:
        raise ProblemError(404, f"there is no command {number}", field="id")
    return found


def show(conn: Connection, call: Call) -> sh.CommandDetail:
    """Show a command with its arguments and the answer; secrets in them are not shown."""
    found = _mentioned(conn, call)
    answered, known = cm.count_parts(conn, found.id) if found.part is not None else (0, 0)
    return shaped(
        sh.CommandDetail,
        found,
        device=dev.get(conn, found.device_id).device_key,
        arguments=veiled(msgspec.json.decode(cm.masked(found.payload))),
        answer=None if found.result is None else veiled(msgspec.json.decode(found.result)),
        parts_answered=answered,
        parts_known=known,
    )


def withdraw(conn: Connection, call: Call) -> sh.Command:
    """Withdraw a command that is not settled; what the device has accepted it may still do."""
    dev.lock(conn, _mentioned(conn, call).device_id)  # before its case, as everybody does
    found = _mentioned(conn, call)
    owner = dev.get(conn, found.device_id).device_key
    done = cm.cancel(conn, found.id, now=call.now)
    if done is None:
        raise ProblemError(409, f"command {found.id} is {found.state} already", field="id")
    bd.profile_commands_settled(conn, [done], now=call.now)
    rm.command_withdrawn(conn, done, now=call.now)
    what = f"command {done.method} cancelled"
    dev.audit(conn, call.caller.who, what, owner, done.command_key, now=call.now)
    return shaped(sh.Command, done, device=owner)
