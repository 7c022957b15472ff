"""The table of routes: dispatch and the OpenAPI document are both made of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection

from acs.northbound import commanding, measuring, resources, safety, silencing, subscribing
from acs.northbound import shapes as sh
from acs.northbound.resources import Call
from acs.remediation import CaseExport

__all__ = ["ROUTES", "Route"]

_Run = Callable[[Connection, Call], msgspec.Struct]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation. ``writes``: it changes something, and is audited; ``body`` None: there is none."""

    method: str
    path: str
    scope: str
    run: _Run
    answer: Any
    query: type[msgspec.Struct] = sh.Nothing
    body: type[msgspec.Struct] | None = None
    writes: bool = False
    status: int = 200


def _get(path: str, scope: str, run: _Run, answer: Any, query: type[msgspec.Struct] = sh.Nothing) -> Route:
    return Route("GET", path, scope, run, answer, query)


def _post(
    path: str,
    scope: str,
    run: _Run,
    answer: Any,
    body: type[msgspec.Struct] | None = None,
    *,
    status: int = 200,
) -> Route:
    return Route("POST", path, scope, run, answer, body=body, writes=True, status=status)


def _delete(path: str, scope: str, run: _Run, answer: Any) -> Route:
    return Route("DELETE", path, scope, run, answer, writes=True)


ROUTES = (
    _get("/v1/devices", "devices:read", resources.devices, sh.Page[sh.Device], sh.DeviceQuery),
    _get("/v1/devices/{device}", "devices:read", resources.device, sh.Device),
    _get(
        "/v1/devices/{device}/parameters",
        "devices:read",
        resources.parameters,
        sh.Page[sh.Parameter],
        sh.ParameterQuery,
    ),
    _post(
        "/v1/devices/{device}/commands",
        "commands:write",
        resources.enqueue,
        sh.Command,
        sh.CommandRequest,
        status=202,
    ),
    _post(
        "/v1/devices/{device}/reach", "devices:reach", resources.reach, sh.Case, sh.ForcedRequest, status=202
    ),
    _post(
        "/v1/devices/{device}/emergency", "cases:instruct", resources.emergency, sh.Device, sh.EmergencyNews
    ),
    _post("/v1/devices/{device}/sightings", "sightings:write", resources.sighted, sh.Device, sh.Sighting),
    _get("/v1/alarms", "alarms:read", resources.alarms, sh.Page[sh.Alarm], sh.AlarmQuery),
    _post("/v1/alarms/{id}/ack", "alarms:ack", resources.acknowledge, sh.Alarm),
    _get("/v1/cases", "cases:read", resources.cases, sh.Page[sh.Case], sh.CaseQuery),
    _get("/v1/cases/{id}", "cases:read", resources.case, CaseExport),
    _post("/v1/cases/{id}/instruct", "cases:instruct", resources.instruct, sh.Instructed, sh.Instruction),
    _get("/v1/measures", "measures:read", measuring.listing, sh.Page[sh.Measure], sh.MeasureQuery),
    _post(
        "/v1/devices/{device}/measures",
        "measures:write",
        measuring.ask,
        sh.Measures,
        sh.MeasureRequest,
        status=202,
    ),
    _post(
        "/v1/devices/{device}/measures/undo",
        "measures:write",
        measuring.undo,
        sh.Measures,
        sh.MeasureUndoing,
        status=202,
    ),
    _post("/v1/devices/{device}/block", "cases:instruct", measuring.block, sh.Blocked, sh.BlockRequest),
    _post(
        "/v1/devices/{device}/unblock", "cases:instruct", measuring.unblock, sh.Unblocked, sh.ForcedRequest
    ),
    _post("/v1/measures/{id}/retry", "measures:write", measuring.retry, sh.Measure),
    _get("/v1/safety", "safety:read", safety.show, safety.SafetyState),
    _post("/v1/safety/pause", "safety:write", safety.pause, safety.SafetyState, safety.SafetyRequest),
    _post("/v1/safety/resume", "safety:write", safety.resume, safety.SafetyState, safety.SafetyRequest),
    _get("/v1/silences", "alarms:read", silencing.listing, sh.Page[sh.Silence], sh.SilenceQuery),
    _post("/v1/silences", "alarms:silence", silencing.add, sh.Silence, sh.SilenceRequest, status=201),
    _post("/v1/silences/{id}/approve", "alarms:silence", silencing.approve, sh.Silence, sh.ForcedRequest),
    _delete("/v1/silences/{id}", "alarms:silence", silencing.expire, sh.Silence),
    _get("/v1/subscriptions", "alarms:subscribe", subscribing.listing, sh.Page[sh.Subscription]),
    _post(
        "/v1/subscriptions",
        "alarms:subscribe",
        subscribing.subscribe,
        sh.NewSubscription,
        sh.SubscriptionRequest,
        status=201,
    ),
    _get("/v1/subscriptions/{id}", "alarms:subscribe", subscribing.show, sh.SubscriptionState),
    _delete("/v1/subscriptions/{id}", "alarms:subscribe", subscribing.unsubscribe, sh.Subscription),
    _get("/v1/commands", "commands:read", resources.commands, sh.Page[sh.Command], sh.CommandQuery),
    _get("/v1/commands/{id}", "commands:read", commanding.show, sh.CommandDetail),
    _delete("/v1/commands/{id}", "commands:write", commanding.withdraw, sh.Command),
)
