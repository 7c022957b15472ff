"""What each route does: functions of a connection. They never commit and know nothing of HTTP."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection

from acs import alarms as al
from acs import commands as cm
from acs import detection as dt
from acs import devices as dev
from acs import remediation as rm
from acs.cwmp import messages as m
from acs.cwmp import unpack
from acs.datamodel import shown_value
from acs.errors import AcsError
from acs.northbound import shapes as sh
from acs.northbound.problems import ProblemError, conflict
from acs.security import Sealer
from acs.settings import Settings

__all__ = [
    "Call",
    "Caller",
    "acknowledge",
    "alarms",
    "case",
    "cases",
    "commands",
    "device",
    "device_of",
    "devices",
    "emergency",
    "enqueue",
    "instruct",
    "number_of",
    "page_of",
    "parameters",
    "reach",
    "shaped",
    "sighted",
]

T = TypeVar("T", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: ``who`` for the audit, in the name of ``owner``."""

    who: str
    owner: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """One request: what stands in the path, the query, the body; and what is needed to answer it."""

    caller: Caller
    path: dict[str, str]
    query: Any
    body: Any
    env: rm.Environment
    sealer: Sealer
    settings: Settings
    now: float


def shaped(kind: type[T], source: Any, **own: Any) -> T:
    """Make a shape of the fields that a source has under the same names."""
    names = [field.name for field in msgspec.structs.fields(kind) if field.name not in own]
    return kind(**{name: getattr(source, name) for name in names}, **own)


def device_of(conn: Connection, key: str, *, field: str = "device") -> dev.Device:
    """Return a device. Raises ``ProblemError`` 404 where there is none."""
    found = dev.find(conn, key)
    if found is None:
        remedy = "GET /v1/devices lists the devices"
        raise ProblemError(404, f"there is no device {key[:100]!r}", field=field, remedy=remedy)
    return found


def number_of(call: Call) -> int:
    """Return the number in the path. Raises ``ProblemError`` 404 where it is none."""
    text = call.path["id"]
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise ProblemError(404, f"{text[:40]!r} is no number", field="id")
    return int(text)


def page_of(items: Sequence[T], limit: int, key: Callable[[T], Any]) -> sh.Page[T]:
    """Return a page; one more item than ``limit`` was asked for, to know whether there is more."""
    shown = list(items[:limit])
    return sh.Page(shown, str(key(shown[-1])) if len(items) > limit else None)


def _keys(conn: Connection, found: Iterable[Any]) -> dict[int, str]:
    return {number: dev.get(conn, number).device_key for number in {each.device_id for each in found}}


def _shown_device(found: dev.Device) -> sh.Device:
    return shaped(sh.Device, found, device=found.device_key)


def devices(conn: Connection, call: Call) -> sh.Page[sh.Device]:
    """List devices, in order of their key."""
    query: sh.DeviceQuery = call.query
    wanted = dev.DeviceFilter(
        admission=(query.admission,) if query.admission else (),
        oui=query.oui,
        product_class=query.product_class,
        software_version=query.software_version,
        not_software_version=query.not_software_version,
        group=query.group,
        site=query.site,
        containing=query.containing,
        silent_since=query.silent_since,
        seen_since=query.seen_since,
    )
    found = dev.listing(conn, wanted, limit=query.limit + 1, after=query.after)
    return page_of([_shown_device(each) for each in found], query.limit, lambda each: each.device)


def device(conn: Connection, call: Call) -> sh.Device:
    """Show one device."""
    return _shown_device(device_of(conn, call.path["device"]))


def parameters(conn: Connection, call: Call) -> sh.Page[sh.Parameter]:
    """List the stored parameters of a device, in order of their name; not the values of secrets."""
    query: sh.ParameterQuery = call.query
    values = dev.parameters_of(conn, device_of(conn, call.path["device"]).id, query.below)
    names = [name for name in sorted(values) if name > query.after][: query.limit + 1]
    shown = {name: shown_value(name, values[name].value, values[name].type) for name in names}
    found = [shaped(sh.Parameter, values[name], value=shown[name]) for name in names]
    return page_of(found, query.limit, lambda each: each.name)


