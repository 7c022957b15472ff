"""The durable queue of RPCs of each device: enqueue, hand over, settle.

It is the only way to make a device do anything, and a command that has an effect is executed
at most once: where the answer was lost, evidence decides before it is sent again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, bindparam, delete, func, insert, select, update

from acs import devices as dev
from acs.commands.model import (
    OPEN,
    Command,
    Recovery,
    command_from_row,
    lasts,
    recovery_of,
    reply_json,
)
from acs.commands.parts import drop_parts, part_answered, request_of
from acs.commands.refuse import refuse_wrong
from acs.cwmp import messages as m
from acs.cwmp import pack
from acs.cwmp.versions import introduced, minor_of
from acs.errors import AcsError
from acs.store import signal
from acs.store.tables import command_is_open, commands, devices

__all__ = [
    "asked_anew",
    "cancel",
    "command_of_key",
    "enqueue",
    "expire",
    "extend",
    "fail",
    "find_command",
    "list_commands",
    "next_command",
    "once_more",
    "open_commands",
    "outstanding",
    "requests_with_placeholders",
    "settle",
]

MAX_ATTEMPTS = 5
_MOST_OWN = 2000  # settled commands of neither a case nor a person that are kept of one device
_NOW_AND_THEN = 50  # commands after which that is looked at
_OWN = and_(
    commands.c.case_id.is_(None),
    commands.c.purpose != "operator",
    commands.c.settled_at.is_not(None),
)
_OLD_OWN = (
    select(commands.c.id)
    .where(commands.c.device_id == bindparam("device"), _OWN)
    .order_by(commands.c.id.desc())
    .offset(_MOST_OWN)
    .limit(1)
)
MAX_RESULT = 1024 * 1024
"""The most characters of an answer, as JSON, that a case is given: it reads them at every replay."""
_GRACE = 0.5  # seconds in which an open session may fetch the command before the device is called
_PATIENCE = 7 * 86400.0
_PROBE = "transfer-probe"
_TOO_LATE = {
    "queued": "the time allowed is over; the device did not come for it",
    "sent": "the time allowed is over; the device did not answer, and may have done it",
    "accepted": "the time allowed is over; the device did not tell the end of it, and may still do it",
}
RESTART_PATIENCE = 60.0
"""Seconds in which a device that got a Reboot or FactoryReset may still come without having done it.

TR-069 A.3.2.9 lets it finish what it is at first. A session of it that bears no boot after that proves that
it never got the request; before, a second one with the same CommandKey could make it restart twice.
"""
RESTARTS = (Recovery.BOOT_TELLS, Recovery.BOOTSTRAP_TELLS)
_COMMITS = ("SetParameterValues", "AddObject", "DeleteObject")

_BY_KEY = select(commands).where(commands.c.command_key == bindparam("key"))
_BY_ID = select(commands).where(commands.c.id == bindparam("id_"))
_TO_CLOSE = _BY_ID.with_for_update()
_OPEN_OF_DEVICE = (
    select(commands)
    .where(commands.c.device_id == bindparam("device"), command_is_open)
    .order_by(commands.c.priority, commands.c.id)
)
_OUTSTANDING = select(commands).where(
    commands.c.device_id == bindparam("device"),
    command_is_open,
    commands.c.state == "sent",
    commands.c.session_epoch == bindparam("epoch"),
)
_ADD = insert(commands).returning(commands)
_CHANGE = update(commands).where(commands.c.id == bindparam("id_")).returning(commands)
_CALL = (
    update(devices)
    .where(devices.c.id == bindparam("device"))
    .values(connection_request_at=func.coalesce(devices.c.connection_request_at, bindparam("at")))
)


def enqueue(
    conn: Connection,
    device_id: int,
    message: m.Message,
    *,
    command_key: str,
    purpose: str,
    case_id: int | None = None,
    priority: int = 5,
    expires_at: float | None = None,
    unchecked: bool = False,
    call: bool = True,
    now: float,
) -> Command:
    """Queue a request for a device, once per ``command_key`` however often it is called.

    Raises ``RefusedRequest`` for a write that the device's data model forbids, unless it is ``unchecked``.
    Not ``call``: it waits for a session that is open anyway.

    ``command_key`` (1 to 32 characters) is the idempotency key, and the CommandKey of a request that has one:
    the device tells under it what became of the request. A lower ``priority`` goes first. What is not settled
    by ``expires_at`` (a week by default) is given up.
    """
    if not 1 <= len(command_key) <= 32:
        raise AcsError(
            f"the CommandKey {command_key!r} has {len(command_key)} characters; 1 to 32 are allowed"
        )
    known = command_of_key(conn, command_key)
    if known is not None:
        return known
    message = _under_key(message, command_key)
    if not unchecked:
        refuse_wrong(conn, device_id, message)
    values = {
        "device_id": device_id,
        "command_key": command_key,
        "method": m.method_name(message),
        "payload": msgspec.json.encode(pack(message)).decode(),
        "purpose": purpose,
        "case_id": case_id,
        "priority": priority,
        "state": "queued",
        "created_at": now,
        "expires_at": now + max(_PATIENCE, lasts(message)) if expires_at is None else expires_at,
    }
    command = command_from_row(conn.execute(_ADD, values).mappings().one())
    if command.id % _NOW_AND_THEN == 0:
        _forget_own(conn, device_id)
    if call:
        conn.execute(_CALL, {"device": device_id, "at": now + _GRACE})
    signal(conn, "commands", str(device_id))
    return command


def _under_key(message: m.Message, command_key: str) -> m.Message:
    """Return a request with this CommandKey, where it has one of its own; a CancelTransfer has another's."""
    if isinstance(message, m.KeyedMethod) and message.command_key != command_key:
        return replace(message, command_key=command_key)
    return message


