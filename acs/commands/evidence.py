"""What a device says on its own about commands: after a reboot, a reset, a transfer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy import Connection

from acs.commands.model import OPEN, Command, Recovery, recovery_of, reply_json
from acs.commands.queue import RESTARTS, change, command_of_key, fail, open_commands, unanswered
from acs.cwmp import events as ev
from acs.cwmp import messages as m

__all__ = ["du_state_change_complete", "informed", "is_repeated", "never_restarted", "transfer_complete"]

RESTART_OVERDUE = 600.0
"""Seconds after which a device that agreed to restart, and comes without a boot, has not done it."""
_DOWNLOADS = ("Download", "ScheduleDownload")
_TRANSFERS = ("Download", "Upload", "ScheduleDownload")
_MOST_RESULTS, _LONGEST = 64, 256  # operations of a ChangeDUState, characters of each text in a result
_TEXTS = (
    *("uuid", "deployment_unit_ref", "version", "current_state"),
    *("execution_unit_ref_list", "start_time", "complete_time"),
)


def informed(
    conn: Connection,
    device_id: int,
    events: Iterable[m.Event],
    *,
    epoch: int,
    now: float,
    other_version: bool = False,
) -> list[Command]:
    """Draw the conclusions of an Inform that opened session ``epoch``; return what it settled.

    Completes Reboot (``M Reboot``, or any boot after it was accepted) and FactoryReset
    (``0 BOOTSTRAP``), and decides about commands that an earlier session left unanswered.
    ``other_version``: it runs other software than before, and as its profile says that is all the device
    tells of a Download; whether it is the software that was wanted is for those to see who wanted it.
    """
    events = tuple(events)
    booted = ev.has_event(events, ev.BOOT) or ev.has_event(events, ev.BOOTSTRAP)
    settled: list[Command] = []
    for command in open_commands(conn, device_id):
        if command.state == "queued":
            continue
        if _happened(command, events) or (
            other_version and command.method in _DOWNLOADS and not ev.has_event(events, ev.TRANSFER_COMPLETE)
        ):
            settled.append(change(conn, command, state="succeeded", settled_at=now))
        elif command.state == "sent" and command.session_epoch != epoch:
            settled += unanswered(conn, command, booted=booted, now=now)
    return settled


def never_restarted(
    conn: Connection, device_id: int, events: Iterable[m.Event], *, now: float
) -> list[Command]:
    """Give up what a device has agreed to and not done: it comes long after, and has not restarted.

    Until then nothing else is sent to it (TR-069 A.3.2.9), so one that only says yes would stop its queue.
    """
    events = tuple(events)
    if ev.has_event(events, ev.BOOT) or ev.has_event(events, ev.BOOTSTRAP):
        return []
    return [
        fail(conn, each, None, f"it was accepted {now - each.sent_at:.0f} s ago and not done", now=now)
        for each in open_commands(conn, device_id)
        if each.state == "accepted"
        and recovery_of(each.method) in RESTARTS
        and each.sent_at is not None
        and now >= each.sent_at + RESTART_OVERDUE
    ]


def _happened(command: Command, events: tuple[m.Event, ...]) -> bool:
    match recovery_of(command.method):
        case Recovery.BOOT_TELLS:
            if command.command_key in ev.command_keys(events, "Reboot"):
                return True
            # A boot without any M Reboot is the effect asked for; one with another key is another's.
            # A bootstrap is a boot as well, and the M Reboot of before is forgotten then.
            booted = ev.has_event(events, ev.BOOT) or ev.has_event(events, ev.BOOTSTRAP)
            return booted and not ev.command_keys(events, "Reboot")
        case Recovery.BOOTSTRAP_TELLS:
            return ev.has_event(events, ev.BOOTSTRAP)
        case _:
            return False


def transfer_complete(
    conn: Connection, device_id: int, message: m.TransferComplete, *, now: float
) -> list[Command]:
    """Settle the transfer that ended; a second TransferComplete or one of an unknown key changes nothing.

    An empty CommandKey is taken for the only transfer that is open (seen of real clients).
    """
    transfers = [each for each in open_commands(conn, device_id) if each.method in _TRANSFERS]
    transfers = [each for each in transfers if each.state != "queued" or each.attempts]
    matching = [each for each in transfers if each.command_key == message.command_key]
    if not matching and not message.command_key and len(transfers) == 1:
        matching = transfers
    return [_transferred(conn, each, message, now=now) for each in matching]


def _transferred(conn: Connection, command: Command, message: m.TransferComplete, *, now: float) -> Command:
    fault = replace(message.fault, string=message.fault.string[:256])
    start, complete = message.start_time[:64], message.complete_time[:64]
    result = reply_json(replace(message, fault=fault, start_time=start, complete_time=complete))
    if message.fault.code:
        return fail(conn, command, message.fault.code, message.fault.string, now=now, result=result)
    return change(conn, command, state="succeeded", settled_at=now, result=result)


def is_repeated(
    conn: Connection, device_id: int, message: m.TransferComplete | m.DUStateChangeComplete
) -> bool:
    """Tell whether a command of this key has ended by such a message before."""
    command = command_of_key(conn, message.command_key)
    if command is None or command.device_id != device_id or command.state in OPEN:
        return False
    return isinstance(command.answer, type(message))


def du_state_change_complete(
    conn: Connection, device_id: int, message: m.DUStateChangeComplete, *, now: float
) -> list[Command]:
    """Settle the ChangeDUState that ended: failed when any of its operations failed.

    The result has the outcome of each operation. An empty CommandKey is taken for the only one that is open.
    """
    changes = [each for each in open_commands(conn, device_id) if each.method == "ChangeDUState"]
    changes = [each for each in changes if each.state != "queued"]
    matching = [each for each in changes if each.command_key == message.command_key]
    if not matching and not message.command_key and len(changes) == 1:
        matching = changes
    return [_units_changed(conn, each, message, now=now) for each in matching]


def _units_changed(
    conn: Connection, command: Command, message: m.DUStateChangeComplete, *, now: float
) -> Command:
    result = reply_json(replace(message, results=tuple(map(_bounded, message.results[:_MOST_RESULTS]))))
    bad = next((each.fault for each in message.results if each.fault.code), None)
    if bad is not None:
        return fail(conn, command, bad.code, bad.string, now=now, result=result)
    return change(conn, command, state="succeeded", settled_at=now, result=result)


def _bounded(result: m.OperationResult) -> m.OperationResult:
    """Return the result of an operation without what would fill the database."""
    texts = {name: getattr(result, name)[:_LONGEST] for name in _TEXTS}
    fault = replace(result.fault, string=result.fault.string[:_LONGEST])
    return replace(result, **texts, fault=fault)
