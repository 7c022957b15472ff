"""Everything that belongs to a case, in order: alarms, steps, notifications, instructions, files, outcome.

Nothing is written for it: it is read from the journal, the commands, the alarm events, the audit, the outbox
and what the device sent. What devices say is in it as they said it; who shows it has to escape it.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, func, or_, select

from acs import devices as dev
from acs import measures as ms
from acs.devices import Device
from acs.errors import AcsError
from acs.remediation.cases import Case, Step, find_case, journal_of
from acs.remediation.safety.slots import held_cases
from acs.remediation.steps import HELD
from acs.store.tables import alarm_events, alarms, audit, commands, deliveries, outbox, uploads

__all__ = ["Entry", "Kind", "timeline"]

Kind = Literal["alarm", "opened", "instruction", "step", "measure", "file", "audit", "notification", "closed"]

_MOST = 2000  # entries from one source; a case that waits for a year must not fill the memory
_TEXT = 500  # characters of one text
_WORDS = {"notifyNewAlarm": "raised", "notifyChangedAlarm": "changed", "notifyClearedAlarm": "cleared"}
_TOLD_OF_ALARM = "the managers are told of every change of an alarm (S1 L22)"


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a timeline.

    ``at`` is when it began, in seconds since the epoch; ``seconds`` how long it took, None while it goes on
    or where it takes no time. ``because`` is never empty. ``outcome`` is what came of it; ``sha256`` and
    ``size`` (bytes) are those of a file that the device sent.
    """

    at: float
    kind: Kind
    what: str
    because: str
    detail: str = ""
    outcome: str = ""
    who: str = ""
    seconds: float | None = None
    seq: int | None = None
    command_key: str = ""
    attempts: int | None = None
    fault_code: int | None = None
    fault_string: str = ""
    sha256: str = ""
    size: int | None = None


_Placed = tuple[tuple[float, int, int, int], Entry]  # with what it is sorted by

# At one instant, which is one transaction: an alarm, the case it opens, what is done, how it ends.
_ORDER = ("alarm", "told", "opened", "instruction", "step", "measure", "file", "audit", "closed")
_RANK = {kind: number for number, kind in enumerate(_ORDER)}
_LAST = len(_ORDER)


def timeline(conn: Connection, case_id: int) -> list[Entry]:
    """Return what belongs to a case, in order; the reason of each entry is in its ``because``.

    A step that was given no reason of its own has that of the step before it, which it is part of.
    Raises ``AcsError`` when there is no such case.
    """
    case = find_case(conn, case_id)
    if case is None:
        raise AcsError(f"there is no case {case_id}; see: acs cases list")
    device = dev.get(conn, case.device_id)
    steps = journal_of(conn, case_id)
    placed = _alarms(conn, case)
    since = min([case.opened_at, *(key[0] for key, _ in placed)])
    placed += [_place(_opened(case), "opened")]
    placed += _steps(conn, case, steps)
    placed += _notifications(conn, case, steps, since=since)
    placed += _audited(conn, case, device)
    placed += _measures(conn, case)
    placed += _files(conn, case)
    if case.closed_at is not None:
        closed = Entry(
            at=case.closed_at,
            kind="closed",
            what="case closed",
            because=case.because or "no reason was recorded",
            outcome=case.outcome or "",
            seconds=case.closed_at - case.opened_at,
        )
        placed.append(_place(closed, "closed"))
    return [entry for _, entry in sorted(placed, key=lambda each: each[0])]


def _place(entry: Entry, rank: str, seq: int = 0) -> _Placed:
    return (entry.at, _RANK[rank], seq, 0), entry


def _opened(case: Case) -> Entry:
    fact = case.fact
    rule = f"rule {fact['rule']} of " if fact.get("rule") else ""
    policy = f"{rule}policy {case.policy_version}"
    return Entry(
        at=case.opened_at,
        kind="opened",
        what=f"case opened: {case.procedure}",
        because=_classified(case),
        detail=f"playbook {case.playbook} version {case.playbook_version}, {policy}",
    )


def _classified(case: Case) -> str:
    """Return why the case was opened; a case's own reason becomes that of its end."""
    return str(case.fact.get("because") or "") or case.because or "no reason was recorded"


# --- alarms -------------------------------------------------------------------------------


