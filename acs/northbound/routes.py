"""The table of routes: dispatch and the OpenAPI document are both made of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection

from acs.northbound import measuring, resources, safety, silencing, subscribing
from acs.northbound import shapes as sh
from acs.northbound.resources import Call
from acs.remediation import CaseExport

__all__ = ["ROUTES", "Route"]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation. ``writes``: it changes something, and is audited; ``body`` None: there is none."""

    method: str
    path: str
    scope: str
    run: Callable[[Connection, Call], msgspec.Struct]
    answer: Any
    query: type[msgspec.Struct] = sh.Nothing
    body: type[msgspec.Struct] | None = None
    writes: bool = False
    status: int = 200


ROUTES = (
    Route("GET", "/v1/devices", "devices:read", resources.devices, sh.Page[sh.Device], sh.DeviceQuery),
    Route("GET", "/v1/devices/{device}", "devices:read", resources.device, sh.Device),
    Route(
        "GET",
        "/v1/devices/{device}/parameters",
        "devices:read",
        resources.parameters,
        sh.Page[sh.Parameter],
        sh.ParameterQuery,
    ),
    Route(
        "POST",
        "/v1/devices/{device}/commands",
        "commands:write",
        resources.enqueue,
        sh.Command,
        body=sh.CommandRequest,
        writes=True,
        status=202,
    ),
    Route(
        "POST",
        "/v1/devices/{device}/reach",
        "devices:reach",
        resources.reach,
        sh.Case,
        body=sh.ForcedRequest,
        writes=True,
        status=202,
    ),
    Route(
        "POST",
        "/v1/devices/{device}/emergency",
        "cases:instruct",
        resources.emergency,
        sh.Device,
        body=sh.EmergencyNews,
        writes=True,
    ),
    Route(
        "POST",
        "/v1/devices/{device}/sightings",
        "sightings:write",
        resources.sighted,
        sh.Device,
        body=sh.Sighting,
        writes=True,
    ),
    Route("GET", "/v1/alarms", "alarms:read", resources.alarms, sh.Page[sh.Alarm], sh.AlarmQuery),
    Route("POST", "/v1/alarms/{id}/ack", "alarms:ack", resources.acknowledge, sh.Alarm, writes=True),
    Route("GET", "/v1/cases", "cases:read", resources.cases, sh.Page[sh.Case], sh.CaseQuery),
    Route("GET", "/v1/cases/{id}", "cases:read", resources.case, CaseExport),
    Route(
        "POST",
        "/v1/cases/{id}/instruct",
        "cases:instruct",
        resources.instruct,
        sh.Instructed,
        body=sh.Instruction,
        writes=True,
    ),
    Route("GET", "/v1/measures", "measures:read", measuring.listing, sh.Page[sh.Measure], sh.MeasureQuery),
    Route(
        "POST",
        "/v1/devices/{device}/measures",
        "measures:write",
        measuring.ask,
        sh.Measures,
        body=sh.MeasureRequest,
        writes=True,
        status=202,
    ),
    Route(
        "POST",
        "/v1/devices/{device}/measures/undo",
        "measures:write",
        measuring.undo,
        sh.Measures,
        body=sh.MeasureUndoing,
        writes=True,
        status=202,
    ),
    Route(
        "POST",
        "/v1/devices/{device}/block",
        "cases:instruct",
        measuring.block,
        sh.Blocked,
        body=sh.BlockRequest,
        writes=True,
    ),
    Route(
        "POST",
        "/v1/devices/{device}/unblock",
        "cases:instruct",
        measuring.unblock,
        sh.Unblocked,
        body=sh.ForcedRequest,
        writes=True,
    ),
    Route("POST", "/v1/measures/{id}/retry", "measures:write", measuring.retry, sh.Measure, writes=True),
    Route("GET", "/v1/safety", "safety:read", safety.show, safety.SafetyState),
    Route(
        "POST",
        "/v1/safety/pause",
        "safety:write",
        safety.pause,
        safety.SafetyState,
        body=safety.SafetyRequest,
        writes=True,
    ),
    Route(
        "POST",
        "/v1/safety/resume",
        "safety:write",
        safety.resume,
        safety.SafetyState,
        body=safety.SafetyRequest,
        writes=True,
    ),
    Route("GET", "/v1/silences", "alarms:read", silencing.listing, sh.Page[sh.Silence], sh.SilenceQuery),
    Route(
        "POST",
        "/v1/silences",
        "alarms:silence",
        silencing.add,
        sh.Silence,
        body=sh.SilenceRequest,
        writes=True,
        status=201,
    ),
    Route(
        "POST",
        "/v1/silences/{id}/approve",
        "alarms:silence",
        silencing.approve,
        sh.Silence,
        body=sh.ForcedRequest,
        writes=True,
    ),
    Route("DELETE", "/v1/silences/{id}", "alarms:silence", silencing.expire, sh.Silence, writes=True),
    Route("GET", "/v1/subscriptions", "alarms:subscribe", subscribing.listing, sh.Page[sh.Subscription]),
    Route(
        "POST",
        "/v1/subscriptions",
        "alarms:subscribe",
        subscribing.subscribe,
        sh.NewSubscription,
        body=sh.SubscriptionRequest,
        writes=True,
        status=201,
    ),
    Route("GET", "/v1/subscriptions/{id}", "alarms:subscribe", subscribing.show, sh.SubscriptionState),
    Route(
        "DELETE",
        "/v1/subscriptions/{id}",
        "alarms:subscribe",
        subscribing.unsubscribe,
        sh.Subscription,
        writes=True,
    ),
    Route("GET", "/v1/commands", "commands:read", resources.commands, sh.Page[sh.Command], sh.CommandQuery),
)
