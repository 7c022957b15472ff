"""Cases and their journals as rows: open, find, list, show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, bindparam, func, insert, select, update

from acs.remediation.policy import Policy
from acs.store import signal
from acs.store.tables import case_is_open, cases, journal, policies

__all__ = [
    "ACTIVE",
    "SHIPPED",
    "Case",
    "Step",
    "active_case",
    "case_kinds",
    "change_case",
    "find_case",
    "journal_of",
    "list_cases",
    "open_case",
    "remediated_since",
    "steps_waiting_for",
]

ACTIVE = ("active", "waiting")
SHIPPED = "1"
"""The version of the playbooks that are shipped; those of operators have a hash."""

# What every step of a case asks for is put together once: that takes as long as to run it.
_BY_ID = select(cases).where(cases.c.id == bindparam("id_"))
_LOCK = _BY_ID.with_for_update()
_OPEN_OF_DEVICE = select(cases).where(cases.c.device_id == bindparam("device"), case_is_open)
_CHANGE = update(cases).where(cases.c.id == bindparam("id_")).values(epoch=cases.c.epoch + 1)
_OPEN = insert(cases).returning(cases)
_POLICY = select(policies.c.version).where(policies.c.version == bindparam("version"))
_WAITING_FOR = select(journal).where(
    journal.c.command_id == bindparam("command"), journal.c.state == "waiting"
)
_JOURNAL = select(journal).where(journal.c.case_id == bindparam("case")).order_by(journal.c.seq)


@dataclass(frozen=True, slots=True)
class Case:
    """One case: what is wrong with a device and what is done about it.

    ``state``: active, waiting (for an instruction), closed. ``facts`` is what the playbook was
    given when the case was opened and never changes; ``outcome`` is empty until there is one.
    """

    id: int
    device_id: int
    kind: str
    state: str
    outcome: str | None
    procedure: str
    playbook: str
    playbook_version: str
    policy_version: str
    alarm_id: int | None
    because: str
    facts: str
    wake_at: float | None
    epoch: int
    opened_at: float
    closed_at: float | None

    @property
    def fact(self) -> dict[str, Any]:
        """The facts, decoded."""
        decoded: dict[str, Any] = msgspec.json.decode(self.facts)
        return decoded


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a case's journal; ``result`` is JSON."""

    case_id: int
    seq: int
    branch: str
    name: str
    detail: str
    because: str
    state: str
    command_id: int | None
    event: str
    deadline: float | None
    result: str | None
    started_at: float
    done_at: float | None

    @property
    def done(self) -> bool:
        """Whether its result is known."""
        return self.state == "done"


def _case(row: RowMapping) -> Case:
    return Case(**row)


def open_case(
    conn: Connection,
    device_id: int,
    *,
    kind: str,
    procedure: str,
    playbook: str,
    playbook_version: str = SHIPPED,
    policy: Policy,
    alarm_id: int | None,
    because: str,
    facts: dict[str, Any],
    now: float,
) -> Case:
    """Open a case; the device must have no other open one (the database refuses a second).

    Its reason stays among its facts: ``because`` becomes the reason of its end.
    """
    if conn.execute(_POLICY, {"version": policy.version}).first() is None:
        conn.execute(insert(policies).values(version=policy.version, body=policy.text, activated_at=now))
    values = {
        "device_id": device_id,
        "kind": kind,
        "state": "active",
        "procedure": procedure,
        "playbook": playbook,
        "playbook_version": playbook_version,
        "policy_version": policy.version,
        "alarm_id": alarm_id,
        "because": because,
        "facts": msgspec.json.encode({**facts, "because": because}).decode(),
        "opened_at": now,
    }
    made = _case(conn.execute(_OPEN, values).mappings().one())
    signal(conn, "cases", str(made.id))
    return made


def find_case(conn: Connection, case_id: int, *, lock: bool = False) -> Case | None:
    """Return the case; ``lock`` keeps other nodes from advancing it until the transaction ends."""
    row = conn.execute(_LOCK if lock else _BY_ID, {"id_": case_id}).mappings().first()
    return _case(row) if row else None


def active_case(conn: Connection, device_id: int) -> Case | None:
    """Return the one case of the device that is active or waits for an instruction."""
    row = conn.execute(_OPEN_OF_DEVICE, {"device": device_id}).mappings().first()
    return _case(row) if row else None


def remediated_since(conn: Connection, device_id: int, procedure: str, *, since: float) -> int:
    """Return how many cases of this procedure remedied the device since then."""
    query = (
        select(func.count())
        .select_from(cases)
        .where(
            cases.c.device_id == device_id,
            cases.c.procedure == procedure,
            cases.c.outcome == "REMEDIATED",
            cases.c.closed_at >= since,
        )
    )
    return int(conn.execute(query).scalar_one())


def change_case(conn: Connection, case_id: int, **values: Any) -> None:
    """Write ``values``; each write raises the epoch, which orders them."""
    conn.execute(_CHANGE, {"id_": case_id, **values})
    signal(conn, "cases", str(case_id))


def list_cases(
    conn: Connection,
    *,
    device_id: int | None = None,
    state: str | None = None,
    kind: str | None = None,
    open_only: bool = False,
    before: int | None = None,
    limit: int = 100,
) -> list[Case]:
    """Return cases, the newest first; those with an id below ``before``."""
    query = select(cases).order_by(cases.c.id.desc()).limit(limit)
    for column, value in ((cases.c.device_id, device_id), (cases.c.state, state), (cases.c.kind, kind)):
        if value is not None:
            query = query.where(column == value)
    if open_only:
        query = query.where(case_is_open)
    if before is not None:
        query = query.where(cases.c.id < before)
    return [_case(row) for row in conn.execute(query).mappings()]


def case_kinds(conn: Connection) -> list[str]:
    """Return the kinds of case that there are."""
    return sorted(conn.execute(select(cases.c.kind).distinct()).scalars())


def steps_waiting_for(conn: Connection, command_id: int) -> list[Step]:
    """Return the steps that wait for the outcome of a command: one, if any."""
    return [Step(**row) for row in conn.execute(_WAITING_FOR, {"command": command_id}).mappings()]


def journal_of(conn: Connection, case_id: int) -> list[Step]:
    """Return the journal of a case in order."""
    return [Step(**row) for row in conn.execute(_JOURNAL, {"case": case_id}).mappings()]