def alarms(conn: Connection, call: Call) -> sh.Page[sh.Alarm]:
    """List alarms, the newest first."""
    query: sh.AlarmQuery = call.query
    wanted = device_of(conn, query.device).id if query.device is not None else None
    found = al.list_alarms(
        conn, device_id=wanted, state=query.state, before=query.before, limit=query.limit + 1
    )
    keys = _keys(conn, found)
    holds = al.holds_of(conn, [each.id for each in found])
    shown = [_shown_alarm(each, keys[each.device_id], holds) for each in found]
    return page_of(shown, query.limit, lambda each: each.id)


def _shown_alarm(found: al.Alarm, key: str, holds: dict[int, al.Hold]) -> sh.Alarm:
    held = shaped(sh.HeldBack, holds[found.id]) if found.id in holds else None
    return shaped(sh.Alarm, found, device=key, held_back=held)


def acknowledge(conn: Connection, call: Call) -> sh.Alarm:
    """Acknowledge an alarm in the name of the token's owner."""
    number = number_of(call)
    try:
        found = al.get_alarm(conn, number)
    except AcsError as error:
        raise ProblemError(404, f"there is no alarm {number}", field="id") from error
    owner = dev.get(conn, found.device_id)
    changed = al.acknowledge(conn, owner, number, who=call.caller.who, now=call.now)
    dev.audit(conn, call.caller.who, "alarm acknowledged", f"alarm {number}", owner.device_key, now=call.now)
    return _shown_alarm(changed, owner.device_key, al.holds_of(conn, [changed.id]))


def cases(conn: Connection, call: Call) -> sh.Page[sh.Case]:
    """List cases, the newest first."""
    query: sh.CaseQuery = call.query
    wanted = device_of(conn, query.device).id if query.device is not None else None
    found = rm.list_cases(
        conn, device_id=wanted, state=query.state, before=query.before, limit=query.limit + 1
    )
    keys, held = _keys(conn, found), rm.waiting_cases(conn, [each.id for each in found])
    shown = [shaped(sh.Case, each, device=keys[each.device_id], held=held.get(each.id, "")) for each in found]
    return page_of(shown, query.limit, lambda each: each.id)


def case(conn: Connection, call: Call) -> rm.CaseExport:
    """Show a case with its timeline: what was done when, why, and what came of it, as `acs cases export`."""
    number = number_of(call)
    if rm.find_case(conn, number) is None:
        raise ProblemError(
            404, f"there is no case {number}", field="id", remedy="GET /v1/cases lists the cases"
        )
    return rm.export_case(conn, number, who=call.caller.who, now=call.now)


def instruct(conn: Connection, call: Call) -> sh.Instructed:
    """Tell a case that waits what to do, in the name of the token's owner."""
    number, told = number_of(call), call.body
    if rm.find_case(conn, number) is None:
        raise ProblemError(404, f"there is no case {number}", field="id")
    with conflict("action", remedy="GET /v1/cases?state=waiting lists those that wait"):
        done = rm.instruct(
            conn, number, told.action, who=call.caller.who, why=told.why, env=call.env, now=call.now
        )
    found = rm.find_case(conn, number)
    assert found is not None
    key = dev.get(conn, found.device_id).device_key
    return shaped(sh.Instructed, found, device=key, held="", second_approval_needed=not done)


def reach(conn: Connection, call: Call) -> sh.Case:
    """Force a management request: reach a device that is not heard of, by any path (S1 L72)."""
    owner = device_of(conn, call.path["device"])
    with conflict("device"):
        made = rm.reach(conn, owner.id, who=call.caller.who, why=call.body.why, env=call.env, now=call.now)
    return shaped(sh.Case, made, device=owner.device_key, held="")


def emergency(conn: Connection, call: Call) -> sh.Device:
    """Tell what another HeMS saw of a device in emergency remediation (S1 L82)."""
    owner, told, who = device_of(conn, call.path["device"]), call.body, call.caller.who
    with conflict("device"):
        if told.happened == "registered":
            rm.registered_elsewhere(
                conn, owner.id, told.version, who=who, why=told.why, env=call.env, now=call.now
            )
        else:
            dt.expect_software(conn, owner, told.version, who=who, why=told.why, now=call.now)
    return _shown_device(owner)


