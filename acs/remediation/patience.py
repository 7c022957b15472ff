"""More time for a step whose device came and was told to come again: it is late by the ACS's doing."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, bindparam, update

from acs import devices as dev
from acs.commands import extend
from acs.remediation.cases import Case, Step
from acs.remediation.script_api import BY_PERSONS, RUNS
from acs.remediation.steps import HELD
from acs.store.tables import journal

__all__ = ["more_time"]

_BACK_OFF = (
    2.0  # the next try comes after this many times what all before took, at the latest (TR-069 3.2.1.1)
)
_LONGEST = 7200.0  # seconds that a step takes at most, however often its device is told to come again
_NOT_OF_THE_DEVICE = (*BY_PERSONS, RUNS, HELD)
_DEADLINE = (
    update(journal)
    .where(journal.c.case_id == bindparam("case"), journal.c.seq == bindparam("number"))
    .values(deadline=bindparam("until"))
)


def more_time(conn: Connection, case: Case, step: Step, *, session: float, now: float) -> Step | None:
    """Return a step that is overdue with a later deadline; None where the device was not turned away.

    ``session``: seconds that are waited for a session.
    """
    if step.command_id is None and (not step.event or step.event in _NOT_OF_THE_DEVICE):
        return None
    at = dev.turned_away_at(conn, case.device_id)
    if at is None or at < step.started_at:
        return None
    until = min(at + _BACK_OFF * (at - step.started_at) + session, step.started_at + _LONGEST)
    if until <= now or (step.command_id is not None and not extend(conn, step.command_id, until=until)):
        return None
    conn.execute(_DEADLINE, {"case": case.id, "number": step.seq, "until": until})
    return replace(step, deadline=until)
