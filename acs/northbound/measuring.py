"""The routes of higher level measures (S1 5.7.4)."""

from __future__ import annotations

from sqlalchemy import Connection

from acs import devices as dev
from acs import measures as ms
from acs import remediation as rm
from acs.northbound import shapes as sh
from acs.northbound.problems import ProblemError, conflict
from acs.northbound.resources import Call, device_of, number_of, page_of, shaped

__all__ = ["ask", "block", "listing", "retry", "unblock", "undo"]


def _shown(found: ms.Measure) -> sh.Measure:
    operation = ms.operation_of(found.measure, found.action)
    return shaped(sh.Measure, found, device=found.device_key, operation=operation)


def listing(conn: Connection, call: Call) -> sh.Page[sh.Measure]:
    """List measures, the newest first."""
    query: sh.MeasureQuery = call.query
    wanted = device_of(conn, query.device).id if query.device is not None else None
    found = ms.list_measures(
        conn, device_id=wanted, state=query.state, before=query.before, limit=query.limit + 1
    )
    return page_of([_shown(each) for each in found], query.limit, lambda each: each.id)


def ask(conn: Connection, call: Call) -> sh.Measures:
    """Ask the network for measures about a device; those in force already are not asked for again."""
    owner, told = device_of(conn, call.path["device"]), call.body
    with conflict("measures"):
        made = ms.request_measures(
            conn,
            owner,
            told.measures,
            who=call.caller.who,
            because=told.why,
            system_dn=call.env.system_dn,
            now=call.now,
        )
    return sh.Measures([_shown(each) for each in made])


def undo(conn: Connection, call: Call) -> sh.Measures:
    """Undo measures, in the name of the token's owner; it may take a second one."""
    owner, told = device_of(conn, call.path["device"]), call.body
    with conflict("measures"):
        made = rm.undo(
            conn,
            owner.id,
            told.measures,
            who=call.caller.who,
            why=told.why,
            env=call.env,
            now=call.now,
        )
    return sh.Measures([_shown(each) for each in made or ()], second_approval_needed=made is None)


def block(conn: Connection, call: Call) -> sh.Blocked:
    """Put a device on the black list and ask for measures; it may take a second person."""
    owner, told = device_of(conn, call.path["device"]), call.body
    if told.measures and "measures:write" not in call.caller.scopes:
        remedy = "without `measures` the policy's are taken, which this token may do"
        raise ProblemError(403, "the token has not the scope measures:write", field="measures", remedy=remedy)
    with conflict("measures"):
        done = rm.block(
            conn,
            owner.id,
            told.measures,
            who=call.caller.who,
            why=told.why,
            env=call.env,
            now=call.now,
        )
    found, standing = dev.get(conn, owner.id), ms.in_force(conn, owner.id)
    return sh.Blocked(
        found.device_key,
        found.admission,
        [_shown(each) for each in standing],
        second_approval_needed=not done,
    )


def unblock(conn: Connection, call: Call) -> sh.Unblocked:
    """Let a blocked device in again and undo its measures; it may take a second person."""
    owner = device_of(conn, call.path["device"])
    with conflict("device"):
        done = rm.unblock(conn, owner.id, who=call.caller.who, why=call.body.why, env=call.env, now=call.now)
    found = dev.get(conn, owner.id)
    return sh.Unblocked(found.device_key, found.admission, second_approval_needed=not done)


def retry(conn: Connection, call: Call) -> sh.Measure:
    """Have a measure sent again that was given up."""
    with conflict("id"):
        return _shown(ms.retry_measure(conn, number_of(call), who=call.caller.who, now=call.now))
