"""Finding out what a device has: one piece at a time, in sessions that are open anyway, over any node.

A piece is a command of the lowest priority; its answer is stored and asks for the next one. Nothing of it is
there on the way of a steady Inform: a discovery under way is an open command like any other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, func, insert, select, update

from acs import devices as dev
from acs.commands.model import Command
from acs.commands.queue import cancel, enqueue, open_commands
from acs.commands.survey import MOST_ENTRIES, Piece, Survey, begin, request
from acs.cwmp import messages as m
from acs.datamodel import profile_for
from acs.errors import AcsError
from acs.store.tables import discovered, discoveries

__all__ = [
    "DISCOVERY",
    "Discovery",
    "discover",
    "discovered_tree",
    "discovery_of",
    "discovery_settled",
    "renew_discovery",
]

DISCOVERY = "discovery"
"""The purpose of a command whose answer is for ``discovery_settled``."""
_PRIORITY = 9
_CHUNK = 400


@dataclass(frozen=True, slots=True)
class Discovery:
    """How far the discovery of a device has come.

    ``state``: running, done, or partial (it is over, and ``failed`` says which paths it could not read).
    """

    device_id: int
    base: str
    state: str
    software_version: str
    generation: int
    pending: tuple[tuple[str, bool], ...]
    failed: dict[str, str]
    entries: int
    asked: int
    started_at: float
    changed_at: float


def discovery_of(conn: Connection, device_id: int) -> Discovery | None:
    """Return the last discovery of a device, None when there was none.

    One whose command expired or was withdrawn is over, though nobody was told.
    """
    found = _stored(conn, device_id)
    if found is None or found.state != "running":
        return found
    key = _key(found, found.asked)
    if any(each.command_key == key for each in open_commands(conn, device_id)):
        return found
    left = {path: "not asked for any more: the command expired or was withdrawn" for path, _ in found.pending}
    return replace(found, state="partial", failed={**found.failed, **left})


def _stored(conn: Connection, device_id: int) -> Discovery | None:
    row = conn.execute(select(discoveries).where(discoveries.c.device_id == device_id)).mappings().first()
    if row is None:
        return None
    values: dict[str, Any] = dict(row)
    values["pending"] = tuple((path, deep) for path, deep in msgspec.json.decode(row["pending"]))
    values["failed"] = msgspec.json.decode(row["failed"])
    return Discovery(**values)


def discover(
    conn: Connection, device: dev.Device, *, path: str = "", call: bool = False, now: float
) -> Discovery:
    """Begin the discovery of a device, or of the one object ``path``; one under way is begun anew.

    With ``call`` the device is called for it; otherwise it waits for the next session.
    Raises ``AcsError`` where ``path`` is no object below the device's root.
    """
    root = device.root or "Device."
    if path and not (path.endswith(".") and path.startswith(root)):
        raise AcsError(f"{path!r} is no object of this device; it begins with {root} and ends with a dot")
    before = discovery_of(conn, device.id)
    for command in open_commands(conn, device.id):
        if command.purpose == DISCOVERY:
            cancel(conn, command.id, now=now)
    survey = begin(root, profile_for(device), path)
    values = {
        "base": path or root,
        "software_version": device.software_version,
        "generation": before.generation + 1 if before else 1,
        "entries": 0,
        "started_at": now,
    }
    conn.execute(delete(discoveries).where(discoveries.c.device_id == device.id))
    conn.execute(insert(discoveries).values(device_id=device.id, **values, **_progress(survey, now)))
    made = _stored(conn, device.id)
    assert made is not None
    _ask(conn, made, survey, call=call, now=now)
    return made


def renew_discovery(conn: Connection, device: dev.Device, *, unknown: bool, now: float) -> None:
    """Begin anew where the device runs another software than it was discovered under.

    A device that was never discovered is left alone, unless ``unknown`` ones are wanted too.
    """
    before = discovery_of(conn, device.id)
    if before is None and not unknown:
        return
    if before is None or before.software_version != device.software_version:
        discover(conn, device, now=now)


def discovery_settled(
    conn: Connection, device: dev.Device, settled: Iterable[Command], *, now: float
) -> None:
    """Take what became of the commands of a discovery, and ask for the next piece."""
    for command in settled:
        if command.purpose != DISCOVERY:
            continue
        found = _stored(conn, device.id)
        if found is None or found.state != "running" or command.command_key != _key(found, found.asked):
            continue
        _took(conn, device, found, command, now=now)


def discovered_tree(
    conn: Connection, device_id: int, prefix: str = "", *, limit: int = MOST_ENTRIES
) -> dict[str, bool]:
    """Return path to writable of what is known of a device below ``prefix``; objects end with a dot."""
    query = select(discovered.c.path, discovered.c.writable).where(discovered.c.device_id == device_id)
    if prefix:
        query = query.where(discovered.c.path.startswith(prefix, autoescape=True))
    rows = conn.execute(query.order_by(discovered.c.path).limit(limit))
    return {row.path: row.writable for row in rows}


def _took(conn: Connection, device: dev.Device, found: Discovery, command: Command, *, now: float) -> None:
    profile = profile_for(device)
    root = device.root or "Device."
    survey = Survey(root, tuple(Piece(*each) for each in found.pending), found.failed, found.asked)
    answer = command.answer if command.succeeded else None
    entries = found.entries
    if isinstance(answer, m.GetParameterNamesResponse):
        survey, told = survey.answered(answer.parameters, profile)
        room = max(0, MOST_ENTRIES - entries)
        kept = dict(list(told.items())[:room])
        if len(kept) < len(told):
            failed = {**survey.failed, root: f"it has more than {MOST_ENTRIES} entries"}
            survey = Survey(root, (), failed, survey.asked)
        _keep(conn, device.id, kept, generation=found.generation, now=now)
        entries = _count(conn, found)
    else:
        model = dev.model_for(conn, device)
        top = model.children(root) if model is not None else ()
        objects = [each for each in top if each.endswith(".") and "{" not in each]
        survey = survey.refused(command.fault_code, command.fault_string, objects, profile)
    progress = _progress(survey, now)
    conn.execute(
        update(discoveries).where(discoveries.c.device_id == device.id).values(entries=entries, **progress)
    )
    if survey.next is None:
        _forget(conn, found, survey)
        return
    _ask(conn, found, survey, call=False, now=now)


def _progress(survey: Survey, now: float) -> dict[str, Any]:
    state = "running" if survey.pending else "partial" if survey.failed else "done"
    pending = [[each.path, each.deep] for each in survey.pending]
    return {
        "state": state,
        "pending": msgspec.json.encode(pending).decode(),
        "failed": msgspec.json.encode(survey.failed).decode(),
        "asked": survey.asked,
        "changed_at": now,
    }


def _key(found: Discovery, asked: int) -> str:
    return f"d{found.device_id}-{found.generation}-{asked}"


def _ask(conn: Connection, found: Discovery, survey: Survey, *, call: bool, now: float) -> None:
    piece = survey.next
    assert piece is not None
    enqueue(
        conn,
        found.device_id,
        request(piece),
        command_key=_key(found, survey.asked),
        purpose=DISCOVERY,
        priority=_PRIORITY,
        call=call,
        now=now,
    )


def _keep(conn: Connection, device_id: int, told: dict[str, bool], *, generation: int, now: float) -> None:
    paths = list(told)
    for start in range(0, len(paths), _CHUNK):
        chunk = paths[start : start + _CHUNK]
        mine = (discovered.c.device_id == device_id, discovered.c.path.in_(chunk))
        here = set(conn.execute(select(discovered.c.path).where(*mine, discovered.c.writable)).scalars())
        conn.execute(delete(discovered).where(*mine))
        # A parent that only its children tell of keeps what was told of it in an earlier piece.
        rows = [
            {"path": path, "writable": told[path] or (path in here and path.endswith("."))} for path in chunk
        ]
        common = {"device_id": device_id, "generation": generation, "seen_at": now}
        conn.execute(insert(discovered), [{**common, **row} for row in rows])


def _count(conn: Connection, found: Discovery) -> int:
    query = select(func.count()).where(
        discovered.c.device_id == found.device_id, discovered.c.generation == found.generation
    )
    return int(conn.execute(query).scalar_one())


def _forget(conn: Connection, found: Discovery, survey: Survey) -> None:
    """Delete what the device no longer has; what could not be read again is kept."""
    old = delete(discovered).where(
        discovered.c.device_id == found.device_id,
        discovered.c.generation < found.generation,
        discovered.c.path.startswith(found.base, autoescape=True),
    )
    for path in survey.failed:
        old = old.where(~discovered.c.path.startswith(path, autoescape=True))
    conn.execute(old)
