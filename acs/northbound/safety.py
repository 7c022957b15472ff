"""Limits on disruptive steps over REST: look, pause, resume."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta
from sqlalchemy import Connection

from acs.northbound.problems import conflict
from acs.northbound.resources import Call
from acs.remediation.safety import control
from acs.remediation.safety.by_hand import SentByHand

__all__ = ["SafetyRequest", "SafetyState", "pause", "resume", "show"]

_LINE = 100  # cases of the line that are shown


class SafetyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A group that is to be paused or resumed, and why; it is kept in the audit."""

    why: Annotated[str, Meta(min_length=1, max_length=1000)]
    group: Annotated[
        str, Meta(min_length=1, max_length=250, description="fleet, site:NAME, model:NAME, …")
    ] = "fleet"


class SafetyState(msgspec.Struct, frozen=True):
    """How many cases disturb their device, how many wait, the groups, and the first 100 in the line.

    `by_hand`: the first 100 commands that people sent, which are never held and count in the groups.
    """

    running: int
    waiting: int
    groups: list[control.GroupView]
    held: list[control.HeldCase]
    by_hand: list[SentByHand]


def show(conn: Connection, call: Call) -> SafetyState:
    """Show what is paused, what is being disturbed, and which cases wait for what."""
    found = control.overview(conn, call.env.policy.safety, now=call.now, limit=_LINE)
    return SafetyState(found.running, found.waiting, found.groups, found.held, found.by_hand)


def pause(conn: Connection, call: Call) -> SafetyState:
    """Let no disruptive step begin in a group until it is resumed."""
    with conflict("group"):
        control.pause(conn, call.body.group, who=call.caller.who, why=call.body.why, now=call.now)
    return show(conn, call)


def resume(conn: Connection, call: Call) -> SafetyState:
    """Let disruptive steps of a group begin again, in order."""
    with conflict("group"):
        control.resume(conn, call.body.group, who=call.caller.who, why=call.body.why, now=call.now)
    return show(conn, call)