def _forget_own(conn: Connection, device_id: int) -> None:
    """Forget the oldest of what neither a case nor a person asked of a device, which may cause any number."""
    last = conn.execute(_OLD_OWN, {"device": device_id}).scalar()
    if last is not None:
        mine = commands.c.device_id == device_id
        conn.execute(delete(commands).where(mine, _OWN, commands.c.id <= last))


def open_commands(conn: Connection, device_id: int) -> list[Command]:
    """Return what is not yet settled, in the order in which it is to be sent."""
    return [command_from_row(row) for row in conn.execute(_OPEN_OF_DEVICE, {"device": device_id}).mappings()]


def change(conn: Connection, command: Command, **values: Any) -> Command:
    """Write ``values`` and return the command as it is then; a settled one has no parts any more."""
    if command.part is not None and values.get("state", "queued") not in OPEN:
        drop_parts(conn, command.id)
    return command_from_row(conn.execute(_CHANGE, {"id_": command.id, **values}).mappings().one())


def outstanding(conn: Connection, device_id: int, epoch: int) -> Command | None:
    """Return the command that this session handed to the device and that it has not answered."""
    row = conn.execute(_OUTSTANDING, {"device": device_id, "epoch": epoch}).mappings().first()
    return command_from_row(row) if row else None


def next_command(
    conn: Connection,
    device_id: int,
    epoch: int,
    *,
    now: float,
    allowed: Callable[[m.Message], bool] | None = None,
    device: dev.Device | None = None,
) -> tuple[Command, m.Message] | None:
    """Take the next command for the session ``epoch`` and mark it sent; None when the session may end.

    What is not ``allowed`` in this session stays where it is. ``device`` is that of ``device_id``, where it
    is known already.

    While a Reboot or FactoryReset is accepted, or may have been, nothing more is sent: the device waits for
    the end of the session to do it (TR-069 A.3.2.9).
    """
    found = open_commands(conn, device_id)
    if any(each.state in ("accepted", "sent") and recovery_of(each.method) in RESTARTS for each in found):
        return None
    for command in found:
        if command.state != "queued":
            continue
        if command.expires_at is not None and command.expires_at <= now:
            continue  # ``expire_overdue`` gives it up, or its case's clock, or that gives it more time
        if allowed is not None and not allowed(command.message):
            continue
        message, part = request_of(conn, command, device)
        values = {"part": part, "part_method": "" if part is None else m.method_name(message)}
        sent = change(
            conn,
            command,
            state="sent",
            session_epoch=epoch,
            sent_at=now,
            attempts=command.attempts + 1,
            **values,
        )
        return sent, message
    return None


def once_more(conn: Connection, command: Command) -> tuple[Command, m.Message] | None:
    """Send a command again in the session that did not receive it; None when that was done too often."""
    if command.attempts >= MAX_ATTEMPTS:
        return None
    again = change(conn, command, attempts=command.attempts + 1)
    return again, request_of(conn, again)[0]