def _alarms(conn: Connection, case: Case) -> list[_Placed]:
    """Return what the device told of alarms: those of the case since they were raised, others meanwhile."""
    mine = select(alarms).where(or_(alarms.c.id == case.alarm_id, alarms.c.case_id == case.id))
    rows = [*conn.execute(mine.order_by(alarms.c.id).limit(_MOST)).mappings()]
    names = {row["alarm_identifier"] for row in rows} | {case.fact.get("alarm_identifier", "")}
    query = select(alarm_events).where(
        alarm_events.c.device_id == case.device_id, _until(case, alarm_events.c.received_at)
    )
    events = [*conn.execute(_newest(query, alarm_events.c.id)).mappings()][::-1]
    begun = {
        each["alarm_identifier"]: each["received_at"]
        for each in events
        if each["received_at"] <= case.opened_at and each["notification_type"].lower() == "newalarm"
    }
    found: list[_Placed] = []
    for row in events:
        name, at = row["alarm_identifier"], row["received_at"]
        if at < (begun.get(name, case.opened_at) if name in names else case.opened_at):
            continue
        entry = Entry(
            at=at,
            kind="alarm",
            what=f"alarm {name[:_TEXT]}: {row['notification_type'][:_TEXT]}",
            because=f"the device reported it ({row['source']})",
            detail=f"{row['perceived_severity']}, event time {row['event_time'][:_TEXT]}",
            who="device",
        )
        found.append(_place(entry, "alarm", int(row["id"])))
    told = {row["alarm_identifier"] for row in events}
    for row in rows:
        found += _detected(case, row, told=row["alarm_identifier"] in told)
    return found


def _detected(case: Case, row: Any, *, told: bool) -> list[_Placed]:
    """Return what no event of the device tells: an alarm of the HeMS, and one that the HeMS ended."""
    until = case.closed_at if case.closed_at is not None else float("inf")
    name, found = row["alarm_identifier"][:_TEXT], []
    if not told and row["raised_at"] <= until:
        kind = f"{row['event_type']}, {row['probable_cause']}, {row['specific_problem']}"
        entry = Entry(
            at=row["raised_at"],
            kind="alarm",
            what=f"alarm {name}: raised",
            because=(row["additional_text"] or "detected")[:_TEXT],
            detail=f"{row['perceived_severity']}, {kind}"[:_TEXT],
            who=row["detector"][:_TEXT],
        )
        found.append(_place(entry, "alarm"))
    ended_here = row["clear_reason"] not in ("", "device") or not told
    if row["cleared_at"] is not None and ended_here and case.opened_at <= row["cleared_at"] <= until:
        because = row["clear_reason"] or "its detector ended it"
        entry = Entry(at=row["cleared_at"], kind="alarm", what=f"alarm {name}: cleared", because=because)
        found.append(_place(entry, "alarm"))
    return found


# --- steps --------------------------------------------------------------------------------


def _steps(conn: Connection, case: Case, steps: list[Step]) -> list[_Placed]:
    query = select(commands).where(commands.c.case_id == case.id).limit(_MOST)
    sent = {row["id"]: row for row in conn.execute(query).mappings()}
    reason, found = _classified(case), []
    held = held_cases(conn, [case.id]).get(case.id, "it goes on now")
    for step in steps:
        reason = step.because or reason
        command = sent.get(step.command_id) if step.command_id is not None else None
        value = msgspec.json.decode(step.result) if step.result else None
        fault = value if isinstance(value, dict) and "fault_code" in value else {}
        entry = Entry(
            at=step.started_at,
            kind="step",
            what=step.name,
            because=reason,
            detail=step.detail[:_TEXT],
            outcome=f"held: {held}"[:_TEXT]
            if step.event == HELD and not step.done
            else _outcome(step, value),
            seconds=None if step.done_at is None else step.done_at - step.started_at,
            seq=step.seq,
            command_key=command["command_key"] if command else "",
            attempts=command["attempts"] if command else None,
            fault_code=fault.get("fault_code") or None,
            fault_string=str(fault.get("fault_string") or "")[:_TEXT],
        )
        found.append(_place(entry, "step", step.seq))
    return found


def _outcome(step: Step, value: Any) -> str:
    """Return the gist of a step's result."""
    if not step.done:
        return "waiting"
    if isinstance(value, dict):
        return _gist(value)
    if isinstance(value, list):
        return f"{len(value)} entries"
    if isinstance(value, bool):
        if not step.event:
            return "yes" if value else "no"
        return "it came" if value else "it did not come in time"
    return "done" if value is None else str(value)[:100]


def _gist(value: dict[str, Any]) -> str:
    if "fault_code" in value:  # of a command
        return str(value.get("state", ""))
    if "secret_versions" in value:  # declared state
        wanted = value.get("wanted", {})
        return f"{len(wanted.get('values', ()))} values, {len(wanted.get('tables', ()))} tables"
    if "action" in value:  # an instruction
        return f"{value['action']} by {value.get('who', '')}"[:_TEXT]
    words = (
        f"{name}: {len(item)}" if isinstance(item, dict | list) else f"{name}={item}"
        for name, item in value.items()
    )
    return ", ".join(words)[:100]


# --- what was told and written down ---------------------------------------------------------