def commands(conn: Connection, call: Call) -> sh.Page[sh.Command]:
    """List commands, the newest first."""
    query: sh.CommandQuery = call.query
    wanted = device_of(conn, query.device).id if query.device is not None else None
    found = cm.list_commands(
        conn, device_id=wanted, state=query.state, before=query.before, limit=query.limit + 1
    )
    keys = _keys(conn, found)
    shown = [shaped(sh.Command, each, device=keys[each.device_id]) for each in found]
    return page_of(shown, query.limit, lambda each: each.id)


def enqueue(conn: Connection, call: Call) -> sh.Command:
    """Queue an RPC for a device, which is called at once if it can be."""
    wanted: sh.CommandRequest = call.body
    owner = device_of(conn, call.path["device"])
    key = _key_of(wanted)
    message = _message(wanted, key)
    problems = cm.problems_of(conn, owner, message, strict=True)
    if problems:
        raise ProblemError(422, "; ".join(problems[:5]), field="arguments")
    method, until = m.method_name(message), call.now + max(wanted.expires_in, cm.lasts(message))
    made = cm.enqueue(
        conn,
        owner.id,
        cm.seal_request(message, call.sealer, owner.device_key, cm.secret_for(conn, owner, message)),
        command_key=key,
        purpose="operator",
        expires_at=until,
        unchecked=True,  # it was, above
        now=call.now,
    )
    if made.device_id != owner.id or made.method != method:
        raise ProblemError(409, f"the CommandKey {key!r} is that of another command", field="command_key")
    dev.audit(conn, call.caller.who, f"command {method}", owner.device_key, key, now=call.now)
    return shaped(sh.Command, made, device=owner.device_key)


def _key_of(wanted: sh.CommandRequest) -> str:
    """Return the CommandKey of a request: the one that it was given, in either place, or one of its own."""
    own = wanted.arguments.get("command_key", "") if wanted.method in m.KEYED_METHODS else ""
    if not isinstance(own, str) or len(own) > 32:
        raise ProblemError(422, "a CommandKey is a text of at most 32 characters", field="arguments")
    if own and wanted.command_key and own != wanted.command_key:
        text = f"two CommandKeys: command_key is {wanted.command_key!r}, that in arguments {own!r}"
        raise ProblemError(422, text, field="arguments", remedy="say it once")
    return wanted.command_key or own or f"nb-{uuid.uuid4().hex[:16]}"


def _message(wanted: sh.CommandRequest, key: str) -> m.Message:
    if wanted.method not in m.CPE_METHODS:
        known = ", ".join(sorted(m.CPE_METHODS))
        raise ProblemError(
            422, f"{wanted.method!r} is no method of a CPE", field="method", remedy=f"known are {known}"
        )
    arguments = dict(wanted.arguments)
    if wanted.method in m.KEYED_METHODS:
        arguments["command_key"] = key
    try:
        message = unpack(wanted.method, arguments)
    except (AttributeError, KeyError, TypeError, ValueError, msgspec.MsgspecError) as error:
        why = f"the arguments of {wanted.method} are wrong: {error}"
        raise ProblemError(422, why[:500], field="arguments") from error
    allowed = [field.name for field in fields(message)]
    unknown = sorted(set(arguments) - set(allowed))
    if unknown:
        text = f"{wanted.method} has no argument {unknown[0][:60]!r}"
        remedy = f"known are {', '.join(allowed) or 'none'}"
        raise ProblemError(422, text, field="arguments", remedy=remedy)
    return message


def sighted(conn: Connection, call: Call) -> sh.Device:
    """Note that a HeNB-GW or MME sees a device connected now (S1 L72)."""
    owner = device_of(conn, call.path["device"])
    dt.note_sighting(conn, owner, source=call.body.source, now=call.now)
    return _shown_device(owner)
