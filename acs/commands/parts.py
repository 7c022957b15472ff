"""Commands that are sent in parts: which part is next, and what its answer comes to.

The command stays one row and one outcome; its parts are rows of their own until it is settled. Part and
answer are durable, so a read of a thousand parameters goes on in whatever session comes next.
"""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, delete, func, insert, select, update

from acs import devices as dev
from acs.commands.model import Command, reply_json
from acs.commands.split import following, merge, name_of, smaller, split
from acs.cwmp import messages as m
from acs.cwmp import pack, unpack
from acs.datamodel import Profile, profile_for
from acs.store.tables import command_parts

__all__ = ["Progress", "count_parts", "drop_parts", "part_answered", "request_of"]

MAX_PARTS = 4096
MAX_MERGED = 16 * 1024 * 1024
"""The most characters, as JSON, that the answers of all parts of a command may have together."""
_RESOURCES_EXCEEDED = 9004


class Progress(msgspec.Struct, frozen=True):
    """What an answer meant for its command: ``answer`` settles it; otherwise part ``next`` is to be sent.

    ``problem`` is why a command failed, where it is not the answer that tells.
    """

    answer: m.Message | None = None
    next: int | None = None
    method: str = ""
    problem: str = ""


def _profile_of(conn: Connection, device_id: int) -> tuple[Profile, str]:
    """Return the profile of a device and the root of its data model."""
    device = dev.get(conn, device_id)
    return profile_for(device), device.root or "Device."


def request_of(
    conn: Connection, command: Command, device: dev.Device | None = None
) -> tuple[m.Message, int | None]:
    """Return what is to be sent for a command now, and the number of that part (None: it is whole).

    ``device`` is the command's, where it is known already.
    """
    if command.part is not None:
        return _part(conn, command, command.part), command.part
    device = device or dev.get(conn, command.device_id)
    profile, root = profile_for(device), device.root or "Device."
    original = command.message
    parts = split(original, profile, root=root)
    # A GetParameterNames that had to be asked for otherwise is answered otherwise too.
    if len(parts) == 1 and (parts[0] == original or not isinstance(original, m.GetParameterNames)):
        return parts[0], None
    _add(conn, command, parts)
    return parts[0], 1


def part_answered(conn: Connection, command: Command, answer: m.Message) -> Progress:
    """Keep the answer to what was sent for a command; say whether that settles it, and how."""
    if command.part is None:
        return _whole_answered(conn, command, answer)
    original, request = command.message, _part(conn, command, command.part)
    profile, _ = _profile_of(conn, command.device_id)
    if isinstance(answer, m.Fault):
        parts = smaller(request, profile) if _too_much(answer) else ()
        if not parts:
            return _failed(conn, command, request, answer)
        _keep(conn, command, None)
        return _go_on(conn, command, parts)
    text = reply_json(answer)
    if _size(conn, command) + len(text) > MAX_MERGED:
        return Progress(problem=f"the answers to its parts have more than {MAX_MERGED} characters")
    _keep(conn, command, text)
    progress = _go_on(conn, command, following(original, request, answer, profile))
    if progress.next is None and not progress.problem:
        return Progress(merge(original, _answers(conn, command)))
    return progress


def _whole_answered(conn: Connection, command: Command, answer: m.Message) -> Progress:
    if not _too_much(answer):
        return Progress(answer)
    profile, root = _profile_of(conn, command.device_id)
    parts = smaller(split(command.message, profile, root=root)[0], profile)
    return _go_on(conn, command, parts) if parts else Progress(answer)


def _too_much(answer: m.Message) -> bool:
    return isinstance(answer, m.Fault) and answer.code == _RESOURCES_EXCEEDED


def _go_on(conn: Connection, command: Command, more: tuple[m.Message, ...]) -> Progress:
    """Queue further parts and name the next one; nothing where all are answered."""
    if more and not _add(conn, command, more):
        return Progress(problem=f"it would take more than {MAX_PARTS} parts")
    query = (
        select(command_parts.c.number, command_parts.c.method)
        .where(command_parts.c.command_id == command.id, command_parts.c.answered.is_(False))
        .order_by(command_parts.c.number)
        .limit(1)
    )
    row = conn.execute(query).first()
    return Progress(next=row.number, method=row.method) if row else Progress()


def _failed(conn: Connection, command: Command, request: m.Message, fault: m.Fault) -> Progress:
    count = _count(conn, command)
    text = f"part {command.part} of {count} ({name_of(request)}): fault {fault.code} {fault.string}"
    if isinstance(request, m.SetParameterValues) and command.part != 1:
        text += "; the parts before it are applied"
    return Progress(fault, problem=text)


def _part(conn: Connection, command: Command, number: int) -> m.Message:
    query = select(command_parts.c.method, command_parts.c.payload).where(*_key(command, number))
    row = conn.execute(query).one()
    return unpack(row.method, msgspec.json.decode(row.payload))


def _key(command: Command, number: int | None) -> tuple[Any, ...]:
    return command_parts.c.command_id == command.id, command_parts.c.number == number


def _count(conn: Connection, command: Command) -> int:
    query = select(func.count()).where(command_parts.c.command_id == command.id)
    return int(conn.execute(query).scalar_one())


def count_parts(conn: Connection, command_id: int) -> tuple[int, int]:
    """Return how many parts of an open command are answered, and how many are known of."""
    query = select(command_parts.c.answered).where(command_parts.c.command_id == command_id)
    found = list(conn.execute(query).scalars())
    return sum(found), len(found)


def _size(conn: Connection, command: Command) -> int:
    query = select(func.coalesce(func.sum(command_parts.c.size), 0))
    return int(conn.execute(query.where(command_parts.c.command_id == command.id)).scalar_one())


def _add(conn: Connection, command: Command, parts: tuple[m.Message, ...]) -> bool:
    """Queue parts after those that are there; tell whether that was allowed."""
    count = _count(conn, command)
    if count + len(parts) > MAX_PARTS:
        return False
    rows = [
        {
            "command_id": command.id,
            "number": number,
            "method": m.method_name(each),
            "payload": msgspec.json.encode(pack(each)).decode(),
        }
        for number, each in enumerate(parts, count + 1)
    ]
    conn.execute(insert(command_parts), rows)
    return True


def _keep(conn: Connection, command: Command, text: str | None) -> None:
    values = {"answered": True, "result": text, "size": len(text or "")}
    conn.execute(update(command_parts).where(*_key(command, command.part)).values(**values))


def _answers(conn: Connection, command: Command) -> list[m.Message]:
    query = (
        select(command_parts.c.result)
        .where(command_parts.c.command_id == command.id, command_parts.c.result.is_not(None))
        .order_by(command_parts.c.number)
    )
    stored = [msgspec.json.decode(row.result) for row in conn.execute(query)]
    return [unpack(each["method"], each["fields"]) for each in stored]


def drop_parts(conn: Connection, command_id: int) -> None:
    """Forget the parts of a command that is settled."""
    conn.execute(delete(command_parts).where(command_parts.c.command_id == command_id))