def settle(conn: Connection, command_id: int, answer: m.Message, *, epoch: int, now: float) -> list[Command]:
    """Store the device's answer; return the commands that this settled.

    An answer to a command that is not outstanding in session ``epoch`` changes nothing.
    """
    row = conn.execute(_BY_ID, {"id_": command_id}).mappings().first()
    command = command_from_row(row) if row else None
    if command is None or command.state != "sent" or command.session_epoch != epoch:
        return []
    if command.purpose == _PROBE:
        change(conn, command, state="succeeded", settled_at=now)
        return _probe_answered(conn, command, answer, now=now)
    progress = part_answered(conn, command, answer)
    if progress.next is not None:
        values = {"part": progress.next, "part_method": progress.method}
        change(conn, command, state="queued", session_epoch=None, attempts=0, **values)
        return []
    if getattr(answer, "status", 0) == 1 and command.method in _COMMITS:
        key = getattr(command.message, "parameter_key", "")
        dev.mark_reboot_needed(conn, command.device_id, key, now=now)
    if progress.answer is None:
        return [fail(conn, command, None, progress.problem, now=now)]
    return _settle(conn, command, progress.answer, progress.problem, now=now)


def _settle(
    conn: Connection, command: Command, answer: m.Message, problem: str, *, now: float
) -> list[Command]:
    """Settle a command by the answer to all of it; ``problem`` says what the answer does not."""
    text = reply_json(answer)
    # What an alarm intake or a discovery asked for is applied at once and of no use afterwards.
    result = None if command.purpose.startswith(("alarm-", "discovery")) else text
    if isinstance(answer, m.Fault) or problem:
        code = answer.code if isinstance(answer, m.Fault) else None
        why = problem or getattr(answer, "string", "")
        return [fail(conn, command, code, why, now=now, result=result)]
    if command.case_id is not None and result is not None and len(result) > MAX_RESULT:
        why = f"the answer has {len(result)} characters, {MAX_RESULT} are allowed"
        return [fail(conn, command, None, why, now=now)]
    if _deferred(command.method, answer):
        change(conn, command, state="accepted", result=result)
        return []
    done = change(conn, command, state="succeeded", settled_at=now, result=result)
    return [replace(done, result=text), *_withdrawn(conn, command, now=now)]


def _withdrawn(conn: Connection, command: Command, *, now: float) -> list[Command]:
    """Give up the transfer that a CancelTransfer has withdrawn: no TransferComplete follows (A.4.1.9)."""
    request = command.message
    if not isinstance(request, m.CancelTransfer):
        return []
    key = request.command_key
    found = [each for each in open_commands(conn, command.device_id) if each.command_key == key]
    transfers = [
        each for each in found if each.state != "queued" and recovery_of(each.method) is Recovery.QUEUE_TELLS
    ]
    why = "withdrawn by CancelTransfer"
    return [change(conn, each, state="cancelled", settled_at=now, fault_string=why) for each in transfers]


def _deferred(method: str, answer: m.Message) -> bool:
    if isinstance(answer, m.DownloadResponse | m.UploadResponse):
        return bool(answer.status)
    return method in ("Reboot", "FactoryReset", "ScheduleDownload", "ChangeDUState")


def fail(
    conn: Connection, command: Command, code: int | None, text: str, *, now: float, result: str | None = None
) -> Command:
    """Settle a command as failed; what was answered of its parts is forgotten."""
    values = {"state": "failed", "settled_at": now, "fault_code": code, "fault_string": text[:256]}
    return change(conn, command, **values, result=result)


def probe_transfer(conn: Connection, command: Command, *, now: float) -> None:
    """Ask the device whether it knows the transfer whose Download or Upload went unanswered."""
    old = introduced("GetAllQueuedTransfers") > minor_of(dev.get(conn, command.device_id).cwmp_namespace)
    enqueue(
        conn,
        command.device_id,
        m.GetQueuedTransfers() if old else m.GetAllQueuedTransfers(),
        command_key=f"q{command.id}-{command.attempts}",
        purpose=_PROBE,
        case_id=command.case_id,
        priority=0,
        now=now,
    )


def _probe_answered(conn: Connection, probe: Command, answer: m.Message, *, now: float) -> list[Command]:
    transfer_id = int(probe.command_key[1:].partition("-")[0])
    row = conn.execute(_BY_ID, {"id_": transfer_id}).mappings().first()
    transfer = command_from_row(row) if row else None
    if transfer is None or transfer.state != "sent":
        return []
    if isinstance(answer, m.GetAllQueuedTransfersResponse | m.GetQueuedTransfersResponse) and not any(
        each.command_key == transfer.command_key for each in answer.transfers
    ):
        return send_again(conn, transfer, now=now)
    # It is queued there, or the device cannot tell: wait for its TransferComplete.
    change(conn, transfer, state="accepted")
    return []


