"""Runs of playbooks that operators or other playbooks ask for: kept until the device is free for one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from acs.remediation.scripts.library import keep_source
from acs.remediation.scripts.load import Script
from acs.store.tables import case_is_open, cases, devices, playbook_runs

__all__ = [
    "Run",
    "begin_run",
    "case_of",
    "device_keys",
    "due_runs",
    "end_run",
    "request_run",
    "runs_of",
    "take_run",
    "withdraw_runs",
]


_CHUNK = 500  # ids in one question


@dataclass(frozen=True, slots=True)
class Run:
    """One run; ``state``: held (until another one ended), queued, running, ended.

    ``parent_case`` and ``parent_seq``: the step that asked for it.
    """

    id: int
    device_id: int
    playbook: str
    version: str
    who: str
    why: str
    parent_case: int | None
    parent_seq: int | None
    state: str
    case_id: int | None
    outcome: str
    requested_at: float


def request_run(
    conn: Connection,
    device_id: int,
    script: Script,
    *,
    who: str,
    why: str,
    parent: tuple[int, int] | None = None,
    held: bool = False,
    now: float,
) -> int:
    """Ask that a playbook be run for a device as soon as it has no open case; return the run's id.

    ``parent``: the case and the step that wait for it; ``held``: not before another of these has ended.
    """
    keep_source(conn, script, now=now)
    row = {
        "device_id": device_id,
        "playbook": script.name,
        "version": script.version,
        "who": who,
        "why": why,
        "parent_case": parent[0] if parent else None,
        "parent_seq": parent[1] if parent else None,
        "state": "held" if held else "queued",
        "requested_at": now,
    }
    made = conn.execute(insert(playbook_runs).values(**row).returning(playbook_runs.c.id)).scalar_one()
    return int(made)


def take_run(conn: Connection, device_id: int) -> Run | None:
    """Return the oldest run that waits for this device; ``begin_run`` says that it was taken."""
    query = (
        select(playbook_runs)
        .where(playbook_runs.c.device_id == device_id, playbook_runs.c.state == "queued")
        .order_by(playbook_runs.c.id)
        .limit(1)
    )
    row = conn.execute(query).mappings().first()
    return _run(row) if row else None


def case_of(conn: Connection, run_id: int) -> int | None:
    """Return the case that does a run; None while it waits."""
    query = select(playbook_runs.c.case_id).where(playbook_runs.c.id == run_id)
    found: int | None = conn.execute(query).scalar_one()
    return found


def begin_run(conn: Connection, run_id: int, case_id: int) -> None:
    """Note which case does it."""
    _change(conn, playbook_runs.c.id == run_id, state="running", case_id=case_id)


def end_run(conn: Connection, case_id: int, outcome: str) -> int | None:
    """Note what became of the run that a case did; return the case that waits for it, if one does.

    Another run of the same step, if one is held, may begin.
    """
    row = conn.execute(
        update(playbook_runs)
        .where(playbook_runs.c.case_id == case_id, playbook_runs.c.state == "running")
        .values(state="ended", outcome=outcome)
        .returning(playbook_runs.c.parent_case, playbook_runs.c.parent_seq)
    ).first()
    if row is None or row.parent_case is None:
        return None
    held = (
        select(playbook_runs.c.id)
        .where(
            playbook_runs.c.parent_case == row.parent_case,
            playbook_runs.c.parent_seq == row.parent_seq,
            playbook_runs.c.state == "held",
        )
        .order_by(playbook_runs.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    following = conn.execute(held).scalar()
    if following is not None:
        _change(conn, playbook_runs.c.id == following, state="queued")
    return int(row.parent_case)


def withdraw_runs(conn: Connection, case_id: int, seq: int | None = None) -> None:
    """Begin no more runs that a case, or one step of it, asked for; those under way go on."""
    mine = playbook_runs.c.parent_case == case_id
    if seq is not None:
        mine &= playbook_runs.c.parent_seq == seq
    _change(conn, mine & playbook_runs.c.state.in_(("held", "queued")), state="ended", outcome="WITHDRAWN")


def device_keys(conn: Connection, ids: list[int]) -> dict[int, str]:
    """Return the keys of devices, those that are gone left out."""
    found: dict[int, str] = {}
    for first in range(0, len(ids), _CHUNK):
        query = select(devices.c.id, devices.c.device_key).where(
            devices.c.id.in_(ids[first : first + _CHUNK])
        )
        found.update((row.id, row.device_key) for row in conn.execute(query))
    return found


def runs_of(conn: Connection, case_id: int, seq: int) -> list[Run]:
    """Return the runs that a step asked for, the oldest first."""
    query = select(playbook_runs).where(
        playbook_runs.c.parent_case == case_id, playbook_runs.c.parent_seq == seq
    )
    return [_run(row) for row in conn.execute(query.order_by(playbook_runs.c.id)).mappings()]


def due_runs(conn: Connection, *, limit: int) -> list[int]:
    """Return devices that a run waits for, that have no open case and are not blocked."""
    busy = select(cases.c.id).where(case_is_open, cases.c.device_id == playbook_runs.c.device_id)
    query = (
        select(playbook_runs.c.device_id)
        .join(devices, devices.c.id == playbook_runs.c.device_id)
        .where(playbook_runs.c.state == "queued", devices.c.admission != "blocked", ~busy.exists())
        .group_by(playbook_runs.c.device_id)
        .order_by(func.min(playbook_runs.c.id))
        .limit(limit)
    )
    return [int(row.device_id) for row in conn.execute(query)]


def _change(conn: Connection, which: Any, **values: Any) -> None:
    conn.execute(update(playbook_runs).where(which).values(**values))


def _run(row: RowMapping) -> Run:
    return Run(**row)
