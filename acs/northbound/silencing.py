"""The routes of silences."""

from __future__ import annotations

from sqlalchemy import Connection

from acs import alarms as al
from acs.errors import AcsError
from acs.northbound import shapes as sh
from acs.northbound.problems import ProblemError, conflict
from acs.northbound.resources import Call, number_of, page_of, shaped

__all__ = ["add", "approve", "expire", "listing"]


def _shown(found: al.Silence, now: float) -> sh.Silence:
    matchers = [str(each) for each in found.matchers]
    return shaped(sh.Silence, found, matchers=matchers, state=found.state(now))


def _mentioned(conn: Connection, call: Call) -> int:
    number = number_of(call)
    if al.find_silence(conn, number) is None:
        raise ProblemError(404, f"there is no silence {number}", field="id")
    return number


def listing(conn: Connection, call: Call) -> sh.Page[sh.Silence]:
    """List silences, the newest first."""
    query: sh.SilenceQuery = call.query
    found = al.list_silences(
        conn, now=call.now, ended=query.ended, before=query.before, limit=query.limit + 1
    )
    return page_of([_shown(each, call.now) for each in found], query.limit, lambda each: each.id)


def add(conn: Connection, call: Call) -> sh.Silence:
    """Silence alarms for a while, in the name of the token's owner; `grave` takes a second person."""
    wanted: sh.SilenceRequest = call.body
    try:
        made = al.add_silence(
            conn,
            wanted.matchers,
            who=call.caller.who,
            why=wanted.why,
            starts_at=call.now if wanted.starts_at is None else wanted.starts_at,
            ends_at=wanted.ends_at,
            hold_remediation=wanted.hold_remediation,
            grave=wanted.grave,
            now=call.now,
        )
    except AcsError as error:
        raise ProblemError(422, str(error), field="body") from error
    return _shown(made, call.now)


def approve(conn: Connection, call: Call) -> sh.Silence:
    """Approve a silence of critical security alarms that another person asked for."""
    number = _mentioned(conn, call)
    with conflict("id"):
        done = al.approve_silence(conn, number, who=call.caller.who, why=call.body.why, now=call.now)
    return _shown(done, call.now)


def expire(conn: Connection, call: Call) -> sh.Silence:
    """End a silence now."""
    number = _mentioned(conn, call)
    with conflict("id"):
        done = al.expire_silence(conn, number, who=call.caller.who, now=call.now)
    return _shown(done, call.now)