def send_again(conn: Connection, command: Command, *, now: float) -> list[Command]:
    """Queue a command again whose effect is known not to have come about."""
    if command.attempts >= MAX_ATTEMPTS:
        text = f"sent {command.attempts} times, never answered"
        return [fail(conn, command, None, text, now=now)]
    change(conn, command, state="queued", session_epoch=None)
    return []


def asked_anew(conn: Connection, device_id: int, *, epoch: int, now: float) -> list[Command] | None:
    """Conclude from a RequestDownload in session ``epoch`` that a Download of an earlier one did not arrive.

    Returns what that settled, None where no Download was in doubt.
    """
    doubtful = [
        each
        for each in open_commands(conn, device_id)
        if each.method == "Download" and each.state == "sent" and each.session_epoch != epoch
    ]
    if not doubtful:
        return None
    return [settled for each in doubtful for settled in send_again(conn, each, now=now)]


def unanswered(conn: Connection, command: Command, *, booted: bool, now: float) -> list[Command]:
    """Decide about a command whose session is over and whose answer never came.

    ``booted``: the device has restarted since, for whatever reason.
    """
    match recovery_of(command.method):
        case Recovery.SEND_AGAIN:
            return send_again(conn, command, now=now)
        case Recovery.BOOT_TELLS | Recovery.BOOTSTRAP_TELLS:
            if not booted and command.sent_at is not None and now < command.sent_at + RESTART_PATIENCE:
                return []  # it may be about to restart
            return send_again(conn, command, now=now)
        case Recovery.QUEUE_TELLS:
            probe_transfer(conn, command, now=now)
            return []
        case Recovery.REPORT_TELLS:
            # Whether it arrived is not known, nor can it be asked; where it did, its report comes.
            change(conn, command, state="accepted")
            return []
        case Recovery.UNKNOWN:
            return [fail(conn, command, None, "outcome unknown: the answer was lost", now=now)]


def _close(conn: Connection, command_id: int, state: str, reason: str, *, now: float) -> Command | None:
    # With its lock: what another transaction settles in this moment has happened.
    row = conn.execute(_TO_CLOSE, {"id_": command_id}).mappings().first()
    if row is None or row["state"] not in OPEN:
        return None
    command = command_from_row(row)
    tried = command.state == "queued" and (command.attempts or command.part is not None)
    why = reason or _TOO_LATE["sent" if tried else command.state]
    return change(conn, command, state=state, settled_at=now, fault_string=why)


def expire(conn: Connection, command_id: int, *, now: float) -> Command | None:
    """Give up on a command whose time is over; None when it is settled already."""
    return _close(conn, command_id, "expired", "", now=now)


def extend(conn: Connection, command_id: int, *, until: float) -> bool:
    """Give a command more time; False where it is settled already."""
    query = update(commands).where(commands.c.id == command_id, command_is_open)
    return conn.execute(query.values(expires_at=until)).rowcount > 0


def cancel(conn: Connection, command_id: int, *, now: float) -> Command | None:
    """Withdraw a command. What the device has accepted it will still do; nobody waits for it any more."""
    return _close(conn, command_id, "cancelled", "withdrawn", now=now)


def find_command(conn: Connection, command_id: int) -> Command | None:
    """Return the command of this id."""
    row = conn.execute(_BY_ID, {"id_": command_id}).mappings().first()
    return command_from_row(row) if row else None


def command_of_key(conn: Connection, command_key: str) -> Command | None:
    """Return the command of this CommandKey."""
    row = conn.execute(_BY_KEY, {"key": command_key}).mappings().first()
    return command_from_row(row) if row else None


def requests_with_placeholders(conn: Connection, device_id: int) -> list[m.Message]:
    """Return the requests of a device, of whatever state, that hold placeholders of secrets."""
    query = select(commands).where(
        commands.c.device_id == device_id,
        commands.c.method == "SetParameterValues",
        commands.c.payload.contains(m.PLACEHOLDER_MARK),
    )
    return [command_from_row(row).message for row in conn.execute(query).mappings()]


def list_commands(
    conn: Connection,
    *,
    device_id: int | None = None,
    case_id: int | None = None,
    state: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Command]:
    """Return commands, the newest first; those with an id below ``before``."""
    query = select(commands).order_by(commands.c.id.desc()).limit(limit)
    for column, value in (
        (commands.c.device_id, device_id),
        (commands.c.case_id, case_id),
        (commands.c.state, state),
    ):
        if value is not None:
            query = query.where(column == value)
    if before is not None:
        query = query.where(commands.c.id < before)
    return [command_from_row(row) for row in conn.execute(query).mappings()]