def _notifications(conn: Connection, case: Case, steps: list[Step], *, since: float) -> list[_Placed]:
    """Return what the managers were told of the case and, while it was open, of the device's alarms."""
    query = select(outbox).where(
        outbox.c.device_id == case.device_id, outbox.c.created_at >= since, _until(case, outbox.c.created_at)
    )
    asked = {(step.started_at, step.detail): step.seq for step in steps if step.name == "notify"}
    found: list[_Placed] = []
    rows = [*conn.execute(_newest(query, outbox.c.id)).mappings()][::-1]
    owed = _owed(conn, [row["id"] for row in rows])
    for row in rows:
        body = msgspec.json.decode(row["body"])
        if body.get("caseId", case.id) != case.id:
            continue
        at, kind = row["created_at"], row["notification_type"]
        comment = str(body.get("commentText", ""))
        entry = Entry(
            at=at,
            kind="notification",
            what=kind,
            because=str(body.get("because") or _held_back(body) or _TOLD_OF_ALARM)[:_TEXT],
            detail=(comment or f"alarm {body.get('alarmId', '')} {_WORDS.get(kind, '')}".strip())[:_TEXT],
            outcome=owed.get(row["id"], "nothing outstanding"),
        )
        number = int(row["id"])
        if (at, comment) in asked:
            found.append(((at, _RANK["step"], asked[at, comment], number), entry))
        else:
            rank = _RANK["told"] if "alarmId" in body else _LAST
            found.append(((at, rank, 0, number), entry))
    return found


def _held_back(body: dict[str, Any]) -> str:
    """Return what kept a notification from managers, if anything did."""
    mark = body.get("heldBack")
    return f"held back by {mark['by']}, {mark['because']}" if isinstance(mark, dict) else ""


def _owed(conn: Connection, ids: list[int]) -> dict[int, str]:
    """Return, of notifications that not every manager has, what is outstanding."""
    query = (
        select(deliveries.c.outbox_id, func.count(), func.count(deliveries.c.dead_at))
        .where(deliveries.c.outbox_id.in_(ids))
        .group_by(deliveries.c.outbox_id)
    )
    return {
        number: f"{owed - dead} managers to be told, {dead} given up"
        for number, owed, dead in conn.execute(query)
    }


def _audited(conn: Connection, case: Case, device: Device) -> list[_Placed]:
    """Return the instructions, and what was done to the device while the case was open."""
    told = (audit.c.target == str(case.id)) & audit.c.action.like("case %")
    done = (audit.c.target == device.device_key) & _until(case, audit.c.at)
    done &= ~audit.c.action.like("measure %")  # told by the measures themselves
    query = select(audit).where(audit.c.at >= case.opened_at, or_(told, done))
    found: list[_Placed] = []
    for row in [*conn.execute(_newest(query, audit.c.id)).mappings()][::-1]:
        who = row["who"]
        if who.startswith("case ") and who != f"case {case.id}":
            continue
        instruction = row["target"] == str(case.id)
        kind: Kind = "instruction" if instruction else "audit"
        entry = Entry(
            at=row["at"],
            kind=kind,
            what=row["action"].removeprefix("case ") if instruction else row["action"],
            because=(row["detail"] or "no reason was recorded")[:_TEXT],
            who=who[:_TEXT],
        )
        found.append(_place(entry, kind, int(row["id"])))
    return found


def _measures(conn: Connection, case: Case) -> list[_Placed]:
    """Return what the network was told for this case, and by people while it was open (S1 5.7.4)."""
    found: list[_Placed] = []
    for each in ms.list_measures(conn, device_id=case.device_id, limit=_MOST):
        by_people = each.case_id is None and case.opened_at <= each.created_at
        if by_people and case.closed_at is not None:
            by_people = each.created_at <= case.closed_at
        if each.case_id != case.id and not by_people:
            continue
        entry = Entry(
            at=each.created_at,
            kind="measure",
            what=f"{ms.operation_of(each.measure, each.action)} at {each.target}",
            because=each.because[:_TEXT],
            outcome=f"{each.state}: {each.error}" if each.error else each.state,
            who=each.who[:_TEXT],
            seconds=None if each.settled_at is None else each.settled_at - each.created_at,
            attempts=each.attempts,
        )
        found.append(_place(entry, "measure", each.id))
    return found


def _files(conn: Connection, case: Case) -> list[_Placed]:
    """Return what the device sent for Uploads of this case."""
    query = (
        select(uploads)
        .join(commands, commands.c.command_key == uploads.c.command_key)
        .where(commands.c.case_id == case.id, uploads.c.device_id == case.device_id)
    )
    found: list[_Placed] = []
    for row in conn.execute(_newest(query, uploads.c.id)).mappings():
        entry = Entry(
            at=row["changed_at"],
            kind="file",
            what=f"{row['kind']}, upload {row['id']}",
            because=f"asked for by {row['command_key']}",
            detail=row["name"][:_TEXT],
            outcome=f"{row['state']}: {row['reason']}" if row["reason"] else row["state"],
            who="device",
            command_key=row["command_key"],
            sha256=row["sha256"],
            size=row["size"],
        )
        found.append(_place(entry, "file", int(row["id"])))
    return found


def _until(case: Case, column: ColumnElement[float]) -> ColumnElement[bool]:
    """Return the condition that something was before the case ended."""
    return column <= case.closed_at if case.closed_at is not None else column.is_not(None)


def _newest(query: Select[Any], number: ColumnElement[int]) -> Select[Any]:
    return query.order_by(number.desc()).limit(_MOST)
