"""The routes of subscriptions (TS 28.532: POST and DELETE /subscriptions)."""

from __future__ import annotations

from sqlalchemy import Connection

from acs import subscriptions as sub
from acs.errors import AcsError
from acs.northbound import shapes as sh
from acs.northbound.problems import ProblemError
from acs.northbound.resources import Call, number_of, shaped

__all__ = ["listing", "show", "subscribe", "unsubscribe"]


def _mine(conn: Connection, call: Call) -> sub.Subscription:
    """Return the subscription in the path. Those of other owners are none."""
    number = number_of(call)
    found = sub.find_subscription(conn, number)
    if found is None or found.owner != call.caller.owner:
        raise ProblemError(404, f"there is no subscription {number} of yours", field="id")
    return found


def listing(conn: Connection, call: Call) -> sh.Page[sh.Subscription]:
    """List the subscriptions of the token's owner."""
    found = [each for each in sub.list_subscriptions(conn) if each.owner == call.caller.owner]
    return sh.Page([shaped(sh.Subscription, each) for each in found])


def subscribe(conn: Connection, call: Call) -> sh.NewSubscription:
    """Have notifications sent to a URL from now on."""
    wanted: sh.SubscriptionRequest = call.body
    try:
        made, secret = sub.add_subscription(
            conn,
            wanted.consumer_reference,
            wanted.filter,
            sealer=call.sealer,
            who=call.caller.who,
            owner=call.caller.owner,
            bearer=wanted.bearer,
            ca=wanted.ca,
            insecure_http=call.settings.subscription_insecure_http,
            grouping=wanted.grouping,
            now=call.now,
        )
    except AcsError as error:
        raise ProblemError(422, str(error), field="body") from error
    return sh.NewSubscription(shaped(sh.Subscription, made), secret)


def show(conn: Connection, call: Call) -> sh.SubscriptionState:
    """Show a subscription, what waits for it, and what was given up."""
    found = _mine(conn, call)
    [backlog] = [each for each in sub.backlogs(conn) if each.subscription_id == found.id]
    dead = [shaped(sh.DeadLetter, each) for each in sub.dead_letters(conn, found.id)]
    told = shaped(sh.Subscription, found)
    return sh.SubscriptionState(told, backlog.waiting, backlog.oldest_at, backlog.dead, dead)


def unsubscribe(conn: Connection, call: Call) -> sh.Subscription:
    """End a subscription; what was not delivered yet is forgotten."""
    found = _mine(conn, call)
    sub.remove_subscription(conn, found.id, who=call.caller.who, now=call.now)
    return shaped(sh.Subscription, found)
